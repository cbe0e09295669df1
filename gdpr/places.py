"""Where a person can be, and which of these places no search of today reaches. From policy and catalog, read afresh.

Promised is everything that stores values: the person's rows by their predicates, each relation of every schema, each
column whose type can spell a value otherwise, the planner's statistics, large objects, transactions that have not
ended, the audit log; and of one person their objects and their payer. `prove.py` looks; this module does not.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import copies, places_of_names
from gdpr import references as by_reference
from gdpr import statements_of_search as search
from gdpr.note import Note
from gdpr.places_of_names import LOOK
from gdpr.reach import Reach
from gdpr.search.database import EXTENDED, LARGE, SAMPLES, began
from lifecycle import clock
from lifecycle.coverage import Kind, Looks, Place, Reason
from lifecycle.postgres import hypertables
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name
from lifecycle.system import System
from retention.archive.section import SECTION as ARCHIVES

BEYOND = {
    Place("spelling", "compressed, encrypted, aliased or cut"): Reason(
        "values are searched as text, JSON, URLs, HTML, hex and base64 write them, not compressed, encrypted, in "
        "another character set, with a `+` alias, within a longer word or name (`mary@example.com.pdf`), cut by line "
        "ends, in another order or grouping, escaped many times over, or with cases or escapes mixed in one value",
        "Where an application stores what it encrypts or compresses, let it end with the person's rows.",
        "limit",
    ),
    Place("columns", "of numbers and times"): Reason(
        "a key, a telephone number or a date of birth that stands as a number or a time is not searched for",
        "Whose the row is says the policy: rows of its tables are counted by their keys.",
        "limit",
    ),
    Place("definitions", "of the schema"): Reason(
        "what a dump prints beside rows is not read: comments, functions, views, defaults, conditions, bounds",
        "Keep what people are called out of them; `pg_dump --schema-only` shows them all.",
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
    *("text", "character varying", "character", '"char"', "name", "citext", "xml", "bytea"),
    *("json", "jsonb", "jsonpath", "uuid", "inet", "cidr", "macaddr", "macaddr8", "hstore"),
    "compressed_data",
)
"""Types whose text has a value in a spelling that is searched for; what is in a batch is read as those of its rows."""

_NO_WORDS = "NDBTEV"
"""Categories of types in which no name or address can stand: numbers, times, truths, spans, labels, bits."""
_OF_OTHERS = "cdrm"
"""Kinds of types that are made of others, and print them: composites, domains, ranges and many of them."""

_ARCHIVED = Reason(
    "rows that were archived before the erasure stay in their archive, which is never changed",
    "A restore leaves this person out; the archive goes when its own time is over.",
    "limit",
)

_COUNTED: tuple[tuple[Place, LiteralString, str, Kind], ...] = (
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

PATIENCE = 5.0
"""Seconds that a proof waits before its snapshot for transactions that have begun before: most are over by then."""
_PAUSE = 0.1

_CAME = Reason("it came while the search went on", "The next search reads it: run again.")


def promised(conn: Connection[TupleRow], reach: Reach) -> frozenset[Place]:
    """Return every place of this database where anybody can be."""
    found = {
        SAMPLES,
        EXTENDED,
        LARGE,
        *BEYOND,
        *(place for place, *_ in _COUNTED),
    }
    found |= stored(conn) | limits(reach).keys()
    found |= {of_index(index) for _, index in worked_out(conn)}
    return frozenset(found | {place for place, _ in _odd_columns(conn)})


def limits(reach: Reach) -> dict[Place, Reason]:
    """Return what nobody looks into that this policy makes: archives, copies, and what is left of identifiers."""
    return archives(reach) | copies.unmade(reach) | places_of_names.unsought(reach)


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


def stored(conn: Connection[TupleRow]) -> frozenset[Place]:
    """Return every relation that stores rows and is not this product's own. Raise psycopg.Error as it comes."""
    rows = conn.execute(search.STORED).fetchall()
    return frozenset(Place("relation", policy_name(schema, name)) for schema, name, *_ in rows)


