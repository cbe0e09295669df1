"""Where a person can be in a database, and which of these places a proof can look at. From the catalog, read afresh.

Promised is everything that stores values: each relation of every schema, each of its columns whose type can hold text,
statistics, large objects, transactions that have not ended. What the search does not reach is named with its reason.
"""

from collections.abc import Iterator
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_search as search
from lifecycle.coverage import Kind, Place, Reason
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name

_LOOK = "Look there by hand for the person, or take the place out of the database."

BEYOND = {
    Place("spelling", "escaped, encoded or decomposed"): Reason(
        "values are searched as they are written and as JSON writes them, not percent-encoded, base64 or decomposed",
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
)
"""Types whose text is the value itself, or JSON."""

_NO_TEXT = (
    *("smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "money"),
    *("date", "time", "timestamp", "interval", "oid"),
)
"""Types in which no name or address can stand."""


def unreached(
    conn: Connection[TupleRow], catalog: Catalog
) -> Iterator[tuple[Place, Reason | None]]:
    """Yield every place of this database, with the reason where the search does not look."""
    searched = _searched(catalog)
    for schema, name, stored, ours in conn.execute(search.STORED).fetchall():
        relation = policy_name(schema, name)
        if not ours:
            yield Place("relation", relation), _why_not(relation, stored, searched)
    for schema, name, column, typed in conn.execute(search.TYPED).fetchall():
        if (reason := _why_not_type(typed)) is not None:
            yield Place("column", f"{policy_name(schema, name)}.{column}"), reason
    counted: tuple[tuple[Place, LiteralString, str, Kind], ...] = (
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
    for place, count, why, kind in counted:
        row = conn.execute(count).fetchone()
        yield place, Reason(f"{row[0]} there: {why}", _LOOK, kind) if row and row[0] else None


def _searched(catalog: Catalog) -> frozenset[str]:
    """Return the relations that a query of their tables reads: those pending detach are not among them."""
    leaves = (
        part.name
        for table in catalog.tables.values()
        for part in table.partitions
        if not part.pending_detach
    )
    return frozenset((*catalog.tables, *leaves))


def _why_not(relation: str, kind: str, searched: frozenset[str]) -> Reason | None:
    if (
        kind == "m" or relation in searched
    ):  # of views, those that cannot be read are told where they are read
        return None
    what = {"f": "a foreign table is not read"}.get(kind, "no query of a declared table reads it")
    return Reason(what, _LOOK, "limit")


def _why_not_type(kind: str) -> Reason | None:
    bare = kind.removesuffix("[]").partition("(")[0].partition(" with")[0]
    if bare in _NO_TEXT or bare in _SPELLED_PLAINLY:
        return None
    return Reason(
        f"{kind} may spell a value in another way than it is searched for", _LOOK, "limit"
    )
