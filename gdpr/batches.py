"""A person's rows in compressed chunks: how many batches they are, deleted whole, and nothing else touched.

A batch has rows of one person alone where it is cut by who they are. So TimescaleDB deletes it as it stands; where a
trigger wants to see each row, it takes these batches apart first. Both are counted: the batches and rows beside them
that went are the person's, as counted before, and what was added is what was taken apart.

Compressing writes a chunk anew, and an earlier snapshot then finds nothing in it, neither there nor here: whoever has
one asks at its end whether TimescaleDB has noted anything of a chunk meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_batches as statements
from gdpr import statements_of_search as search
from gdpr.needles import stands_in
from gdpr.reach import Reach
from lifecycle.errors import Refused, Unproven
from lifecycle.ledger import changed
from lifecycle.ledger.changed import Changed
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Batches:
    """One person's rows of a compressed hypertable: `batches` with the rows `packed` in them, and `loose` ones beside.

    `otherwise` counts the chunks with rows of theirs that are compressed otherwise than by who they are.
    """

    chunks: int = 0
    batches: int = 0
    packed: int = 0
    loose: int = 0
    otherwise: int = 0

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
    conn: Connection[TupleRow], reach: Reach, about: Mapping[str, object]
) -> Mapping[str, Batches]:
    """Return of each compressed table what the person has in it. Raise psycopg.Error as it comes."""
    return {table: _count(conn, reach, table, about) for table in reach.compressed}


def _count(
    conn: Connection[TupleRow], reach: Reach, table: str, about: Mapping[str, object]
) -> Batches:
    column = reach.owner(table)
    found = conn.execute(statements.by_chunk(reach, table), about).fetchall()
    rows = {oid: (policy_name(schema, name), number) for oid, schema, name, number in found}
    packed: dict[int, str] = {}
    otherwise = 0
    for oid, schema, name, segments in conn.execute(statements.CHUNKS, {"oids": [*rows]}):
        if column in (segments or ()):
            packed[oid] = policy_name(schema, name)
        else:
            otherwise += 1
    loose = sum(number for oid, (_, number) in rows.items() if oid not in packed)
    batches, inside, beside = 0, 0, 0
    if packed:
        pairs = [(rows[oid][0], name) for oid, name in packed.items()]
        query = statements.batches(reach, table, pairs)
        batches, inside, beside = conn.execute(query, about).fetchone() or (0, 0, 0)
    return Batches(len(packed), batches, inside, loose + beside, otherwise)


def let_go(
    conn: Connection[TupleRow],
    reach: Reach,
    about: Mapping[str, object],
    expected: Mapping[str, int],
    before: Changed,
) -> tuple[Changed, Mapping[str, int]]:
    """Delete the person's rows of compressed tables, as many as `expected`, and prove that they and no others went.

    Return the changes of before as if what was taken apart had been there, and what ended. Raise Unproven otherwise.
    """
    added, ended = dict(before.added), dict[str, int]()
    for table in reach.compressed:
        apart, gone = _let_go(conn, reach, table, about, expected[table])
        added[table] = added.get(table, 0) + apart
        ended |= gone
    return replace(before, added=added), ended


def _let_go(
    conn: Connection[TupleRow],
    reach: Reach,
    table: str,
    about: Mapping[str, object],
    expected: int,
) -> tuple[int, Mapping[str, int]]:
    there, was = _count(conn, reach, table, about), changed.so_far(conn)
    conn.execute(statements.LIMIT, {"rows": str(max(1, there.packed))})
    gone = conn.execute(statements.let_go(reach, table), about).rowcount
    now = changed.so_far(conn)
    inside = changed.batches(table)
    apart = now.added.get(table, 0) - was.added.get(table, 0)
    loose = now.ended.get(table, 0) - was.ended.get(table, 0) - apart
    whole = now.ended.get(inside, 0) - was.ended.get(inside, 0)
    seen = (gone, there.rows, whole, loose, apart in (0, there.packed), there.otherwise)
    if seen != (expected, expected, there.batches, there.loose, True, 0):
        raise Unproven(
            f"{table}: {counted(expected, 'row')} found beforehand, in {there.batches:,} batches and {there.loose:,} "
            f"beside; {gone:,} would have gone, in {whole:,} and {loose:,}, and {apart:,} been taken out of batches",
            hint="Nothing was changed. `lifecycle timescale apply` compresses anew what is compressed otherwise; a "
            "trigger of the table may keep or replace rows.",
        )
    return apart, {table: loose + apart, inside: whole}


def showing(conn: Connection[TupleRow], name: str, needles: Sequence[str]) -> int:
    """Return how many batches of a relation show the person beside their rows: what all have, the lowest, the highest.

    Raise psycopg.Error as it comes.
    """
    schema, relation = sql_parts(name)
    asked = {"schema": schema, "name": relation}
    columns = [row[0] for row in conn.execute(search.SHOWN, asked)]
    if not columns:  # what TimescaleDB keeps for the hypertable itself
        return 0
    found = conn.execute(search.shown(schema, relation, columns), {"needles": needles}).fetchall()
    return sum(any(stands_in(text, needle) for needle in needles) for (text,) in found)


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
