"""Where a person can be, and which of these places no search of today reaches. From policy and catalog, read afresh.

Promised is everything that stores values: the person's rows by their predicates, each relation of every schema, each
column whose type can spell a value otherwise, the planner's statistics, large objects, transactions that have not
ended, the audit log; and of one person their objects and their payer. `prove.py` looks; this module does not.
"""

from collections.abc import Iterator
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import aggregates
from gdpr import references as by_reference
from gdpr import statements_of_search as search
from gdpr.notes import Note
from gdpr.reach import Reach
from lifecycle.coverage import Kind, Looks, Place, Reason
from lifecycle.postgres import hypertables
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.names import policy_name
from retention.archive.section import SECTION as ARCHIVES

_LOOK = "Look there by hand for the person, or take the place out of the database."

BEYOND = {
    Place("spelling", "escaped, encoded or decomposed"): Reason(
        "values are searched as they are written, as JSON writes them, and in lower, upper and title case, not "
        "percent-encoded, base64, decomposed, or with letters beyond ASCII in mixed case",
        "Where an application stores addresses in URLs or encoded texts, look for them by hand.",
        "limit",
    ),
    Place("identifiers", "of earlier days"): Reason(
        "the identifiers that the person has now are searched for, not those they had before",
        "Where people change their address, look for the earlier ones in the audit log by hand.",
        "limit",
    ),
    Place("log", "of the database server"): Reason(
        "the server's own log files are not read",
        "Let them expire within the deadline, and keep `log_parameter_max_length` at 0.",
        "limit",
    ),
}
"""What no proof of today reaches, whatever the database."""

_SPELLED_PLAINLY = (
    *("text", "character varying", "character", '"char"', "name", "citext", "public.citext"),
    *("json", "jsonb", "uuid", "inet", "cidr", "macaddr"),
    "_timescaledb_internal.compressed_data",
)
"""Types whose text is the value itself, or JSON; and the columns of a batch, which are read as those of its rows."""

