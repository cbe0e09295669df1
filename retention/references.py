"""Foreign keys that point to what a rule deletes: which rule goes first, and where an index is missing. Reads only."""

from collections.abc import Iterable

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.outcome import Failure
from lifecycle.postgres import names
from retention import statements
from retention.rules import Bound


def first_what_references(bounds: Iterable[Bound]) -> tuple[Bound, ...]:
    """Return the rules in an order in which what references comes before what it references; else as they stand.

    Example: rules for `orders` and `order_items`, which has a foreign key to it. The items go first, whatever the
    order in the policy. Of tables that reference each other none can be first, and they stay as they stand.
    """
    left, ordered = list(bounds), list[Bound]()
    while left:
        tables = {bound.table for bound in left}
        free = (b for b in left if not _referenced_from(b) & tables)
        following = next(free, left[0])
        left.remove(following)
        ordered.append(following)
    return tuple(ordered)


def _referenced_from(bound: Bound) -> set[str]:
    return {key.table for key in bound.references} - {bound.table}


def unindexed(conn: Connection[TupleRow], bound: Bound) -> Failure | None:
    """Return why rows of this rule cannot go in any useful time, or None. Raise psycopg.Error as it comes.

    For each row that goes PostgreSQL asks each table that may reference it; without an index it reads all of that
    table each time: 6,000 rows took 362 s beside a child of 60,000.
    """
    if not bound.references:
        return None
    relation = names.sql_name(bound.table).as_string(conn)
    rows = conn.execute(statements.UNINDEXED, {"relation": relation}).fetchall()
    if not rows:
        return None
    schema, table, key, columns, size = rows[0]
    name = names.policy_name(schema, table)
    others = f", and {len(rows) - 1} more like it" if len(rows) > 1 else ""
    return Failure(
        bound.rule.label,
        f"for each row that goes all {size} MB of {name} would be read: no index leads to them by {key}{others}",
        f"Create one: `create index concurrently on {name} ({', '.join(columns)})`.",
    )
