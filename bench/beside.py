"""Whoever works in a table while its partitions are made: how long he waits. Aims: p99 1.2x idle, nobody 250 ms.

Another process inserts and selects through the parent without a pause; its latencies are taken while nothing else goes
on, and while a run makes 9 partitions of each of 20 tables, his among them. Also with 3 million rows in the default
partition of his table and a reader who keeps his transaction open for 10 seconds.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import psycopg

from bench import partitions
from bench.partitions import NOW, system_of, tables
from lifecycle import clock
from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster

TABLES, EACH, RUNS = 20, 9, 10
IDLE = 2.0
"""Seconds of an idle window; one with work is as long as the work."""

_ROWS = 3_000_000
_READER = 10.0
_FILL = """
    create table t1_now partition of t1 for values from ('2026-11-01') to ('2026-12-01');
    alter table t1_now owner to bench_owner;
    insert into t1 select n, '2026-11-05', 'word' from generate_series(1, 10000) as n;
    create index on t1 (id);
"""
_DEFAULT = """
    create table t1_rest partition of t1 default;
    alter table t1_rest owner to bench_owner;
    insert into t1_rest select n, '1990-01-01', 'word' from generate_series(1, 3000000) as n;
    vacuum analyze t1_rest;
"""


def measure() -> Iterator[str]:
    """Yield the latencies, of a table without a default partition and of one with a large one and a long reader."""
    for large in (False, True):
        settings = {"max_locks_per_transaction": "1024"}
        with server.temporary(server.find_binaries(), settings=settings) as cluster:
            yield from _beside(cluster, large)


def _beside(cluster: Cluster, large: bool) -> Iterator[str]:
    with closing(psycopg.connect(cluster.dsn(), autocommit=True)) as conn:
        tables(conn, TABLES)
        for statement in (_FILL + (_DEFAULT if large else "")).split(";"):
            conn.execute(statement.encode())
        partitions.install_in(conn, "postgres", EACH - 1, TABLES)
    seen: dict[str, list[list[float]]] = {}
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=_work, args=(cluster.dsn(), theirs), daemon=True)
    other.start()
    try:
        for number in range(RUNS):
            works = _works(cluster, number, large)
            for name in [*works][:: 1 if number % 2 else -1]:
                seen.setdefault(name, []).append(_window(ours, works[name]))
    finally:
        other.terminate()
    resting = seen.pop("idle")
    for name, windows in seen.items():
        ratios = [_p99(a) / _p99(b) for a, b in zip(windows, resting, strict=True)]
        longest = max(max(window) for window in windows)
        yield (
            f"{name}{' (3 M rows in the default partition, a reader of 10 s)' if large else ''}: p99 "
            f"{statistics.median(ratios):.2f}x idle (windows from {min(ratios):.2f} to {max(ratios):.2f}, n={RUNS}), "
            f"longest {longest * 1000:.0f} ms (idle {max(map(max, resting)) * 1000:.0f} ms)"
            + ("; aim <= 1.2x, 250 ms" if name == "ours" else "")
        )


def _works(cluster: Cluster, number: int, large: bool) -> dict[str, Callable[[], object]]:
    """Return what goes on in the windows of one round. By hand a large default partition shuts everybody out."""
    month = NOW.month - 1 + EACH * number
    now = NOW.replace(year=NOW.year + month // 12, month=month % 12 + 1)
    dsn = cluster.dsn()
    works: dict[str, Callable[[], object]] = {
        "idle": lambda: time.sleep(IDLE),
        "ours": lambda: _make(cluster, now, large),
    }
    if not large:
        works["by hand"] = lambda: partitions.by_hand(dsn, TABLES, EACH, 2100 + EACH * number)
    return works


def _make(cluster: Cluster, now: datetime, large: bool) -> None:
    reader = threading.Thread(target=_read, args=(cluster.dsn(),)) if large else None
    if reader:
        reader.start()
        time.sleep(0.2)
    # Not every run here is well: rows lie in a default partition, and leaves get samples while it is at work.
    partitions.run(system_of(cluster.dsn(), TABLES, EACH - 1), now, well=False)
    if reader:
        reader.join()


def _read(dsn: str) -> None:
    with closing(psycopg.connect(dsn)) as conn:
        conn.execute("select count(*) from t1 where at = '2026-11-05'")
        conn.execute("select from t1 limit 1")
        time.sleep(_READER)


def _window(ours: Pipe, work: Callable[[], object]) -> list[float]:
    """Return the latencies of the other process while this is done, in seconds."""
    ours.send("begin")
    ours.recv()
    work()
    ours.send("end")
    seen: list[float] = ours.recv()
    return seen


def _p99(seen: list[float]) -> float:
    return sorted(seen)[len(seen) * 99 // 100]


def _work(dsn: str, theirs: Pipe) -> None:
    """Insert and select until told to end, each time of a window told to go on."""
    with closing(psycopg.connect(dsn, autocommit=True)) as conn:
        number = 10_000
        while theirs.recv():
            seen: list[float] = []
            theirs.send("begun")
            while not theirs.poll():
                number += 1
                for statement in (
                    "insert into t1 values (%s, '2026-11-06', 'word')",
                    "select word from t1 where id = %s and at = '2026-11-06'",
                ):
                    begun = clock.monotonic()
                    conn.execute(statement, [number])
                    seen.append(clock.monotonic() - begun)
            theirs.recv()
            theirs.send(seen)