_NO_TEXT = (
    *("smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "money"),
    *("date", "time", "timestamp", "interval", "oid"),
)
"""Types in which no name or address can stand."""


_DETACHING = Reason(
    "its detach was begun and not ended, so no query of its table reads it",
    "Finish it: `alter table ... detach partition ... finalize`, or attach it again; then run again.",
)

_ARCHIVED = Reason(
    "rows that were archived before the erasure stay in their archive, which is never changed",
    "A restore leaves this person out; the archive goes when its own time is over.",
    "limit",
)

STATISTICS = Place("statistics", "of the planner")

_COUNTED: tuple[tuple[Place, LiteralString, str, Kind], ...] = (
    (Place("large objects", ""), search.LARGE_OBJECTS, "large objects are not read", "limit"),
    (
        Place("statistics", "extended"),
        search.EXTENDED,
        "extended statistics are not read",
        "limit",
    ),
    (
        Place("transactions", "prepared"),
        search.PREPARED,
        "a prepared transaction may still write",
        "trouble",
    ),
    (
        Place("transactions", "open since before"),
        search.OLDER,
        "a transaction that began earlier may still write",
        "trouble",
    ),
)
"""Places that are empty in most databases: where they are not, nobody looks inside."""


def promised(conn: Connection[TupleRow], reach: Reach) -> frozenset[Place]:
    """Return every place of this database where a person can be."""
    found = {
        *rows(reach),
        *references(reach),
        *log(reach),
        STATISTICS,
        *BEYOND,
        *(place for place, *_ in _COUNTED),
    }
    found |= {Place("relation", name) for name, _ in _stored(conn)} | limits(reach).keys()
    found |= {of_index(index) for _, index in worked_out(conn)}
    return frozenset(found | {place for place, _ in _odd_columns(conn)})


def limits(reach: Reach) -> dict[Place, Reason]:
    """Return what nobody looks into that this policy makes: archives, and numbers among identifiers."""
    return archives(reach) | numbers(reach)


def archives(reach: Reach) -> dict[Place, Reason]:
    """Return the archives of rows, if the policy has them made: what left the database before is in them still."""
    bucket = ARCHIVES.of(reach.policy).bucket
    if bucket is None:
        return {}
    return {Place("archives", f"in {bucket}"): _ARCHIVED}


def rows(reach: Reach) -> tuple[Place, ...]:
    """Return the places that the person's predicates are asked of: tables, and columns that may point to them."""
    return tuple(
        Place("rows", name)
        for name in (*reach.deleted, *reach.kept, *(m.name for m in reach.mentions))
    )


def references(reach: Reach) -> tuple[Place, ...]:
    """Return the references by which rows could go on leading to what is gone."""
    return tuple(
        Place("references", by_reference.name(key))
        for key in by_reference.used(reach)
        if key.referenced in reach.deleted
    )


def log(reach: Reach) -> tuple[Place, ...]:
    """Return the audit log, if there is one."""
    audit = AUDIT.of(reach.policy)
    return (Place("log", audit.table),) if audit else ()


def read_with(table: Table) -> tuple[Place, ...]:
    """Return what a query of this table reads: itself, its leaves but for those that pend detach, and its batches."""
    leaves = (part.name for part in table.partitions if not part.detaching)
    return tuple(Place("relation", name) for name in (table.name, *leaves, *table.batches))


def of_person(note: Note) -> frozenset[Place]:
    """Return the places outside the database where this person was."""
    found = {Place("bucket", bucket) for bucket in note.objects}
    found |= {nameless(bucket) for bucket in note.objects}
    return frozenset(found | ({PAYER} if note.payers else set()))


PAYER = Place("processor", "stripe")


def nameless(bucket: str) -> Place:
    """Return what stands in a bucket and no row knows of."""
    return Place("bucket", f"{bucket}, objects that no row names")


def unreached(looks: Looks, conn: Connection[TupleRow], before: Catalog, after: Catalog) -> None:
    """Say of every place of this database that the search does not reach why not.

    Read is what hung together `before` the search and does so `after` it: what was taken off meanwhile may not be.
    """
    for place, reason in BEYOND.items():
        looks.not_at(place, reason)
    _beside(looks, conn, before, after)
    looks.found(*hypertables.astray(conn, after.tables.values()))
    for place, reason in _odd_columns(conn):
        looks.not_at(place, reason)
    for table, index in worked_out(conn):
        looks.not_at(of_index(index), _samples_of_index(table))
    for place, count, why, kind in _COUNTED:
        with looks.at(place):
            row = conn.execute(count).fetchone()
        if row is None or row[0]:
            looks.not_at(place, Reason(f"{row[0] if row else 'some'} there: {why}", _LOOK, kind))


def worked_out(conn: Connection[TupleRow]) -> tuple[tuple[str, str], ...]:
    """Return (table, index) for every index that works a text out of its rows."""
    rows = conn.execute(search.WORKED_OUT).fetchall()
    return tuple((policy_name(schema, t), policy_name(schema, i)) for schema, t, i in rows)


def of_index(index: str) -> Place:
    """Return the planner's samples of what an index works out."""
    return Place("statistics", f"of index {index}")


def ambiguous(looks: Looks, identifiers: int) -> None:
    """Say that so many identifiers of the person were not searched for, as somebody else goes by them too."""
    if identifiers:
        why = f"an identifier of the person ({identifiers} in all) is another person's too, and was not searched for"
        looks.not_at(Place("identifiers", "shared with somebody else"), Reason(why, _LOOK, "limit"))


def numbers(reach: Reach) -> dict[Place, Reason]:
    """Return what is not looked for, where a person goes by numbers: those in columns of numbers."""
    people = reach.subject.table
    named = [
        name
        for name in reach.subject.own_identifiers
        if reach.column(people, name).type.partition("(")[0] in _NO_TEXT
    ]
    if not named:
        return {}
    why = f"{', '.join(f'{people}.{name}' for name in named)} is a number, and in columns of numbers none is looked for"
    place = Place("identifiers", "that are numbers, in columns of numbers")
    return {place: Reason(why, _LOOK, "limit")}


def _beside(looks: Looks, conn: Connection[TupleRow], before: Catalog, after: Catalog) -> None:
    """Say which relations no query of a declared table has read."""
    searched = _searched(before) & _searched(after)
    searched |= {name for one in aggregates.there(conn) for name in one.relations}
    detaching = {
        part.name for table in after.tables.values() for part in table.partitions if part.detaching
    }
    for relation, kind in _stored(conn):
        if relation in detaching:
            looks.not_at(Place("relation", relation), _DETACHING)
        elif (
            kind != "m" and relation not in searched
        ):  # views and aggregates are read by themselves
            looks.not_at(Place("relation", relation), _unsearched(kind))


def _searched(catalog: Catalog) -> set[str]:
    return {place.name for table in catalog.tables.values() for place in read_with(table)}


def _stored(conn: Connection[TupleRow]) -> Iterator[tuple[str, str]]:
    """Yield (relation, kind) for everything that stores rows and is not this product's own."""
    for schema, name, kind, ours in conn.execute(search.STORED).fetchall():
        if not ours:
            yield policy_name(schema, name), kind


def _unsearched(kind: str) -> Reason:
    what = {"f": "a foreign table is not read"}.get(kind, "no query of a declared table reads it")
    return Reason(what, _LOOK, "limit")


def _samples_of_index(table: str) -> Reason:
    return Reason(
        "the planner's samples of what an index works out are shown to the table's owner only",
        f"They are made anew after an erasure where the service can say `analyze {table}`, and where rows are left.",
        "limit",
    )


def _odd_columns(conn: Connection[TupleRow]) -> Iterator[tuple[Place, Reason]]:
    """Yield the columns in which a value may stand in another spelling than the one searched for."""
    for schema, name, column, kind in conn.execute(search.TYPED).fetchall():
        bare = kind.removesuffix("[]").partition("(")[0].partition(" with")[0]
        if bare not in (*_NO_TEXT, *_SPELLED_PLAINLY):
            why = f"{kind} may spell a value in another way than it is searched for"
            yield (
                Place("column", f"{policy_name(schema, name)}.{column}"),
                Reason(why, _LOOK, "limit"),
            )
