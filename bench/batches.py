"""A person's 40,000 rows of 4 million in a compressed hypertable, against the literal DELETE. Aim: at most 2x.

Where the system's PostgreSQL has TimescaleDB. Both are rolled back. Ours counts rows and batches before, deletes, and
holds what the server says was changed against them; the other only deletes.
"""

from collections.abc import Iterator
from contextlib import closing

import psycopg

from bench.timing import pair
from gdpr import batches
from gdpr.person import about, count
from gdpr.reach import reach
from lifecycle.ledger import changed
from lifecycle.policy import whole
from lifecycle.postgres import catalog, server, session

_SETTINGS = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "0",
    "shared_buffers": "256MB",
}
_ROWS = """
    create extension timescaledb;
    create table person (id int primary key, email text);
    insert into person select n, n || '@example.org' from generate_series(0, 99) n;
    create table beat (person_id int not null references person, at timestamptz not null, value float, note text);
    select from create_hypertable('beat', 'at', chunk_time_interval => interval '30 days');
    insert into beat select n % 100, timestamptz '2026-01-01Z' + (n / 100) * interval '5 minutes', n, 'x'
      from generate_series(0, 3999999) n;
    alter table beat set (timescaledb.compress, timescaledb.compress_segmentby = 'person_id',
                          timescaledb.compress_orderby = 'at desc');
    select count(compress_chunk(c)) from show_chunks('beat') c;
    vacuum analyze;
"""
_POLICY = {
    "system": "bench",
    "database": "postgres",
    "subjects": {"person": {"table": "person", "key": "id", "identifiers": ["email"]}},
    "tables": {"person": {"owner": {"person": "id"}}, "beat": {"owner": {"person": "person_id"}}},
}


def measure() -> Iterator[str]:
    """Yield the ratio."""
    policy = whole.model().model_validate(_POLICY, strict=False)
    with (
        server.temporary(server.find_binaries(), settings=_SETTINGS) as cluster,
        closing(psycopg.connect(cluster.dsn(), autocommit=True, prepare_threshold=None)) as conn,
    ):
        for statement in _ROWS.split(";\n"):
            conn.execute(statement.encode())
        conn.execute(session.PATH)
        found = reach(policy, catalog.read(conn), "person")

        def ours() -> None:
            with conn.transaction(force_rollback=True):
                before = changed.so_far(conn)
                expected = count(conn, found, "7", keys=False)
                batches.let_go(conn, found, about("7"), expected.packed)
                _, went = batches.settled(before, changed.so_far(conn), expected.packed)
                assert (expected.deleted["beat"], went["beat"]) == (40_000, 0)

        def by_hand() -> None:
            with conn.transaction(force_rollback=True):
                gone = conn.execute("delete from public.beat where person_id = 7").rowcount
                assert gone == 40_000

        yield f"counted, deleted and proven: {pair(ours, by_hand, runs=21)}; aim <= 2x"
