"""By which of their values nobody goes but one person, of whatever kind: these alone are taken out of rows of others.

Asked of all rows of people, and of all that the policy says of where else their names stand. Reads only.
"""

from psycopg import Connection, errors
from psycopg.rows import TupleRow

from audit import anonymise
from gdpr import statements_of_quotes as statements
from gdpr import taken_out
from gdpr.note import Note
from gdpr.person import about
from gdpr.reach import Reach


def of(conn: Connection[TupleRow], reach: Reach, note: Note) -> tuple[str, ...]:
    """Return what names this person and by which nobody else goes: nothing where somewhere nobody could ask."""
    if not statements.askable(reach):
        return ()
    own = taken_out.of_one(note)
    cases = [(one, case) for one in own for case in anonymise.cases(one)]
    values = about(note.person) | {
        "values": [one for one, _ in cases],
        "cases": [case for _, case in cases],
    }
    try:
        with conn.transaction(force_rollback=True):
            others = {v for (v,) in conn.execute(statements.taken(reach), values)}
    except errors.DataError:  # a text of somebody's that is no document
        return ()
    return tuple(one for one in own if one not in others)
