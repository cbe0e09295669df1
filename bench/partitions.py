"""Partitions: nothing to do over 100 tables with 1,200 of them, and these 1,200 made. Aims: 2x, 4x and 1.2x.

The floor of nothing to do is one query for the bounds of all partitions, over an open connection; that of making is
CREATE TABLE (LIKE) with ATTACH, both in one transaction each, said by a superuser: without rights, checks or evidence.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench.timing import Pair, pair
from lifecycle import clock
from lifecycle.admin import install
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.partitions.promise import PROMISE
from lifecycle.policy import whole
from lifecycle.postgres import catalog, server
from lifecycle.running import apply
from lifecycle.settings.model import Settings, SystemSettings
from lifecycle.system import System

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TABLES, AHEAD = 100, 11
_BOUNDS = """
    select i.inhparent::regclass::text, c.relname, pg_get_expr(c.relpartbound, c.oid)
      from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relispartition and c.relkind in ('r', 'p')
"""


def measure() -> Iterator[str]:
    """Yield the time of a plan and of a run with nothing to do, and of making partitions, against their floors."""
    settings = {"max_locks_per_transaction": "4096"}
    with server.temporary(server.find_binaries(), settings=settings) as cluster:
        dsn = cluster.dsn()
        with psycopg.connect(dsn, autocommit=True) as admin:
            for number in range(1, TABLES + 1):
                admin.execute(
                    sql.SQL(
                        "create table {} (id bigint, at date not null, word text) partition by range (at)"
                    ).format(sql.Identifier(f"t{number}"))
                )
                admin.execute(
                    sql.SQL("alter table {} owner to {}").format(
                        sql.Identifier(f"t{number}"), _owner(admin)
                    )
                )
            system = _system(admin, dsn, AHEAD)
            begun = clock.monotonic()
            _raw(dsn)
            raw = clock.monotonic() - begun
            made = Pair((_run(system, 0),), (raw,))
            yield f"{TABLES * (AHEAD + 1)} made, once, against LIKE with ATTACH: {made}; aim <= 1.2x"
            timed = pair(
                lambda: apply.plan(PROMISE, system, NOW, None),
                lambda: admin.execute(_BOUNDS).fetchall(),
            )
            yield f"a plan with nothing to do, against one query for the bounds: {timed}; aim <= 2x"
            slots = iter(range(1, 100))
            timed = pair(
                lambda: _run(system, next(slots)), lambda: admin.execute(_BOUNDS).fetchall()
            )
            yield f"a run with nothing to do, against the same: {timed}; aim <= 4x"


def _owner(admin: psycopg.Connection[tuple[object, ...]]) -> sql.Identifier:
    admin.execute(
        "do $$ begin create role bench_owner nologin; exception when duplicate_object then null; end $$"
    )
    admin.execute("grant create, usage on schema public to bench_owner")
    return sql.Identifier("bench_owner")


def _system(admin: psycopg.Connection[tuple[object, ...]], dsn: str, ahead: int) -> System:
    row = admin.execute("select current_database()").fetchone()
    assert row is not None
    rule = {"by": "at", "every": "month", "ahead": ahead}
    policy = whole.model().model_validate(
        {
            "system": "bench",
            "database": row[0],
            "tables": {},
            "partitions": {f"t{n}": rule for n in range(1, TABLES + 1)},
        }
    )
    admin.execute("set timezone to 'UTC'")
    install.install(admin, policy, catalog.read(admin), None)
    own = SystemSettings.model_validate(
        {"policy": "policy.yaml", "dsn": make_conninfo(dsn, user="lifecycle")}
    )
    return System(policy, "0" * 64, own, Settings.model_validate({"systems": {"bench": own}}))


def _run(system: System, slot: int) -> float:
    """Carry out the whole of a run, and return its seconds without the claiming."""
    at = NOW + timedelta(seconds=slot)
    with system.connect("bench") as conn:
        claims.enqueue(conn, "bench", PROMISE.job, at, asked_by="person")
        claim = claims.claim_one(conn, "bench", PROMISE.job, at, claims.new_holder())
        begun = clock.monotonic()
        outcome = apply.carry_out(system, claim, Job(PROMISE.job, "", "0 0 1 1 *", PROMISE), NOW)
        taken = clock.monotonic() - begun
        claims.finish(conn, claim, outcome)
    assert outcome.well, outcome.failures
    return taken


def _raw(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create schema raw")
        for number in range(1, TABLES + 1):
            conn.execute(
                sql.SQL(
                    "create table raw.{} (id bigint, at date not null, word text) partition by range (at)"
                ).format(sql.Identifier(f"t{number}"))
            )
            for month in range(AHEAD + 1):
                names = [
                    sql.Identifier("raw", name) for name in (f"t{number}", f"t{number}_{month}")
                ]
                with conn.transaction():
                    conn.execute(
                        sql.SQL("create table {1} (like {0} including all)").format(*names)
                    )
                    conn.execute(
                        sql.SQL(
                            "alter table {} attach partition {} for values from ({}) to ({})"
                        ).format(*names, f"20{10 + month}-01-01", f"20{10 + month}-02-01")
                    )
