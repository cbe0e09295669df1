"""Erasing one person with 10,000 rows in 100 tables, against the same DELETEs by hand. Aim: at most 2x at any size.

By hand: one transaction, children first, by the same indexes; nothing is noted, counted, compared or written down. Ours
is from the claim of the request to the last line of evidence before the commit, as the ledger has it, and whole: also
the survey and the rehearsal. The two searches of the night hold no lock, and are told beside it.
"""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr.promise import PROMISE
from lifecycle import clock
from lifecycle.ledger import claims
from lifecycle.postgres import server
from lifecycle.promise import Task
from tests.database import office
from tests.database.office import NOW, Office

RUNS, TABLES, OWN = 10, 98, 102
"""How often, in how many tables beside people and requests, how many rows of one person in each."""
SIZES = {"94 MB": 2_300, "1.25 GB": 41_000}
"""How many rows others have in each table, for the database to have this size."""
FIRST = 100_001
"""The key of the first of those who go."""

_TABLE = """
    create table t{n} (id bigint primary key, {owner} bigint not null references {to}, at timestamptz not null,
                       kind text not null, words text not null, more jsonb);
    insert into t{n}
    select n, {of}, timestamptz '2026-01-01Z' + n * interval '1 minute', 'kind ' || n % 7,
           repeat(md5(n::text), 2), jsonb_build_object('value', n / 7.0, 'said', md5((n * 3)::text))
      from generate_series(1, {rows}) n;
    create index on t{n} ({owner});
"""
# Those who go have the first rows, the others the rest. Every second table is reached through the one before.
_BY_PERSON = "case when n <= {ends} then {first} + (n - 1) / {own} else 10 + n % 1000 end"
_PEOPLE = """
    insert into people select n, 'other' || n || '@mail.example.net' from generate_series(10, 1009) n;
    insert into people select {first} + n, 'gone' || n || '@mail.example.net' from generate_series(0, {last}) n;
"""

_OWN = "delete from t{n} where person_id = {who}"
_THROUGH = "delete from t{n} where up in (select id from t{up} where person_id = {who})"
_PERSON = "delete from people where id = {who}"
_TOOK = """
    select extract(epoch from e.at - min(c.at)), extract(epoch from e.at - min(s.at)),
           extract(epoch from (select max(at) from lifecycle.evidence where event = 'gdpr.proven') - e.at)
      from lifecycle.evidence e join lifecycle.evidence c using (run_id) join lifecycle.evidence s using (run_id)
     where e.run_id = {run} and (e.event, c.event, s.event) = ('gdpr.erased', 'gdpr.claimed', 'gdpr.sealed')
     group by e.at
"""


def measure() -> Iterator[str]:
    """Yield for each size what an erasure takes beside the DELETEs, and what the two searches take."""
    for size, rows in SIZES.items():
        with (
            server.temporary(server.find_binaries()) as cluster,
            tempfile.TemporaryDirectory() as directory,
        ):
            house = office.opened(cluster.dsn(), Path(directory), _schema(rows), _said())
            house.ask("vacuum analyze")
            with closing(psycopg.connect(cluster.dsn(), autocommit=True)) as conn:
                yield from _lines(size, house, conn)


def _lines(size: str, house: Office, conn: Connection[TupleRow]) -> Iterator[str]:
    held, kept, whole, searched = list[float](), list[float](), list[float](), list[float]()
    by_hand = list[float]()
    for number in range(RUNS + 1):
        ours, theirs = FIRST + 2 * number, FIRST + 2 * number + 1
        conn.execute("checkpoint")
        if number % 2:
            by_hand.append(_by_hand(conn, theirs))
        took = _erase(house, ours)
        if not number % 2:
            by_hand.append(_by_hand(conn, theirs))
        for into, seconds in zip((held, kept, whole, searched), took, strict=True):
            into.append(seconds)
    real = conn.execute("select pg_database_size(current_database()) / 1048576").fetchone()
    floor = by_hand[1:]
    yield f"{size} ({real[0] if real else 0} MB): by hand {statistics.median(floor) * 1000:.0f} ms"
    for what, found in (
        ("claim to commit", held[1:]),
        ("while its rows are locked", kept[1:]),
        ("with survey and rehearsal", whole[1:]),
    ):
        ratios = [a / b for a, b in zip(found, floor, strict=True)]
        yield (
            f"  {what}: {statistics.median(found) * 1000:.0f} ms, {statistics.median(ratios):.2f}x (pairs from "
            f"{min(ratios):.2f} to {max(ratios):.2f}, n={len(ratios)})"
        )
    yield f"  the whole night of one person, both searches with it: {statistics.median(searched[1:]):.2f} s"


def _schema(rows: int) -> str:
    gone = 2 * (RUNS + 1)
    parts = [_PEOPLE.format(first=FIRST, last=gone - 1)]
    for n in range(1, TABLES + 1):
        of = _BY_PERSON.format(ends=gone * OWN, first=FIRST, own=OWN) if n % 2 else "n"
        owner, to = ("person_id", "people") if n % 2 else ("up", f"t{n - 1}")
        parts.append(_TABLE.format(n=n, owner=owner, to=to, of=of, rows=gone * OWN + rows))
    return "".join(parts)


def _said() -> dict[str, Any]:
    return {
        f"t{n}": {"owner": {"person": "person_id" if n % 2 else {"through": ["up"]}}}
        for n in range(1, TABLES + 1)
    }


def _erase(house: Office, person: int) -> Sequence[float]:
    """Return seconds from claim to commit, those in which rows are locked, all but the searches, and of the night."""
    house.asks(person)
    house.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
    system = house.system()
    with closing(system.connect("bench")) as conn:
        at = NOW.replace(microsecond=person - FIRST)
        claim = claims.claim_new(
            conn, "office", "gdpr.erase", at, claims.new_holder(), asked_by="person"
        )
    begun = clock.monotonic()
    task = Task(system, claim, NOW, None, seen_by_person=False)
    seen = PROMISE.survey(system, NOW, None)
    looked = clock.monotonic() - begun
    decision = PROMISE.decide(system.policy, seen, NOW)
    begun = clock.monotonic()
    done = PROMISE.carry_out(task, seen, decision)
    carried = clock.monotonic() - begun
    assert [one.answered for one in done.values()] == [True], (decision.refusals, done)
    [(claimed, sealed, proven)] = house.ask(_TOOK.format(run=claim.id))
    return float(claimed), float(sealed), carried - float(proven), looked + carried


def _by_hand(conn: Connection[TupleRow], person: int) -> float:
    begun = clock.monotonic()
    with conn.transaction():
        for n in range(TABLES, 0, -1):
            conn.execute((_OWN if n % 2 else _THROUGH).format(n=n, up=n - 1, who=person).encode())
        conn.execute(_PERSON.format(who=person).encode())
    return clock.monotonic() - begun
