"""How each job stands: its newest run, its last success, what was missed. For check, metrics and the status page.

Never judges: `check.py` does.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.ledger.plans import NARROWED

# However many runs there are: each job's newest, last passed and first one by an index, what waits and runs by
# partial ones, and what can only be counted from the tally. A success is what `Outcome.well` says: a run in whose way
# something was is none, though it found nothing wrong, and so is one of a narrowed plan, which leaves the rest unseen.
_STANDING = f"""
    with recursive ran (job) as (
        (select min(job) from lifecycle.run where system = %(system)s)
         union all
        select (select min(job) from lifecycle.run where system = %(system)s and job > ran.job)
          from ran where ran.job is not null),
    known as (
        select job from ran where job is not null
         union select job from lifecycle.schedule where system = %(system)s),
    queued as (select job, count(*) as n from lifecycle.run
                where system = %(system)s and state = 'queued' group by job),
    running as (select job, count(*) as n from lifecycle.run
                 where system = %(system)s and state = 'running' group by job)
    select k.job, n.state, n.verdict, coalesce(f.since, d.covered_until), p.succeeded, t.seconds,
           coalesce(q.n, 0), coalesce(r.n, 0),
           coalesce(c.lost, 0), coalesce(c.missed, 0), s.reason is not null, s.reason,
           greatest(d.covered_until, w.slot)
      from known k
      left join queued q using (job)
      left join running r using (job)
      left join lifecycle.tally c on c.system = %(system)s and c.job = k.job
      left join lifecycle.schedule d on d.system = %(system)s and d.job = k.job
      left join lifecycle.pause s on s.system = %(system)s and s.job = k.job and s.until is null
      left join lateral (
          select state, verdict from lifecycle.run r
           where system = %(system)s and job = k.job and state <> 'queued' and not {NARROWED}
           order by scheduled_for desc limit 1) n on true
      left join lateral (
          select scheduled_for as slot from lifecycle.run
           where system = %(system)s and job = k.job and asked_by = 'schedule'
           order by scheduled_for desc limit 1) w on d.covered_until is not null
      left join lateral (
          select queued_at as since from lifecycle.run where system = %(system)s and job = k.job
           order by scheduled_for limit 1) f on true
      left join lateral (
          select finished_at as succeeded from lifecycle.run
           where system = %(system)s and job = k.job and verdict in ('pass', 'could not verify')
             and (verdict = 'pass' or coverage -> 'in_the_way' = '0'::jsonb)
           order by finished_at desc limit 1) p on true
      left join lateral (
          select extract(epoch from finished_at - started_at)::float8 as seconds from lifecycle.run
           where system = %(system)s and job = k.job and state = 'finished' and started_at is not null
           order by scheduled_for desc limit 1) t on true
     order by k.job
"""  # noqa: S608 - put together of constants only


@dataclass(frozen=True, slots=True)
class Standing:
    """One job on the ledger. `seconds` is how long its last finished run took.

    `succeeded` is when it last ended with nothing found wrong and nothing in its way.

    `since` is when its first run was queued; before that, up to when its slots were looked at: where no daemon does
    so any more, that instant grows old. `seen_to` is up to when slots have become runs, None where no daemon was yet.
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
    seen_to: datetime | None


def read(conn: Connection[TupleRow], system: str) -> dict[str, Standing]:
    """Return every job that the ledger knows, by name."""
    rows = conn.execute(_STANDING, {"system": system}).fetchall()
    return {row[0]: Standing(*row) for row in rows}
