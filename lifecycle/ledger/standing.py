"""How each job stands: its newest run, its last success, what was missed. For check, metrics and the status page.

Never judges: `check.py` does.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

_STANDING = """
    with known as (
        select job from lifecycle.run where system = %(system)s
         union select job from lifecycle.schedule where system = %(system)s),
    counted as (
        select job, min(queued_at) as since,
               count(*) filter (where state = 'queued') as queued,
               count(*) filter (where state = 'running') as running,
               count(*) filter (where state = 'lost') as lost,
               coalesce(sum(coalesce((counts ->> 'slots')::bigint, 1)) filter (where state = 'missed'), 0) as missed,
               max(finished_at) filter (where state = 'finished' and verdict = 'pass') as succeeded
          from lifecycle.run where system = %(system)s group by job),
    newest as (
        select distinct on (job) job, state, verdict from lifecycle.run
         where system = %(system)s and state <> 'queued' order by job, scheduled_for desc, id desc),
    timed as (
        select distinct on (job) job, extract(epoch from finished_at - started_at)::float8 as seconds
          from lifecycle.run
         where system = %(system)s and state = 'finished' and started_at is not null
         order by job, finished_at desc)
    select job, n.state, n.verdict, coalesce(c.since, s.covered_until), c.succeeded, t.seconds,
           coalesce(c.queued, 0)::bigint, coalesce(c.running, 0)::bigint,
           coalesce(c.lost, 0)::bigint, coalesce(c.missed, 0)::bigint,
           s.paused_at is not null, s.pause_reason
      from known
      left join counted c using (job)
      left join newest n using (job)
      left join timed t using (job)
      left join (select job, covered_until, paused_at, pause_reason
                   from lifecycle.schedule where system = %(system)s) s using (job)
     order by job
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """One job on the ledger. `seconds` is how long its last finished run took.

    `since` is when its first run was queued; before that, up to when its slots were looked at: where no daemon does
    so any more, that instant grows old.
    """

    job: str
    state: str | None
    verdict: str | None
    since: datetime | None
    succeeded: datetime | None
    seconds: float | None
    queued: int
    running: int
    lost: int
    missed: int
    paused: bool
    pause_reason: str | None


def read(conn: Connection[TupleRow], system: str) -> dict[str, Standing]:
    """Return every job that the ledger knows, by name."""
    rows = conn.execute(_STANDING, {"system": system}).fetchall()
    return {row[0]: Standing(*row) for row in rows}
