"""Which rows of one relation somebody stands in, by their numbers: to look at these again, and at no others.

A number (`ctid`) is that of a row's version: it holds within the caller's snapshot, for as long as the relation stays
locked by this transaction. Reads only. Never decides what a row means.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from gdpr import statements_of_search as statements
from gdpr.search import stream
from gdpr.search.needles import Needles
from gdpr.search.relations import Relation

TOGETHER = 5000
"""Rows that are looked at again by one statement."""
_BITS = 16


def standing(
    conn: Connection[TupleRow], relation: Relation, needles: Needles
) -> Mapping[int, Sequence[int]]:
    """Read one relation to its end; return whose -> the rows in which they stand. Raise psycopg.Error as it comes."""
    found: dict[int, array[int]] = {}  # eight bytes for each row
    for block in stream.blocks(conn, relation.query(numbered=True)):
        for whose, row in sorted({(hit.whose, hit.row) for hit in needles.rows(block)}):
            printed = block[row : block.index(b"\t", row)]
            found.setdefault(whose, array("Q")).append(_packed(printed))
    return found


def again(
    rows: Sequence[int] | None,
) -> Iterator[tuple[sql.Composable | None, dict[str, list[str]]]]:
    """Yield the condition that a row `t` is one of these, some at a time, and its parameter. Once None: all rows."""
    if rows is None:
        yield None, {}
        return
    for start in range(0, len(rows), TOGETHER):
        yield statements.NUMBERED, {"numbers": written(rows[start : start + TOGETHER])}


def written(rows: Sequence[int]) -> list[str]:
    """Return the numbers of rows as PostgreSQL writes them."""
    return [f"({number >> _BITS},{number & (1 << _BITS) - 1})" for number in rows]


def _packed(printed: bytes) -> int:
    block, _, offset = printed[1:-1].partition(b",")
    return int(block) << _BITS | int(offset)
