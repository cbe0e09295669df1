"""pg_partman and pg-partsmith doing the same work, where they are installed; neither is needed.

pg_partman: the server's own extension (on Debian 12 postgresql-15-partman, 4.7.2), in a schema `partman`.
pg-partsmith: a Python of its own that has it, named by LIFECYCLE_BENCH_PARTSMITH:

    python3 -m venv /tmp/partsmith && /tmp/partsmith/bin/pip install pg-partsmith 'psycopg[binary]'
    LIFECYCLE_BENCH_PARTSMITH=/tmp/partsmith/bin/python make bench
"""

import os
import subprocess
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lifecycle import clock
from lifecycle.partitions.rule import Partitioning
from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from tests.house import House

VARIABLE = "LIFECYCLE_BENCH_PARTSMITH"
_PARTITIONS = (
    "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid and c.relkind = 'r'"
)

_PARTSMITH = """
import sys, time
from pg_partsmith import PartitionGranularity, TablePartitionConfig
from pg_partsmith.sync import (PartitionLifecycleService, PartitionMaintainer, PostgresAdvisoryLockManager,
                               PostgresMetadataProvider, PostgresPartitionRepository)
from sqlalchemy import create_engine
for line in sys.stdin:
    url, tables, each = line.split()
    engine = create_engine(url)
    service = PartitionLifecycleService(repo=PostgresPartitionRepository(engine),
                                        metadata=PostgresMetadataProvider(engine),
                                        locks=PostgresAdvisoryLockManager(engine))
    maintainer = PartitionMaintainer(service)
    begun = time.monotonic()
    for number in range(1, int(tables) + 1):
        maintainer.run_maintenance(TablePartitionConfig(
            schema="public", table_name=f"t{number}", partition_column="at", granularity=PartitionGranularity.MONTH,
            create_ahead_count=int(each), retention_count=1000))
    print(time.monotonic() - begun, flush=True)
    engine.dispose()
"""


def partman(cluster: Cluster, tables: int, database: str = "partman") -> bool:
    """Make a database in which pg_partman has so many tables, each with few partitions. Say whether there is one."""
    with closing(psycopg.connect(cluster.dsn(), autocommit=True)) as admin:
        known = admin.execute(
            "select from pg_available_extensions where name = 'pg_partman'"
        ).fetchone()
        if known is None:
            return False
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
    with closing(psycopg.connect(cluster.dsn(database), autocommit=True)) as conn:
        conn.execute("create schema partman")
        conn.execute("create extension pg_partman schema partman")
        for number in range(1, tables + 1):
            name = f"t{number}"
            conn.execute(
                sql.SQL(
                    "create table {} (id bigint, at date not null, word text) partition by range (at)"
                ).format(sql.Identifier(name))
            )
            conn.execute(
                "select partman.create_parent(%s, 'at', 'native', '1 month', p_premake := 1)",
                [f"public.{name}"],
            )
        conn.execute("update partman.part_config set infinite_time_partitions = true")
    return True


def maintain(dsn: str, more: int) -> float:
    """Let pg_partman make so many more partitions, or none the second time; return its seconds."""
    with closing(psycopg.connect(dsn, autocommit=True)) as conn:
        row = conn.execute("select count(*) from partman.part_config").fetchone()
        assert row is not None
        conn.execute("update partman.part_config set premake = %s", [more // row[0]])
        before = conn.execute(_PARTITIONS).fetchone()
        begun = clock.monotonic()
        conn.execute("call partman.run_maintenance_proc()")
        taken = clock.monotonic() - begun
        after = conn.execute(_PARTITIONS).fetchone()
        assert before
        assert after
        assert after[0] - before[0] in (0, more), (before, after)
    return taken


class Partsmith:
    """A process that has pg-partsmith loaded, and answers with seconds."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def maintain(self, dsn: str, tables: int, each: int) -> float:
        """Let it keep so many partitions of each table, and return its seconds."""
        parts = conninfo_to_dict(dsn)
        url = f"postgresql+psycopg://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
        url += f"&port={parts['port']}" if "port" in parts else ""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{url} {tables} {each}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def partsmith() -> Generator[Partsmith | None]:
    """Give pg-partsmith, or None where no Python with it is named."""
    python = os.environ.get(VARIABLE)
    if not python:
        yield None
        return
    command = [python, "-c", _PARTSMITH]
    with subprocess.Popen(  # noqa: S603 - named by who runs this
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Partsmith(process)
        finally:
            process.terminate()


_KEPT = 90
_LOG = "create table log (id int, at date not null) partition by range (at);"
_MONTHS = """
    do $$ declare m date; begin
        for m in select generate_series(date_trunc('month', current_date - 150), current_date, '1 month') loop
            execute format('create table log_%s partition of log for values from (%L) to (%L)',
                           to_char(m, 'YYYY_MM'), m, m + interval '1 month');
        end loop;
    end $$;
"""
_ROWS = "insert into log select n, current_date - n from generate_series(0, 149) n;"
_WITHIN = "select count(*) from log where at > current_date - 90"
_OLDER = "select count(*) from log where at <= current_date - 90"
_OWNER = """
    do $$ begin create role house_owner nologin; exception when duplicate_object then null; end $$;
    grant create, usage on schema public to house_owner; set role house_owner;
"""


def wrong_deletions() -> Iterator[str]:
    """Yield how many rows within the promise go when monthly partitions become daily ones and 90 days are kept."""
    with server.temporary(server.find_binaries()) as cluster:
        found = {"us": _ours(cluster), "pg_partman 4.7.2": _partmans(cluster)}
    yield "partitions by months, by days from now on, 90 days kept, one row a day:"
    for who, gone in found.items():
        if gone is None:
            yield f"  {who}: not installed here"
        else:
            yield f"  by {who} {gone[0]} of {_KEPT} rows within these days are gone, and {gone[1]} of 60 older ones"


def _ours(cluster: Cluster) -> tuple[int, int]:
    """Keep 90 days of a table that has months, by a policy that says days: see what goes, as a person has seen it."""
    house = House(cluster.dsn())
    house.say(_OWNER + _LOG + _MONTHS + _ROWS)
    partitions = {"log": Partitioning.model_validate({"by": "at", "every": "day", "ahead": 3})}
    house.policy = house.policy.model_copy(update={"partitions": partitions})
    rule = {"table": "log", "after": f"{_KEPT} days", "do": "drop"}
    house.promise(rule)
    now = clock.now()
    for _ in range(2):
        house.run(now, house.plan(now))
    return _KEPT - house.number(_WITHIN), 150 - _KEPT - house.number(_OLDER)


def _partmans(cluster: Cluster) -> tuple[int, int] | None:
    if not partman(cluster, 0, "interval"):
        return None
    with closing(psycopg.connect(cluster.dsn("interval"), autocommit=True)) as conn:
        conn.execute(_LOG)
        conn.execute(
            "select partman.create_parent('public.log', 'at', 'native', '1 month', p_premake := 1,"
            " p_start_partition := (current_date - 150)::text)"
        )
        conn.execute(_ROWS)
        conn.execute(
            "update partman.part_config set partition_interval = '1 day', retention = '90 days',"
            " retention_keep_table = false"
        )
        conn.execute("call partman.run_maintenance_proc()")
        within, older = conn.execute(_WITHIN).fetchone(), conn.execute(_OLDER).fetchone()
    assert within
    assert older
    return _KEPT - within[0], 150 - _KEPT - older[0]
