"""The table that an archive's rows go into: one that is there, or one that is made beside it. DDL as its owner.

What is made beside is its owner's alone: no right that the schema gives by default stays on it, and row security is on,
so that nobody reads there past the policies of the table it is like.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import LiteralString

import psycopg
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow
from psycopg.sql import Composed

from lifecycle.errors import InputError, Refused
from lifecycle.ledger.effect import effect
from lifecycle.postgres import connect, names
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.owners import step_into
from lifecycle.promise import Task
from retention.archive import statements_of_return as statements
from retention.statements import any_row

MADE, RESTORED = "retention.restoring", "retention.restored"
"""What the ledger calls a table that was made for rows to come back, and the rows that came."""


@dataclass(frozen=True, slots=True)
class Target:
    """`name` is filled. It is `like` itself, or `new` and made like it. `service` is who puts rows into it.

    `begun`: a restore that was killed has made it, and put no row there.
    """

    name: str
    like: str
    new: bool
    key: tuple[str, ...]
    owner: str
    service: str
    may: bool
    begun: bool = False


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
    *_, owner, service, may = _row(conn, statements.OWNER, like.name)
    name, new = beside or like.name, beside is not None
    return Target(name, like.name, new, like.primary_key, owner, service, may, begun)


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


@contextmanager
def open_for(task: Task, to: Target) -> Generator[None]:
    """Let the service put rows into the table for the block; make it first where it is new. Raise Refused."""
    if not to.new and to.may:
        yield
        return
    with closing(task.system.connect_ddl("retention.restore")) as ddl:
        give = statements.let(statements.GRANT, to.name, statements.TO, to.service)
        made = statements.make_like(to.name, to.like, to.key) if to.new and not to.begun else ()
        _say(
            task,
            ddl,
            to,
            (*made, *((statements.SHUT,) if to.new else ()), *_reading(to), give),
            begins=True,
        )
        try:
            yield
        finally:
            take = statements.let(statements.REVOKE, to.name, statements.FROM, to.service)
            _say(task, ddl, to, (take,), begins=False)


def _reading(to: Target) -> tuple[Composed, ...]:
    return (statements.let_read(to.name, to.service),) if to.new else ()


def _say(
    task: Task,
    ddl: Connection[TupleRow],
    to: Target,
    commands: tuple[Composed | LiteralString, ...],
    *,
    begins: bool,
) -> None:
    """Say DDL as the owner, in one transaction that holds the run. None of it has code of the owner's run."""
    try:
        with effect(ddl, task.claim, None) as change:
            spelled = names.sql_name(to.name).as_string(ddl)
            ddl.execute(statements.NAME, {"name": spelled})
            ddl.execute(step_into(to.owner))
            for command in commands:
                ddl.execute(command)
            ddl.execute(statements.RESET_ROLE)
            if to.new and begins:
                change.record("intent", MADE, to.name)
    except InsufficientPrivilege:
        raise Refused(
            f"the service may not step into {to.owner}, who owns {to.like}, or they may not make a table there",
            hint=f"As {to.owner}: `grant insert on {to.like} to {to.service}`, and take it back afterwards.",
        ) from None
    except psycopg.Error as error:
        raise connect.explain(error) from None


def _row(conn: Connection[TupleRow], statement: LiteralString, name: str) -> TupleRow:
    row = conn.execute(statement, {"relation": names.sql_name(name).as_string(conn)}).fetchone()
    assert row is not None
    return row
