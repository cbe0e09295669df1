"""Where a person is quoted in rows that an erasure leaves: in rows of others, and in tables of nobody. Reads only.

Asks what the proof asks afterwards, and passes over what would be gone by then: the person's own rows, what is cleared
in those that are kept, pointers that become NULL, what is taken out of the audit log. Gives places and counts, never a
value. Never decides what becomes of a quote.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import statements_of_search as search
from gdpr.note import Note
from gdpr.person import about
from gdpr.reach import Reach
from gdpr.rows import emptied, owned
from gdpr.search import numbered, stream
from gdpr.search.needles import Needles
from gdpr.search.relations import Relation
from gdpr.texts import searchable
from lifecycle import progress
from lifecycle.postgres.catalog import Table


@dataclass(frozen=True, slots=True)
class Quoted:
    """How many rows of one table would still quote the person, and in which columns how many of them do."""

    table: str
    rows: int
    columns: Mapping[str, int]


def together(found: Iterable[Quoted]) -> tuple[Quoted, ...]:
    """Return what was found in leaves as of their tables."""
    rows, columns = Counter[str](), dict[str, Counter[str]]()
    for one in found:
        rows[one.table] += one.rows
        columns.setdefault(one.table, Counter()).update(one.columns)
    return tuple(Quoted(table, number, dict(columns[table])) for table, number in rows.items())


def quoted(
    conn: Connection[TupleRow],
    reach: Reach,
    note: Note,
    needles: Needles,
    beside: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[Quoted, ...]:
    """Return every declared table in which an identifier would still stand. `needles`: of this one person.

    `beside`: by table the columns that somebody else looks at.

    No table stays locked when it was read, so that nobody who changes one waits for the whole search.
    """
    found: list[Quoted] = []
    for table in reach.catalog.tables.values():
        progress.phase(f"searching {table.name}")
        with conn.transaction(force_rollback=True):
            about_it = About(note, 0, beside=beside.get(table.name, ()))
            found += _in(conn, reach, table, about_it, needles)
    return tuple(found)


def _in(
    conn: Connection[TupleRow], reach: Reach, table: Table, one: "About", needles: Needles
) -> Iterator[Quoted]:
    if len(needles):
        columns = tuple(column.name for column in searchable(table))
        of = reach.relation(table.name), table.name, columns
        yield from _left(conn, reach, of, needles, one)


@dataclass(frozen=True, slots=True)
class About:
    """About whom it is asked: `whose` is their place among those whom the needles are of. `numbers`: of which rows.

    `beside`: columns that are looked at by whoever takes values out of them.
    """

    note: Note
    whose: int
    numbers: Sequence[int] | None = None
    beside: Sequence[str] = ()


def left(
    conn: Connection[TupleRow], reach: Reach, relation: Relation, needles: Needles, one: About
) -> Iterator[Quoted]:
    """Yield what would still stand of one person in a relation. Raise psycopg.Error as it comes."""
    of = relation.source, relation.table, relation.columns
    yield from _left(conn, reach, of, needles, one)


def _left(
    conn: Connection[TupleRow],
    reach: Reach,
    of: tuple[sql.Composable, str, Sequence[str]],
    needles: Needles,
    one: About,
) -> Iterator[Quoted]:
    source, table, every = of
    other = {*_taken_out(reach, table), *one.beside}
    columns = [column for column in every if column not in other]
    gone = owned(reach, table) if table in reach.deleted else sql.SQL("false")
    stays = sql.SQL("({}) is not true").format(gone)
    without, rows, each = emptied(reach, table), 0, Counter[str]()
    if not columns:
        return
    for only, values in numbered.again(one.numbers):
        where = stays if only is None else sql.SQL("{} and {}").format(only, stays)
        query = search.printed(source, columns, without, where)
        for block in stream.blocks(conn, query, about(one.note.person) | values):
            hits = [hit for hit in needles.rows(block) if hit.whose == one.whose]
            rows += len({hit.row for hit in hits})
            each.update(columns[hit.column] for hit in hits)
    if rows:
        yield Quoted(table, rows, {c: each[c] for c in columns if each[c]})


def _taken_out(reach: Reach, table: str) -> frozenset[str]:
    """Return the columns that an anonymisation leaves without the person, in whatever row."""
    log = AUDIT.of(reach.policy)
    if log is None or log.table != table:
        return frozenset()
    return frozenset({log.subject, *log.actors, log.record, *log.values})
