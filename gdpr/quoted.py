"""Where a person is quoted in rows that an erasure leaves: in rows of others, and in tables of nobody. Reads only.

Asks what the proof asks afterwards, and passes over what would be gone by then: the person's own rows, what is cleared
in those that are kept, pointers that become NULL, what is taken out of the audit log. Gives places and counts, never a
value. Never decides what becomes of a quote.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import statements_of_search as search
from gdpr.notes import Note
from gdpr.person import about
from gdpr.reach import Reach, searchable
from gdpr.rows import is_person, mentioning, owned
from gdpr.search import stream
from gdpr.search.needles import Needles
from lifecycle import progress
from lifecycle.postgres.catalog import Table


@dataclass(frozen=True, slots=True)
class Quoted:
    """How many rows of one table would still quote the person, and in which columns how many of them do."""

    table: str
    rows: int
    columns: Mapping[str, int]


def quoted(
    conn: Connection[TupleRow], reach: Reach, note: Note, needles: Needles
) -> tuple[Quoted, ...]:
    """Return every declared table in which an identifier would still stand. `needles`: of this one person.

    No table stays locked when it was read, so that nobody who changes one waits for the whole search.
    """
    found: list[Quoted] = []
    for table in reach.catalog.tables.values():
        progress.phase(f"searching {table.name}")
        with conn.transaction(force_rollback=True):
            found += _in(conn, reach, table, note, needles)
    return tuple(found)


def _in(
    conn: Connection[TupleRow], reach: Reach, table: Table, note: Note, needles: Needles
) -> tuple[Quoted, ...]:
    taken = _taken_out(reach, table.name)
    columns = [column.name for column in searchable(table) if column.name not in taken]
    gone = owned(reach, table.name) if table.name in reach.deleted else sql.SQL("false")
    stays = sql.SQL("({}) is not true").format(gone)
    if not columns or not len(needles):
        return ()
    emptied = _emptied(reach, table.name)
    query = search.printed(reach.relation(table.name), columns, emptied, stays)
    rows, each = 0, Counter[str]()
    for block in stream.blocks(conn, query, about(note.person)):
        hits = needles.rows(block)
        rows += len({hit.row for hit in hits})
        each.update(columns[hit.column] for hit in hits)
    return (Quoted(table.name, rows, {c: each[c] for c in columns if each[c]}),) if rows else ()


def _taken_out(reach: Reach, table: str) -> frozenset[str]:
    """Return the columns that an anonymisation leaves without the person, in whatever row."""
    log = AUDIT.of(reach.policy)
    if log is None or log.table != table:
        return frozenset()
    return frozenset({log.subject, *log.actors, log.record, *log.values})


def _emptied(reach: Reach, table: str) -> dict[str, sql.Composable]:
    """Return column -> the rows in which an erasure takes its value away."""
    found: dict[str, sql.Composable] = {}
    for mention in reach.mentions:
        if mention.table == table:
            found |= dict.fromkeys(mention.columns, mentioning(reach, mention))
    keep = reach.policy.tables[table].keep if table in reach.kept else None
    for column in keep.clear if keep else ():
        mine = owned(reach, table)
        also = found.get(column)
        found[column] = sql.SQL("({} or {})").format(also, mine) if also else mine
    log = AUDIT.of(reach.policy)
    if log is not None and log.table == table and log.actor:
        by, of = is_person(reach, table, log.actor), is_person(reach, table, log.subject)
        nobody = sql.Identifier("t", log.actor)
        acted = sql.SQL("({} or ({} is null and {}))").format(by, nobody, of)
        found |= dict.fromkeys(log.of_actor, acted)
    return found
