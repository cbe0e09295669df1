"""Partitions: 900 of 100 tables made, and nothing to do over 1,200 of them. Aims: 1.2x, then 2x and 4x.

The floor of making is CREATE TABLE (LIKE) with ATTACH, a transaction each, said by a superuser: without rights, checks
or evidence. That of nothing to do is one query for the bounds of all partitions, over an open connection. pg_partman
and pg-partsmith do the same work beside us where they are installed (`peers.py`).
"""

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from bench import peers
from bench.timing import pair
from lifecycle import clock
from lifecycle.admin import install
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.partitions.promise import PROMISE
from lifecycle.policy import whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, server
from lifecycle.postgres.server import Cluster
from lifecycle.running import apply
from lifecycle.settings.model import Settings, SystemSettings
from lifecycle.system import System

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TABLES, EACH, RUNS = 100, 9, 10
_BOUNDS = """
    select i.inhparent::regclass::text, c.relname, pg_get_expr(c.relpartbound, c.oid)
      from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relispartition and c.relkind in ('r', 'p')
"""
_slots = count(1)

Way = Callable[[str], float]


def measure() -> Iterator[str]:
    """Yield the time of making partitions, of a plan and of a run with nothing to do, against their floors."""
    settings = {"max_locks_per_transaction": "4096"}
    with (
        server.temporary(server.find_binaries(), settings=settings) as cluster,
        ExitStack() as stack,
    ):
        _installed(cluster, EACH - 1)
        partman = peers.partman(cluster, TABLES)
        partsmith = stack.enter_context(peers.partsmith())
        others: dict[str, tuple[str, Way] | None] = {
            "pg_partman 4.7.2": ("partman", lambda dsn: peers.maintain(dsn, TABLES * EACH))
            if partman
            else None,
            "pg-partsmith": ("bare", lambda dsn: partsmith.maintain(dsn, TABLES, EACH))
            if partsmith
            else None,
        }
        ways: dict[str, tuple[str, Way]] = {"raw": ("bare", _raw), "ours": ("bare", _made)}
        ways |= {name: way for name, way in others.items() if way}
        yield from _making(cluster, ways)
        yield from (f"{name}: not installed here" for name, way in others.items() if way is None)
        yield from _idle(cluster)
        for name, way in others.items():
            if way is not None:
                yield _idle_peer(cluster, name, *way)


def nothing() -> Iterator[str]:
    """Yield a plan and a run with nothing to do alone: the first look at a new server makes the partitions."""
    with server.temporary(
        server.find_binaries(), settings={"max_locks_per_transaction": "4096"}
    ) as cluster:
        _installed(cluster, 11)
        yield from _idle(cluster)


def _installed(cluster: Cluster, ahead: int) -> None:
    with closing(_entered(cluster.dsn())) as admin:
        _database(admin, "bare")
    with closing(_entered(cluster.dsn("bare"))) as conn:
        tables(conn, TABLES)
        install_in(conn, "bare", ahead)


def _making(cluster: Cluster, ways: dict[str, tuple[str, Way]]) -> Iterator[str]:
    """Let each make 900 partitions in a database of its own, in turn, and yield the ratios to the floor."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(RUNS):
        names = [*ways][number % len(ways) :] + [*ways][: number % len(ways)]
        for name in names:
            template, way = ways[name]
            taken[name].append(_in_a_copy(cluster, template, way))
    for name, seconds in taken.items():
        ratios = [a / b for a, b in zip(seconds, taken["raw"], strict=True)]
        yield (
            f"{TABLES * EACH} made by {name}: {statistics.median(seconds):.2f} s, "
            f"{statistics.median(ratios):.2f}x LIKE with ATTACH (from {min(ratios):.2f} to {max(ratios):.2f}, n={RUNS})"
            + ("; aim <= 1.2x" if name == "ours" else "")
        )


def _idle(cluster: Cluster) -> Iterator[str]:
    """Yield a plan and a run with nothing to do, against the query for the bounds."""
    with closing(_entered(cluster.dsn("bare"))) as conn:
        system = system_of(cluster.dsn("bare"), TABLES, 11)
        run(system, NOW)
        conn.execute("vacuum analyze")
        timed = pair(lambda: apply.plan(PROMISE, system, NOW, None), lambda: _bounds(conn))
        yield f"a plan with nothing to do, against one query for the bounds: {timed}; aim <= 2x"
        timed = pair(lambda: run(system, NOW), lambda: _bounds(conn))
        yield f"a run with nothing to do, against the same: {timed}; aim <= 4x"


def _idle_peer(cluster: Cluster, name: str, template: str, way: Way) -> str:
    """Return a peer's run with nothing to do, after one that made what was missing."""
    with closing(_entered(cluster.dsn())) as admin:
        _database(admin, "idle", template)
    dsn = cluster.dsn("idle")
    way(dsn)
    with closing(_entered(dsn)) as conn:
        conn.execute("vacuum analyze")
        timed = pair(lambda: way(dsn), lambda: _bounds(conn))
    with closing(_entered(cluster.dsn())) as admin:
        admin.execute("drop database idle")
    return f"a run of {name} with nothing to do, against the query for its bounds: {timed}"


