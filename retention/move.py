"""Moves rows into an archive table of the same database: put in and deleted in one statement, counted and compared.

What came to lie there must be what was deleted, to the last digit: a trigger of the archive that changes what is put
in, or keeps a row out, undoes the batch. An archive is a table of the policy as every other is: erasures and holds
reach it.
"""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.holds.gate import Held
from lifecycle.words import counted
from retention import statements_of_moves as statements
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
    """Move the fixed rows of a stretch: (rows that are to go, those of them not locked, rows moved).

    Without `pass_over` rows that somebody has locked are waited for, and all three are the same. Raise Unproven when
    others came to lie in the archive than were deleted; psycopg.Error as it comes.
    """
    statement = statements.move(leaf, bound, held, pass_over=pass_over)
    row = conn.execute(statement, dict(values)).fetchone()
    assert row is not None
    there, free, gone, deleted, came, put = row
    if (gone, deleted) != (came, put):
        raise Unproven(
            f"{counted(gone, 'row')} would have left {leaf}, and {came:,} come into {bound.rule.to}"
            if gone != came
            else f"what would have come into {bound.rule.to} is not what would have left {leaf}",
            hint="Nothing was changed. A trigger of the archive keeps rows out, or changes them: it has to leave them.",
        )
    return (there, free, gone) if pass_over else (gone, gone, gone)
