"""Goes through everything that a database stores, once for all people, and says who stands where.

Each relation is read once, in the snapshot of the caller's, whoever is looked for and however many they are; then the
samples that the planner keeps, and large objects. What cannot be read is named, and hides nothing else.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_search as statements
from gdpr.search import stream
from gdpr.search.needles import Needles
from gdpr.search.relations import Relation
from lifecycle import clock, progress
from lifecycle.coverage import Looks, Place, Reason
from lifecycle.postgres import connect
from lifecycle.postgres.names import policy_name
from lifecycle.words import counted

SAMPLES = Place("statistics", "of the planner")
EXTENDED = Place("statistics", "extended")
LARGE = Place("large objects", "")

_ANEW = Reason(
    "it was written anew while it was read, and again when it was read again: to a snapshot it is empty from then on",
    "The next search reads it. Let no job rewrite or truncate it meanwhile.",
)

_PASSING = ("08", "25", "40", "53", "55P03", "57")
"""SQLSTATEs of what may go better the next time: then nothing was proven, and the request stays open."""
_PIECE = 1 << 20
"""Bytes of a large object that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one relation, in how many seconds."""

    relation: str
    rows: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Searched:
    """Who stands where, in how many rows, and what was read for it. `samples`: (whose, table) of the planner's.

    `anew`: what was written anew meanwhile, so that nobody saw its rows.
    """

    rows: Mapping[tuple[int, Relation], int]
    samples: Sequence[tuple[int, str]]
    large: Sequence[int]
    read: Sequence[Reading] = field(default_factory=list[Reading])
    anew: Sequence[Relation] = ()

    def of(self, whose: int) -> Iterator[tuple[Relation, int]]:
        """Yield where one person stands, in how many rows."""
        yield from ((where, n) for (who, where), n in self.rows.items() if who == whose)

    def counts(self) -> dict[str, int]:
        """Return how much was read."""
        return {
            "relations": len(self.read),
            "rows": sum(one.rows for one in self.read),
            "bytes": sum(one.size for one in self.read),
        }


def began(conn: Connection[TupleRow]) -> datetime:
    """Return when the transaction began in which the caller looks."""
    row = conn.execute(statements.BEGAN).fetchone()
    assert row is not None
    return row[0]


def search(
    conn: Connection[TupleRow], relations: Sequence[Relation], needles: Needles, looks: Looks
) -> Searched:
    """Look through all of it. Raise psycopg.Error where it may go better the next time."""
    rows, read = through(conn, relations, needles, looks)
    with looks.at(SAMPLES):
        quoting = samples(conn, needles)
    _extended(conn, looks)
    large = _large_objects(conn, needles, looks)
    return Searched(rows, quoting, large, read, _written_anew(conn, relations, read))


def again(
    conn: Connection[TupleRow], searched: Searched, needles: Needles, looks: Looks
) -> Searched:
    """Read what was written anew meanwhile, in a later snapshot. Raise as `search` does."""
    rows, read = through(conn, searched.anew, needles, looks)
    for relation in _written_anew(conn, searched.anew, read):
        _not_at(looks, relation, _ANEW)
    return replace(searched, rows={**rows, **searched.rows}, read=(*searched.read, *read), anew=())


def _written_anew(
    conn: Connection[TupleRow], relations: Sequence[Relation], read: Sequence[Reading]
) -> tuple[Relation, ...]:
    """Return those that may have shown nothing because they were written anew since the snapshot."""
    moved = {policy_name(*one) for one in conn.execute(statements.WRITTEN_ANEW).fetchall()}
    empty = {one.relation for one in read if not one.rows}
    return tuple(
        one
        for one in relations
        if moved.intersection(one.reads) and (one.name in empty or len(one.reads) > 1)
    )


def through(
    conn: Connection[TupleRow], relations: Sequence[Relation], needles: Needles, looks: Looks
) -> tuple[Mapping[tuple[int, Relation], int], Sequence[Reading]]:
    """Read these relations alone; return in how many rows who stands, and what was read. Raise as `search` does."""
    conn.execute(statements.NO_HURRY)
    rows: Counter[tuple[int, Relation]] = Counter()
    read: list[Reading] = []
    for relation in relations:
        if relation.why_not is not None:
            _not_at(looks, relation, relation.why_not)
            continue
        progress.phase(f"searching {relation.table}")
        try:
            with looks.at(*relation.places), conn.transaction(force_rollback=True):
                read.append(_relation(conn, relation, needles, rows))
        except psycopg.Error as error:
            _not_at(looks, relation, lasting(conn, error))
    return rows, read


def _relation(
    conn: Connection[TupleRow],
    relation: Relation,
    needles: Needles,
    rows: Counter[tuple[int, Relation]],
) -> Reading:
    """Read one relation to its end; count only then, as one that ends before was not looked at."""
    begun, lines, size = clock.monotonic(), 0, 0
    found: Counter[int] = Counter()
    if relation.columns:
        for block in stream.blocks(conn, relation.query()):
            lines += block.count(b"\n")
            size += len(block)
            found.update(
                whose for whose, _ in {(hit.whose, hit.row) for hit in needles.rows(block)}
            )
    rows.update({(whose, relation): number for whose, number in found.items()})
    return Reading(relation.name, lines, size, clock.monotonic() - begun)


def samples(conn: Connection[TupleRow], needles: Needles) -> tuple[tuple[int, str], ...]:
    """Return (whose, table) of the tables of which the planner keeps samples that quote somebody."""
    found: dict[tuple[int, str], None] = {}
    with conn.transaction(force_rollback=True):
        for block in stream.blocks(conn, statements.SAMPLES):
            for hit in needles.rows(block):
                schema, name = block[hit.row :].split(b"\t", 2)[:2]
                if hit.column >= statements.SAMPLED_FROM:
                    found[hit.whose, policy_name(_plain(schema), _plain(name))] = None
    return tuple(sorted(found))


def _plain(printed: bytes) -> str:
    """Return a name as it was before COPY doubled its backslashes."""
    return printed.decode().replace("\\\\", "\\")


def _extended(conn: Connection[TupleRow], looks: Looks) -> None:
    """Say of extended statistics that hold values, and that are shown to a table's owner only, that nobody looked."""
    with looks.at(EXTENDED):
        row = conn.execute(statements.EXTENDED_UNSEEN).fetchone()
    if row and row[0]:
        why = f"{counted(row[0], 'object')} of extended statistics with values of rows are shown to their owner only"
        hint = "They are made anew where the service can say `analyze` of their table; else look as its owner."
        looks.not_at(EXTENDED, Reason(why, hint, "limit"))


