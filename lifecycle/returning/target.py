"""The table that rows come back into: one that is there, or one that is made beside it. DDL as its owner.

What is made beside is its owner's alone: no right that the schema gives by default stays on it, and row security is on,
so that nobody reads there past the policies of the table it is like.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow
from psycopg.sql import Composed

from lifecycle.errors import Refused
from lifecycle.ledger.effect import effect
from lifecycle.postgres import connect, names
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.owners import step_into
from lifecycle.promise import Task
from lifecycle.returning import statements


@dataclass(frozen=True, slots=True)
class Target:
    """`name` is filled. It is `like` itself, or `new` and made like it. `service` is who puts rows into it.

    `begun`: a restore that was killed has made it, and put no row there. `made` is what the ledger calls its making.
    """

    name: str
    like: str
    new: bool
    key: tuple[str, ...]
    owner: str
    service: str
    may: bool
    begun: bool = False
    made: str = ""


def into(conn: Connection[TupleRow], seen: Catalog, table: str) -> Target:
    """Return the table itself as the place where its rows go. Raise NotFound."""
    there = seen.table(table)
    spelled = names.sql_name(there.name).as_string(conn)
    row = conn.execute(statements.OWNER, {"relation": spelled}).fetchone()
    assert row is not None
    *_, owner, service, may = row
    return Target(there.name, there.name, False, there.primary_key, owner, service, may)


@contextmanager
def open_for(task: Task, to: Target) -> Generator[None]:
    """Let the service put rows into the table for the block; make it first where it is new. Raise Refused."""
    if not to.new and to.may:
        yield
        return
    with closing(task.system.connect_ddl("rows come back")) as ddl:
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
                change.record("intent", to.made, to.name)
    except InsufficientPrivilege:
        raise Refused(
            f"the service may not step into {to.owner}, who owns {to.like}, or they may not make a table there",
            hint=f"As {to.owner}: `grant insert on {to.like} to {to.service}`, and take it back afterwards.",
        ) from None
    except psycopg.Error as error:
        raise connect.explain(error) from None
