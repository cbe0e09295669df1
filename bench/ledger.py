"""A ledger of two years and more: 1,000,000 runs, 10,000,000 lines of evidence. Aim: each question below 1 s.

A smaller ledger by LIFECYCLE_BENCH_RUNS; it always has ten lines of evidence a run.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from audit import gather, report
from lifecycle import __version__, clock, rooms
from lifecycle.admin import install
from lifecycle.ledger import runs
from lifecycle.policy import whole
from lifecycle.postgres import catalog, server
from lifecycle.records.promise import PROMISE
from lifecycle.schedule import tick
from lifecycle.schedule.state import DaemonState
from lifecycle.settings.model import Settings, SystemSettings
from lifecycle.system import System
from lifecycle.watch import check
from lifecycle.watch import gather as figures

RUNS = int(os.environ.get("LIFECYCLE_BENCH_RUNS", "1000000"))
MONTHS = 24
JOBS = 20
TIMES = 5
"""How often each question is asked; the slowest counts."""

_MONTH = "create table {} partition of {} for values from ({}) to ({})"
# One run a minute and a bit, job after job, oldest first; two in 47 ended otherwise than in a pass.
_RUNS = """
    insert into lifecycle.run (system, job, scheduled_for, state, verdict, attempt, queued_at, started_at, finished_at,
                               summary, counts)
    select 'bench', 'bench.job' || n %% %(jobs)s, at, 'finished',
           case n %% 47 when 0 then 'fail' when 1 then 'could not verify' else 'pass' end, 1, at, at,
           at + interval '5 seconds', 'done', '{"rows": 3}'
      from (select n, %(since)s + n * (%(until)s - %(since)s) / %(runs)s as at from generate_series(1, %(runs)s) n) as s
"""
_ATTEMPTS = """
    insert into lifecycle.attempt (run_id, attempt, at, started_at, holder, how, verdict, summary)
    select id, 1, finished_at, started_at, 'host:1:a', 'finished', verdict, summary from lifecycle.run
"""
_EVIDENCE = """
    insert into lifecycle.evidence (run_id, attempt, at, kind, event, target, counts)
    select id, 1, finished_at, 'effect', 'bench.changed', 'public.table_' || n, '{"rows": 3}'
      from lifecycle.run, generate_series(1, 10) as n
"""
_ALERTS = """
    insert into lifecycle.alert (system, job, run_id, kind, message, created_at, delivered_at)
    select system, job, id, verdict, summary, finished_at, finished_at from lifecycle.run where verdict = 'fail'
"""
_SIZE = """
    select sum(pg_total_relation_size(c.oid))::bigint from pg_class c
     where c.relnamespace = 'lifecycle'::regnamespace and c.relkind = 'r'
"""


def measure() -> Iterator[str]:
    """Yield the slowest time of each question that is asked of the ledger again and again."""
    settings = {"max_wal_size": "8GB", "maintenance_work_mem": "256MB"}
    with (
        server.temporary(server.find_binaries(), settings=settings) as cluster,
        tempfile.TemporaryDirectory() as directory,
    ):
        system = _system(cluster.dsn(), Path(directory))
        begun = clock.monotonic()
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            install.install(admin, system.policy, catalog.read(admin), None)
            _fill(admin, clock.now())
            row = admin.execute(_SIZE).fetchone()
        assert row is not None
        filled = clock.monotonic() - begun
        yield f"{RUNS:,} runs, {10 * RUNS:,} lines of evidence: {row[0] >> 20:,} MB, filled in {filled:.0f} s"
        for name, question in _questions(system).items():
            yield f"{name}: {_slowest(question) * 1000:,.0f} ms; aim < 1,000 ms"


def _questions(system: System) -> dict[str, Callable[[], object]]:
    now = clock.now().replace(microsecond=0)
    state = DaemonState("bench", (system,), {system.name: rooms.jobs(system.policy)}, now)
    return {
        "a tick": lambda: tick.tick(state, system, plan=True),
        "the figures of /metrics": lambda: figures.gather(state, system),
        "check": lambda: list(check.jobs(system, now)),
        "runs list": lambda: _listed(system, None, None),
        "runs list of one job": lambda: _listed(system, "bench.job3", None),
        "runs list of what failed": lambda: _listed(system, None, "fail"),
        "runs list of a job's failures": lambda: _listed(system, "bench.job3", "fail"),
        "runs show": lambda: _shown(system),
        "a day's report": lambda: _reported(system, now - timedelta(days=1), now),
        "a day's report of two years ago": lambda: _reported(
            system, now - timedelta(days=601), now - timedelta(days=600)
        ),
        "records status": lambda: PROMISE.status(system, now),
    }


def _system(conninfo: str, directory: Path) -> System:
    policy = whole.model()(system="bench", database="postgres", tables={})
    own = SystemSettings(policy="policy.yaml", dsn=make_conninfo(conninfo, user="lifecycle"))
    return System(policy, "0" * 64, own, Settings(systems={"bench": own}, base=directory))


def _fill(admin: Connection[TupleRow], now: datetime) -> None:
    """Put the months, runs, attempts, evidence and alerts on the ledger, as the owner would."""
    month = now.year * 12 + now.month - 1
    firsts = [_first(month - back) for back in range(MONTHS, -1, -1)]
    for lower, upper in pairwise(firsts):
        for parent in ("evidence", "attempt"):
            statement = sql.SQL(_MONTH).format(
                sql.Identifier("lifecycle", f"{parent}_{lower:%Y_%m}"),
                sql.Identifier("lifecycle", parent),
                sql.Literal(lower.isoformat()),
                sql.Literal(upper.isoformat()),
            )
            admin.execute(statement)
    values = {"runs": RUNS, "jobs": JOBS, "since": firsts[0], "until": now - timedelta(minutes=1)}
    admin.execute(_RUNS, values)
    admin.execute(_ATTEMPTS)
    admin.execute(_EVIDENCE)
    admin.execute(_ALERTS)
    admin.execute("vacuum analyze")


def _first(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _listed(system: System, job: str | None, ending: str | None) -> None:
    with closing(system.connect("bench", write=False)) as conn:
        assert runs.listed(conn, system.name, job=job, ending=ending, count=20)


def _shown(system: System) -> None:
    with closing(system.connect("bench", write=False)) as conn:
        assert len(runs.shown(conn, system.name, RUNS // 2)["evidence"]) == 10


def _reported(system: System, since: datetime, to: datetime) -> None:
    made = report.make(gather.gather(system, __version__, 0, since, to))
    assert made["runs"]


def _slowest(question: Callable[[], object]) -> float:
    """Return the seconds of the slowest of some times; the first of them finds nothing in memory."""
    taken: list[float] = []
    for _ in range(TIMES):
        begun = clock.monotonic()
        question()
        taken.append(clock.monotonic() - begun)
    return max(taken)
