"""What an erasure's own transaction writes while the rows go, by the application's triggers: it is the person's again.

Asked of the rows that the server has counted as added, and of no others (`audit/fresh.py`).
"""

from collections.abc import Mapping

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit import anonymise as audit
from audit import fresh
from audit.fresh import Stood
from audit.keyed import Keyed
from audit.section import SECTION as AUDIT
from gdpr.note import Note
from gdpr.person import as_person
from gdpr.reach import Reach
from lifecycle.postgres.names import sql_name


def begin(conn: Connection[TupleRow], reach: Reach) -> Mapping[str, Stood]:
    """Return what the leaves of the audit log have before anything is written."""
    log = AUDIT.of(reach.policy)
    return fresh.stood(conn, reach.table(log.table)) if log else {}


def anonymise(
    conn: Connection[TupleRow],
    reach: Reach,
    known: Note,
    logged: Keyed | None,
    before: Mapping[str, Stood],
) -> Mapping[str, int]:
    """Take the person out of the log: of rows about them, of those that are `logged`, and of those written since.

    Without `logged`, rows have no keys, and all of the log is read. Raise psycopg.Error as it comes.
    """
    log, person = AUDIT.of(reach.policy), as_person(reach, known)
    if log is not None and logged is not None:
        for leaf, numbers in fresh.added(conn, reach.table(log.table), before).items():
            only = sql.SQL("only {}").format(sql_name(leaf))
            logged = logged.joined(
                audit.keyed(conn, reach.policy, reach.catalog, person, only, numbers)
            )
    return audit.anonymise(conn, reach.policy, reach.catalog, person, logged)