def _large_objects(conn: Connection[TupleRow], needles: Needles, looks: Looks) -> tuple[int, ...]:
    """Return who stands in large objects. One that may not be read hides no other."""
    found: set[int] = set()
    unread: list[Reason] = []
    with looks.at(LARGE):
        objects = [row[0] for row in conn.execute(statements.LARGE_OBJECTS).fetchall()]
        for one in objects:
            try:
                with conn.transaction(force_rollback=True):
                    found |= _large_object(conn, one, needles)
            except psycopg.Error as error:
                unread.append(lasting(conn, error))
    if unread:
        why = f"{len(unread)} of {counted(len(objects), 'large object')} cannot be read: {unread[0].why}"
        hint = (
            "As their owner `grant select on large object ... to lifecycle`, or look there by hand."
        )
        looks.not_at(LARGE, Reason(why, hint))
    return tuple(sorted(found))


def _large_object(conn: Connection[TupleRow], oid: int, needles: Needles) -> set[int]:
    found: set[int] = set()
    tail, offset = b"", 0
    while True:
        asked = {"oid": oid, "offset": offset, "size": _PIECE}
        row = conn.execute(statements.PIECE, asked, binary=True).fetchone()
        piece = row[0] if row else b""
        more = len(piece) == _PIECE
        found |= needles.anywhere(tail + piece, begun=offset > 0, goes_on=more)
        if not more:
            return found
        tail, offset = (tail + piece)[-needles.overlap :], offset + _PIECE


def lasting(conn: Connection[TupleRow], error: psycopg.Error) -> Reason:
    """Return why something cannot be read. Raise the error where it may be read the next time."""
    if conn.broken or error.sqlstate is None or error.sqlstate.startswith(_PASSING):
        raise error
    said = connect.explain(error)
    return Reason(said.what, said.hint)


def _not_at(looks: Looks, relation: Relation, reason: Reason) -> None:
    for place in relation.places:
        looks.not_at(place, reason)