def _in_a_copy(cluster: Cluster, template: str, way: Way) -> float:
    with closing(_entered(cluster.dsn())) as admin:
        _database(admin, "copy", template)
        try:
            return way(cluster.dsn("copy"))
        finally:
            admin.execute("drop database copy with (force)")


def _database(admin: Connection[TupleRow], name: str, template: str = "template1") -> None:
    admin.execute(
        sql.SQL("create database {} template {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


def _entered(dsn: str) -> Connection[TupleRow]:
    return psycopg.connect(dsn, autocommit=True)


def _bounds(conn: Connection[TupleRow]) -> None:
    conn.execute(_BOUNDS).fetchall()


def tables(conn: Connection[TupleRow], many: int) -> None:
    """Make so many tables by months, none with a partition, of an owner whom the service may step into."""
    conn.execute(
        "do $$ begin create role bench_owner nologin; exception when duplicate_object then null; end $$"
    )
    conn.execute("grant create, usage on schema public to bench_owner")
    for number in range(1, many + 1):
        name = sql.Identifier(f"t{number}")
        conn.execute(
            sql.SQL(
                "create table {} (id bigint, at date not null, word text) partition by range (at)"
            ).format(name)
        )
        conn.execute(sql.SQL("alter table {} owner to bench_owner").format(name))


def install_in(conn: Connection[TupleRow], database: str, ahead: int, many: int = TABLES) -> None:
    """Install the service there."""
    conn.execute("set timezone to 'UTC'")
    install.install(conn, _policy(database, many, ahead), catalog.read(conn), None)


def _policy(database: str, many: int, ahead: int) -> Policy:
    rule = {"by": "at", "every": "month", "ahead": ahead}
    return whole.model().model_validate(
        {
            "system": "bench",
            "database": database,
            "tables": {},
            "partitions": {f"t{n}": rule for n in range(1, many + 1)},
        }
    )


def system_of(dsn: str, many: int, ahead: int) -> System:
    """Return the system of this database."""
    database = str(conninfo_to_dict(dsn)["dbname"])
    own = SystemSettings.model_validate(
        {"policy": "policy.yaml", "dsn": make_conninfo(dsn, user="lifecycle")}
    )
    machine = Settings.model_validate({"systems": {"bench": own}})
    return System(_policy(database, many, ahead), "0" * 64, own, machine)


def run(system: System, now: datetime, *, well: bool = True) -> float:
    """Carry out the whole of a run, and return its seconds without the claiming."""
    at = NOW + timedelta(seconds=next(_slots))
    with closing(system.connect("bench")) as conn:
        claims.enqueue(conn, "bench", PROMISE.job, at, asked_by="person")
        claim = claims.claim_one(conn, "bench", PROMISE.job, at, claims.new_holder())
        begun = clock.monotonic()
        outcome = apply.carry_out(system, claim, Job(PROMISE.job, "", "0 0 1 1 *", PROMISE), now)
        taken = clock.monotonic() - begun
        claims.finish(conn, claim, outcome)
    assert outcome.well or not well, outcome.failures
    return taken


def _made(dsn: str) -> float:
    return run(system_of(dsn, TABLES, EACH - 1), NOW)


def _raw(dsn: str) -> float:
    return by_hand(dsn, TABLES, EACH, 2010)


def by_hand(dsn: str, many: int, each: int, year: int) -> float:
    """Make as many with the bare statements, and return the seconds. The first is of January of this year."""
    with closing(_entered(dsn)) as conn:
        begun = clock.monotonic()
        for number in range(1, many + 1):
            for later in range(each):
                names = [
                    sql.Identifier(name) for name in (f"t{number}", f"t{number}_{year + later}")
                ]
                with conn.transaction():
                    conn.execute(
                        sql.SQL("create table {1} (like {0} including all)").format(*names)
                    )
                    conn.execute(
                        sql.SQL(
                            "alter table {} attach partition {} for values from ({}) to ({})"
                        ).format(*names, f"{year + later}-01-01", f"{year + later}-02-01")
                    )
        return clock.monotonic() - begun
