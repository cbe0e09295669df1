"""Clears a column in rows that stay: that column, and nothing else of the row.

A trigger that is declared may set other columns of the same row, or put back what was there, which no count of rows
shows: so all that none of them is said to set is compared, in the statement that clears.
"""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.holds.gate import Held
from lifecycle.policy import triggers
from lifecycle.words import counted
from retention import statements_of_clearing as statements
from retention.rules import Bound


def rows(
    conn: Connection[TupleRow],
    leaf: str,
    bound: Bound,
    held: Held,
    values: Mapping[str, object],
    *,
    pass_over: bool,
) -> tuple[int, int, int]:
    """Clear the fixed rows of a stretch: (rows that are to be cleared, those of them not locked, rows cleared).

    Without `pass_over` rows that somebody has locked are waited for, and all three are the same. Raise Unproven when
    one would have kept its value or lost more; psycopg.Error as it comes.
    """
    if pass_over:
        row = conn.execute(statements.clear_unlocked(leaf, bound, held), values).fetchone()
        there, free, changed, empty, same = row or (0, 0, 0, 0, 0)
    else:
        row = conn.execute(statements.clear(leaf, bound, held), values).fetchone()
        changed, empty, same = row or (0, 0, 0)
        there = free = changed
    if empty != changed:
        raise Unproven(
            f"{changed - empty:,} of {counted(changed, 'row')} of {leaf} would still have had a value in "
            f"{bound.column}",
            hint="Nothing was changed. A trigger of the table puts it back.",
        )
    if same != changed:
        raise Unproven(
            f"more than {bound.column} would have changed in rows of {leaf} that stay",
            hint=triggers.SETS_MORE,
        )
    return there, free, changed