def of_person(reach: Reach, note: Note) -> frozenset[Place]:
    """Return the places where this person was, in the database by predicates, and outside of it."""
    found = {*rows(reach), *references(reach), *log(reach)}
    found |= {Place("bucket", bucket) for bucket in note.objects}
    found |= {nameless(bucket) for bucket in note.objects}
    return frozenset(found | ({PAYER} if note.payers else set()))


PAYER = Place("processor", "stripe")


def nameless(bucket: str) -> Place:
    """Return what stands in a bucket and no row knows of."""
    return Place("bucket", f"{bucket}, objects that no row names")


def unreached(
    looks: Looks,
    conn: Connection[TupleRow],
    catalog: Catalog,
    before: frozenset[Place],
    since: datetime,
) -> None:
    """Say of every place of this database that the search does not reach why not.

    It began at `since`, and went through the relations that stood there `before`.
    """
    for place, reason in BEYOND.items():
        looks.not_at(place, reason)
    for place in stored(conn) - before:
        looks.not_at(place, _CAME)
    looks.found(*hypertables.astray(conn, catalog.tables.values()))
    for place, reason in _odd_columns(conn):
        looks.not_at(place, reason)
    for table, index in worked_out(conn):
        looks.not_at(of_index(index), _samples_of_index(table))
    with looks.at(*(place for place, *_ in _COUNTED)):
        under_way = _under_way(conn, since)
    for place, reason in under_way.items():
        looks.not_at(place, reason)


def still_under_way(system: System) -> dict[Place, Reason]:
    """Wait for transactions that have begun before now; return where some have not ended after PATIENCE.

    What these write, a snapshot from then on does not show, and at its end they may be over.
    """
    since, begun = None, clock.monotonic()
    while True:
        with system.snapshot("gdpr prove waits") as conn:
            since = since or began(conn)
            under_way = _under_way(conn, since)
        if not under_way or clock.monotonic() - begun >= PATIENCE:
            return under_way
        time.sleep(_PAUSE)


def _under_way(conn: Connection[TupleRow], since: datetime) -> dict[Place, Reason]:
    found: dict[Place, Reason] = {}
    for place, count, why, kind in _COUNTED:
        row = conn.execute(count, {"since": since}).fetchone()
        if row is None or row[0]:
            found[place] = Reason(f"{row[0] if row else 'some'} there: {why}", LOOK, kind)
    return found


def worked_out(conn: Connection[TupleRow]) -> tuple[tuple[str, str], ...]:
    """Return (table, index) for every index that works a text out of its rows."""
    rows = conn.execute(search.WORKED_OUT).fetchall()
    return tuple((policy_name(schema, t), policy_name(schema, i)) for schema, t, i in rows)


def of_index(index: str) -> Place:
    """Return the planner's samples of what an index works out."""
    return Place("statistics", f"of index {index}")


def _samples_of_index(table: str) -> Reason:
    return Reason(
        "the planner's samples of what an index works out are shown to the table's owner only",
        f"They are made anew after an erasure where the service can say `analyze {table}`, and where rows are left.",
        "limit",
    )


def _odd_columns(conn: Connection[TupleRow]) -> Iterator[tuple[Place, Reason]]:
    """Yield the columns in which a value may stand in another spelling than the one searched for."""
    for schema, name, column, kind, made, category in conn.execute(search.TYPED).fetchall():
        bare = kind.rpartition(".")[2]  # of an extension, in whichever schema it is
        if made in _OF_OTHERS or category in _NO_WORDS or bare in _SPELLED_PLAINLY:
            continue
        why = f"{kind} may spell a value in another way than it is searched for"
        place = Place("column", f"{policy_name(schema, name)}.{column}")
        yield place, Reason(why, LOOK, "limit")
