"""Reads from the ledger and the catalog, in one snapshot, what one report speaks of. Decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow, class_row

from audit import statements
from audit.coverage import coverage
from audit.section import SECTION
from lifecycle.outside.keys import reference_key
from lifecycle.policy import whole
from lifecycle.postgres import catalog, connect
from lifecycle.system import System

# A run belongs to every period in which it was due or ended; one that has not ended, to each until it has.
RUNS = """
    select id, job, scheduled_for, asked_by, state, verdict, attempt, started_at, finished_at, summary, failures, counts
      from lifecycle.run
     where system = %(system)s and id <> %(own)s and scheduled_for < %(to)s
       and (scheduled_for >= %(from)s or finished_at >= %(from)s or state in ('queued', 'running'))
     order by scheduled_for, job, id
"""

# A line of evidence belongs to the period in which it was written.
EVIDENCE = """
    select e.run_id as run, r.job, e.at, e.kind, e.event, e.target, e.reference, e.counts, e.digest
      from lifecycle.evidence e join lifecycle.run r on r.id = e.run_id
     where r.system = %(system)s and e.at >= %(from)s and e.at < %(to)s
     order by e.id
"""

LAST_REPORT = """
    select to_timestamp(max((e.counts ->> 'to_epoch')::bigint))
      from lifecycle.evidence e join lifecycle.run r on r.id = e.run_id
     where r.system = %(system)s and r.id <> %(own)s and e.event = 'audit.reported' and e.kind = 'outcome'
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger has it."""

    id: int
    job: str
    scheduled_for: datetime
    asked_by: str
    state: str
    verdict: str | None
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    summary: str | None
    failures: list[dict[str, str]]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of evidence."""

    run: int
    job: str
    at: datetime
    kind: str
    event: str
    target: str
    reference: str | None
    counts: dict[str, int]
    digest: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request to be forgotten; `reference` stands for its id, `deadline` is the law's."""

    reference: str
    due: datetime
    deadline: datetime
    answered: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a report is made from. The period is `[since, to)`; `own` is the run that makes the report.

    `requests` is None where the policy knows of no requests or the settings have no reference key.
    """

    system: str
    database: str
    policy_digest: str
    version: str
    own: int
    since: datetime
    to: datetime
    runs: tuple[Run, ...]
    evidence: tuple[Evidence, ...]
    requests: tuple[Request, ...] | None
    audited: bool
    tables_of_people: int
    not_captured: tuple[str, ...]


def period(system: System, own: int, slot: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the period of a scheduled report: the day before its slot, everything since the last report, up to now.

    In whole seconds, so that what the ledger remembers of it is exact.
    """
    with system.connect("audit.report", write=False) as conn:
        row = conn.execute(LAST_REPORT, {"system": system.name, "own": own}).fetchone()
    day = slot - timedelta(days=1)
    last: datetime | None = row[0] if row else None
    since = day if last is None else min(day, last)
    return since.replace(microsecond=0), now.replace(microsecond=0)


def gather(system: System, version: str, own: int, since: datetime, to: datetime) -> Facts:
    """Return the facts of `[since, to)`. Raise as `System.connect` and `connect.explain` say."""
    values = {"system": system.name, "own": own, "from": since, "to": to}
    try:
        with system.connect("audit.report", write=False) as conn:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            conn.read_only = True
            with conn.transaction():
                return _facts(conn, system, version, values)
    except psycopg.Error as error:
        raise connect.explain(error) from None


def _facts(
    conn: Connection[TupleRow], system: System, version: str, values: Mapping[str, Any]
) -> Facts:
    with conn.cursor(row_factory=class_row(Run)) as runs:
        found_runs = tuple(runs.execute(RUNS, values))
    with conn.cursor(row_factory=class_row(Evidence)) as lines:
        found_lines = tuple(lines.execute(EVIDENCE, values))
    policy, seen = system.policy, catalog.read(conn)
    log = SECTION.of(policy)
    return Facts(
        system=system.name,
        database=policy.database,
        policy_digest=system.policy_digest,
        version=version,
        own=values["own"],
        since=values["from"],
        to=values["to"],
        runs=found_runs,
        evidence=found_lines,
        requests=_requests(conn, system),
        audited=log is not None,
        tables_of_people=sum(
            table.owner is not None and (log is None or name != log.table)
            for name, table in policy.tables.items()
        ),
        not_captured=coverage(policy, seen),
    )


def _requests(conn: Connection[TupleRow], system: System) -> tuple[Request, ...] | None:
    erasure, secret = whole.named(system.policy, "erasure"), system.settings.reference_key
    if erasure is None or secret is None:
        return None
    key = reference_key(secret)
    rows = conn.execute(
        statements.requests(erasure.requests), erasure.requests.states.model_dump()
    ).fetchall()
    return tuple(
        Request(
            key.reference("request", request),
            due,
            erasure.deadline.after(requested),
            answered,
            withdrawn,
        )
        for request, requested, due, answered, withdrawn in rows
    )
