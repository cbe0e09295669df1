"""Who may enter a database that was brought back: everybody who might, the service alone, or superusers alone."""

from psycopg import Connection
from psycopg.rows import TupleRow

from backups import roles, statements_of_roles
from backups.manifest import Manifest
from backups.roles import Globals, Right
from backups.way_back import plan, statements
from backups.way_back.plan import Since

ANYBODY = (Right(grantee="", right="CONNECT", grantable=False),)
"""Who may enter a database of which nobody has written it down: everybody, as PostgreSQL has it."""


def open_to(
    conn: Connection[TupleRow], dumped: Manifest, beside: Globals | None, since: Since
) -> None:
    """Let everybody in who might enter, unless somebody was erased since.

    Then the service alone may, who erases them again; and where nobody can tell, the limit of nobody at all stays.
    """
    name, said = dumped.source.database, plan.said_of(dumped)
    if since.erased and not since.unknown:
        for right in roles.read(conn, name).rights:
            if right.right == "CONNECT" and right.grantee not in statements.SERVICE:
                conn.execute(statements.keep_out(name, right.grantee))
        said += plan.CLOSED
    conn.execute(statements.remark(name, said))
    if since.unknown is None:
        limit = beside.connections if beside else -1
        conn.execute(statements_of_roles.limit_database(name, limit))


def let_in(conn: Connection[TupleRow], dumped: Manifest, beside: Globals | None) -> None:
    """Let everybody in again who might enter when it was dumped. Safe to be done again."""
    name = dumped.source.database
    with conn.transaction():
        for right in beside.rights if beside else ANYBODY:
            said = statements_of_roles.let_enter(
                name, right.right, right.grantee, grantable=right.grantable
            )
            conn.execute(said)
        conn.execute(statements.remark(name, plan.said_of(dumped)))
