"""Takes the person out of rows of others, which stay: what points to them, and nothing else of the row.

A trigger that is declared may set other columns of the same row, which no count of rows shows: so all that none of them
is said to set is compared. Never decides which rows these are.
"""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import inside, statements
from gdpr.note import Note
from gdpr.reach import Mention, Reach
from lifecycle.errors import Unproven
from lifecycle.policy import triggers
from lifecycle.postgres.session import settle
from lifecycle.words import counted


def clear(
    conn: Connection[TupleRow],
    reach: Reach,
    mention: Mention,
    person: Mapping[str, object],
    expected: int,
    known: Note,
) -> None:
    """Clear it in as many rows as `expected`, in a transaction of the caller's. `known`: what may be left nowhere.

    Raise Unproven when it would be others, or more of them than the column; psycopg.Error as it comes.
    """
    if not mention.columns:
        inside.clear(conn, reach, mention, person, expected, known)
        return
    row = conn.execute(statements.clear_mention(reach, mention), dict(person)).fetchone()
    settle(conn)  # code of the application's may have set what the next statement means
    gone, same = row or (0, False)
    if gone != expected:
        raise Unproven(
            f"{mention.name}: {counted(expected, 'row')} found beforehand, and {gone:,} would have gone",
            hint="Nothing was changed. A trigger or rule on the table keeps or replaces rows.",
        )
    if not same:
        raise Unproven(
            f"{mention.table}: more than {mention.word} would have changed in rows of others",
            hint=triggers.SETS_MORE,
        )
