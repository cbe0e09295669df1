"""Ending 1 million of 3 million rows against the best loop by hand. Aim: at most 1.3x, in batches of even time.

By hand: batches of 10,000 by ctid, each in a transaction of its own; nothing is counted, fixed, proven or written down.
"""

import statistics
from collections.abc import Iterator
from contextlib import closing

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.outcome import Verdict
from lifecycle.postgres import server
from tests.house import LOG, House

RUNS = 10
_TABLE = """
    create table log (id bigint primary key, at timestamptz not null, value text not null);
    create index on log (at);
"""
_ROWS = """
    insert into log
    select n, case when n % 3 = 0 then timestamptz '2026-01-01 00:00Z' else '2026-11-20 00:00Z' end, repeat('x', 80)
      from generate_series(1, 3000000) as n
"""
_BATCH = """
    delete from log where ctid = any (array(select ctid from log where at < '2026-08-23 00:00Z' limit 10000))
"""


def measure() -> Iterator[str]:
    """Yield the time of a whole run, and of its batches, beside the loop."""
    ours, by_hand, longest = list[float](), list[float](), list[float]()
    with server.temporary(server.find_binaries()) as cluster:
        house = House(cluster.dsn())
        house.say(_TABLE)
        house.promise(LOG, cap=2_000_000)
        with closing(psycopg.connect(cluster.dsn(), autocommit=True)) as conn:
            for number in range(RUNS):
                for which in (ours, by_hand) if number % 2 else (by_hand, ours):
                    _fill(conn)
                    begun = clock.monotonic()
                    if which is ours:
                        assert house.run().verdict is not Verdict.FAIL
                    else:
                        _loop(conn)
                    which.append(clock.monotonic() - begun)
                longest.append(_longest(conn))
    ratios = [a / b for a, b in zip(ours, by_hand, strict=True)]
    yield (
        f"1 M of 3 M rows: {statistics.median(ours):.2f} s against {statistics.median(by_hand):.2f} s: "
        f"{statistics.median(ratios):.2f}x (pairs from {min(ratios):.2f} to {max(ratios):.2f}, n={RUNS}); aim <= 1.3x"
    )
    yield f"longest time between two batches' evidence: {max(longest) * 1000:.0f} ms"


def _fill(conn: Connection[TupleRow]) -> None:
    conn.execute("truncate log")
    conn.execute(_ROWS)
    conn.execute("vacuum analyze log")
    conn.execute("checkpoint")


def _loop(conn: Connection[TupleRow]) -> None:
    while conn.execute(_BATCH).rowcount:
        pass


def _longest(conn: Connection[TupleRow]) -> float:
    row = conn.execute(
        "select extract(epoch from max(at - before)) from (select at, lag(at) over (partition by run_id order by at) as"
        " before from lifecycle.evidence where event = 'retention.deleted') as pairs"
    ).fetchone()
    return float(row[0] or 0) if row else 0.0
