"""Claiming and finishing a run on the ledger against the bare SQL statements. Aim: at most twice their time."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from bench.timing import pair
from lifecycle.admin import install
from lifecycle.ledger import claims, statements
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy import whole
from lifecycle.postgres import catalog, server

BATCH = 200
_START = datetime(2026, 1, 1, tzinfo=UTC)
_BARE_FINISH = (
    "update lifecycle.run set state = 'finished', verdict = 'pass', holder = null where id = %s"
)


def measure() -> Iterator[str]:
    """Yield the time of claiming and finishing 200 queued runs, and what that is per second."""
    minutes = itertools.count()
    with (
        server.temporary(server.find_binaries(), fast=False) as cluster,
        psycopg.connect(cluster.dsn(), autocommit=True) as conn,
    ):
        policy = whole.model()(system="bench", database="postgres", tables={})
        install.install(conn, policy, catalog.read(conn), None)
        for _ in range(24 * BATCH):
            at = _START + timedelta(minutes=next(minutes))
            claims.enqueue(conn, "bench", "bench.run", at, asked_by="schedule")
        timed = pair(lambda: _ours(conn), lambda: _bare(conn))
    rates = [BATCH / seconds for seconds in sorted(timed.ours)]
    yield f"{BATCH} claims with their ends: {timed}; aim <= 2x"
    yield f"{rates[len(rates) // 2]:,.0f} claims with their ends per second"


def _ours(conn: Connection[TupleRow]) -> None:
    for _ in range(BATCH):
        claim = claims.claim_next(conn, "bench", "bench")
        assert claim is not None
        claims.finish(conn, claim, Outcome(Verdict.PASS, "done"))


def _bare(conn: Connection[TupleRow]) -> None:
    for _ in range(BATCH):
        row = conn.execute(
            statements.CLAIM_NEXT,
            {"system": "bench", "holder": "bench", "jobs": None, "lease": claims.LEASE},
        ).fetchone()
        assert row is not None
        conn.execute(_BARE_FINISH, (row[0],))
