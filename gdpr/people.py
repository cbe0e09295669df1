"""Who is in the database at all, by keyed digest: to find whom a ledger outside speaks of. Reads only."""

from collections.abc import Iterator
from contextlib import closing

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from gdpr import asked, notes, statements
from gdpr.reach import Reach, reach
from gdpr.waiting import erasure_of
from lifecycle.outside.keys import ReferenceKey
from lifecycle.postgres import catalog
from lifecycle.postgres.names import sql_name
from lifecycle.system import System

BATCH = 5000


def anybody(system: System) -> bool:
    """Say whether there is one person of the kind that can be erased."""
    with system.snapshot("gdpr fence") as conn:
        found = reach(system.policy, catalog.read(conn), erasure_of(system.policy).subject)
        return bool(conn.execute(sql.SQL("{} limit 1").format(statements.people(found))).fetchall())


def by_digest(
    conn: Connection[TupleRow], found: Reach, key: ReferenceKey, wanted: frozenset[str]
) -> tuple[dict[str, str], int]:
    """Return (digest -> key of the person, for those that are wanted; how many people were compared).

    Compared are everybody's own row, and whom a request names, as the own row may be gone by hand; and the sealed notes
    of requests that wait and of erasures that were begun, whose people may have no row any more.
    """
    there = {
        digest: note.person
        for digest in wanted
        for of in (asked.of_digest, notes.of_digest)
        if (note := of(conn, key, digest)) is not None
    }
    compared = 0
    for person in _people(conn, found):
        compared += 1
        digest = notes.whose(key, person)
        if digest in wanted:
            there[digest] = person
    return there, compared


def _people(conn: Connection[TupleRow], found: Reach) -> Iterator[str]:
    requests = erasure_of(found.policy).requests
    named = sql.SQL("select t.{who}::text from {table} as t where t.{who} is not null")
    of_requests = named.format(who=sql.Identifier(requests.subject), table=sql_name(requests.table))
    with closing(conn.cursor(name="people")) as cursor:
        cursor.itersize = BATCH
        cursor.execute(sql.SQL("{} union {}").format(statements.people(found), of_requests))
        for (person,) in cursor:
            yield person
