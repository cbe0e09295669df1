"""Which table an archive's rows go into: the one they are of, or a new one that is made beside it."""

from dataclasses import replace
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import InputError, Refused
from lifecycle.postgres import names
from lifecycle.postgres.catalog import Catalog
from lifecycle.returning import target as to_return
from lifecycle.returning.target import Target
from retention.archive import statements
from retention.statements import any_row

MADE, RESTORED = "retention.restoring", "retention.restored"
"""What the ledger calls a table that was made for rows to come back, and the rows that came."""


def target(
    conn: Connection[TupleRow], seen: Catalog, table: str, into: str | None, beside: str | None
) -> Target:
    """Return where rows of `table` shall go. Raise InputError unless one of the two is given, NotFound, Refused."""
    if (into is None) == (beside is None):
        raise InputError(
            "say where the rows shall go", hint="Give `--into TABLE` or `--beside NAME`."
        )
    like = seen.table(into or table)
    begun = False
    if beside is not None and _row(conn, statements.THERE, beside)[0]:
        begun = _begun(conn, seen, like.owner, beside)
        if not begun:
            raise Refused(
                f"something is called {beside} already", hint="Choose a name that nothing has."
            )
    if into is not None and into != table:
        raise Refused(
            f"the archive is of {table}, and the policy says of {into} whose its rows are",
            hint=f"Restore it into {table}, or beside it.",
        )
    found = to_return.into(conn, seen, like.name)
    return (
        found if beside is None else replace(found, name=beside, new=True, begun=begun, made=MADE)
    )


def but_for(seen: Catalog, to: Target) -> Catalog:
    """Return the picture without a table that a killed restore has begun: nobody has declared it, nothing is in it."""
    others = {n: table for n, table in seen.tables.items() if not (to.begun and n == to.name)}
    return replace(seen, tables=others)


def _begun(conn: Connection[TupleRow], seen: Catalog, owner: str, name: str) -> bool:
    """Say whether a restore has made this table, and was killed before a row of it was there."""
    there = seen.tables.get(name)
    if there is None or there.owner != owner:
        return False
    made = conn.execute(statements.MADE, {"made": MADE, "restored": RESTORED, "name": name})
    return bool((made.fetchone() or (False,))[0]) and not _row_is_there(conn, name)


def _row_is_there(conn: Connection[TupleRow], name: str) -> bool:
    row = conn.execute(any_row(name)).fetchone()
    return bool(row and row[0])


def _row(conn: Connection[TupleRow], statement: LiteralString, name: str) -> TupleRow:
    row = conn.execute(statement, {"relation": names.sql_name(name).as_string(conn)}).fetchone()
    assert row is not None
    return row
