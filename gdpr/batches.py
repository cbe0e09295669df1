"""A person's rows in compressed chunks: how many batches they are, deleted whole, and nothing else touched.

A batch has rows of one person alone where it is cut by who they are. So TimescaleDB deletes it as it stands; where a
trigger wants to see each row, it takes these batches apart first. Both are counted: the batches and rows beside them
that went are the person's, as counted before, and what was added is what was taken apart.

Compressing writes a chunk anew, and an earlier snapshot then finds nothing in it, neither there nor here: whoever has
one asks at its end whether TimescaleDB has noted anything of a chunk meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_batches as statements
from gdpr.reach import Reach
from lifecycle.errors import Refused, Unproven
from lifecycle.ledger import changed
from lifecycle.ledger.changed import Changed
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.words import counted

_TOGETHER = 200
"""Chunks that are counted by one statement."""


@dataclass(frozen=True, slots=True)
class Batches:
    """One person's rows of a compressed hypertable: `batches` with the rows `packed` in them, and `loose` ones beside.

    Of `chunks` that many have batches of theirs. What is compressed otherwise than by who they are, is not counted.
    """

    chunks: int = 0
    batches: int = 0
    packed: int = 0
    loose: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows these are."""
        return self.packed + self.loose


def must_be_readable(conn: Connection[TupleRow], reach: Reach) -> None:
    """Raise Refused where chunks were compressed, and the licence of today lets nobody read them."""
    if not _any(reach):
        return
    if found := conn.execute(statements.UNREADABLE).fetchall():
        raise Refused(
            f"rows of {', '.join(policy_name(*one) for one in found)} are compressed, and nobody can read them under "
            "the licence that TimescaleDB has here",
            hint="Nothing was touched. Set `timescaledb.license` to 'timescale' in the server's configuration, if you "
            "may; or end those chunks: they can be dropped.",
        )


def count(
    conn: Connection[TupleRow], reach: Reach, table: str, about: Mapping[str, object]
) -> Batches:
    """Return what the person has in a compressed table, without reading a batch. Raise psycopg.Error as it comes."""
    column, (place, name) = reach.owner(table), sql_parts(table)
    chunks: list[tuple[str, str | None]] = []
    asked = {"schema": place, "name": name}
    for schema, chunk, inside, relation, segments in conn.execute(statements.CHUNKS, asked):
        ours = policy_name(inside, relation) if relation and column in (segments or ()) else None
        chunks.append((policy_name(schema, chunk), ours))
    found: list[TupleRow] = []
    for group in _groups(chunks, _TOGETHER):
        found += conn.execute(statements.batches(reach, table, group), about).fetchall()
    number, packed, loose = (sum(row[place] for row in found) for place in range(3))
    return Batches(sum(row[0] > 0 for row in found), number, int(packed), loose)


def _groups(
    chunks: Sequence[tuple[str, str | None]], size: int
) -> Iterator[Sequence[tuple[str, str | None]]]:
    return (chunks[start : start + size] for start in range(0, len(chunks), size))


def let_go(
    conn: Connection[TupleRow],
    reach: Reach,
    about: Mapping[str, object],
    packed: Mapping[str, Batches],
) -> None:
    """Delete the person's rows of compressed tables, `packed` as counted. Raise Unproven where others would go, too.

    Only `settled` knows that of all of them.
    """
    for table, there in packed.items():
        conn.execute(statements.LIMIT, {"rows": str(max(1, there.packed))})
        gone = conn.execute(statements.let_go(reach, table), about).rowcount
        left = conn.execute(statements.left(reach, table), about).fetchone() != (False,)
        if left or gone != there.rows:
            raise _unproven(table, there, gone)


def settled(
    before: Changed, after: Changed, packed: Mapping[str, Batches]
) -> tuple[Changed, Mapping[str, int]]:
    """Hold what has ended in compressed tables against what was counted there. Pure.

    Return the changes of before as if what was taken apart had been there, and what ended. Raise Unproven where other
    batches or rows went, or others were taken apart.
    """
    added, ended = dict(before.added), dict[str, int]()
    for table, there in packed.items():
        inside = changed.batches(table)
        apart = after.added.get(table, 0) - before.added.get(table, 0)
        went = {
            name: after.ended.get(name, 0) - before.ended.get(name, 0) for name in (table, inside)
        }
        if apart not in (0, there.packed) or went != {
            table: there.loose + apart,
            inside: there.batches,
        }:
            raise _unproven(table, there, there.rows)
        added[table] = added.get(table, 0) + apart
        ended |= went
    return replace(before, added=added), ended


def _unproven(table: str, there: Batches, gone: int) -> Unproven:
    return Unproven(
        f"{table}: {counted(there.rows, 'row')} found beforehand, in {there.batches:,} batches and {there.loose:,} "
        f"beside; {counted(gone, 'row')} would have gone, or others with them, or some been left",
        hint="Nothing was changed. `lifecycle timescale apply` compresses anew what is compressed otherwise; a "
        "trigger of the table may keep or replace rows.",
    )


def noted(conn: Connection[TupleRow], reach: Reach) -> Mapping[int, str]:
    """Return when TimescaleDB noted down last what each chunk is; nothing where no hypertable is compressed."""
    if not _any(reach):
        return {}
    return dict(conn.execute(statements.NOTED).fetchall())


def written_anew(then: Mapping[int, str], now: Mapping[int, str]) -> int:
    """Return of how many chunks something was noted in between."""
    return sum(now.get(chunk) != noted for chunk, noted in then.items())


def _any(reach: Reach) -> bool:
    return any(table.compressed for table in reach.catalog.tables.values())
