"""Takes partitions off their tables as `detach.py` decided, each by itself, and lets nobody wait for it.

What CONCURRENTLY begins is finished in a second transaction, in which everybody's rights on the partition end and it
is written down with its number; a run that is killed between the two is finished by the next. Where the table is needed
alone, all of it is one transaction. What cannot be taken off keeps no other table's partition from it.
"""

from collections.abc import Iterable
from contextlib import closing
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.errors import (
    ForeignKeyViolation,
    LockNotAvailable,
    ObjectNotInPrerequisiteState,
    QueryCanceled,
)
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.ledger import changed
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import Change, effect
from lifecycle.outcome import Failure
from lifecycle.partitions import owner, statements
from lifecycle.partitions import statements_of_ends as of_ends
from lifecycle.partitions.detach import Detach, Finish, Withdraw
from lifecycle.partitions.ends import Done
from lifecycle.partitions.step import deferred
from lifecycle.postgres import connect, owners, reasons
from lifecycle.postgres.names import sql_parts
from lifecycle.postgres.waits import Budget, InTheWay
from lifecycle.promise import Task

_Step = Detach | Finish
"""What takes one off."""


class _TooLong(Exception):
    """PostgreSQL did not get through the referencing tables in the time for which they may be held."""


def carry_out(task: Task, steps: Iterable[_Step | Withdraw]) -> Done:
    """Take them off, what is unfinished first.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    ordered = sorted(steps, key=lambda step: isinstance(step, Detach))
    done: list[str] = []
    failures: list[Failure] = []
    if not ordered:
        return Done((), ())
    stuck: set[str] = set()
    budget = Budget()
    with closing(task.system.connect_ddl("partitions.detach")) as conn:
        for step in ordered:
            failure = _one(conn, task.claim, budget, step, stuck)
            if failure is not None:
                failures.append(failure)
            elif not isinstance(step, Withdraw):
                done.append(step.target)
    return Done(tuple(done), tuple(failures))


def _one(
    conn: Connection[TupleRow],
    claim: Claim,
    budget: Budget,
    step: _Step | Withdraw,
    stuck: set[str],
) -> Failure | None:
    """Take one off; return why it was not. A table with one that is pending is stuck: no other comes off it."""
    if not isinstance(step, Withdraw) and step.parent in stuck:
        what = f"another partition of {step.parent} has to come off first, and could not"
        return Failure(step.target, what, "The next run tries again.")
    try:
        if isinstance(step, Withdraw):
            _withdraw(conn, claim, step)
        else:
            _take(conn, claim, budget, step)
    except InTheWay as held:
        if not isinstance(step, Withdraw) and _pending(conn, step):
            stuck.add(step.parent)
        return deferred(step.target, held)
    except psycopg.Error as error:
        if conn.broken:
            raise connect.explain(error) from None
        return _refusal(step, error)
    except (_TooLong, Unproven) as error:
        return _refusal(step, error)
    return None


def _take(conn: Connection[TupleRow], claim: Claim, budget: Budget, step: _Step) -> None:
    if isinstance(step, Detach) and not step.concurrently:
        budget.when_clear(conn, step.needs, partial(_at_once, conn, claim, step))
        return
    if isinstance(step, Detach):
        budget.when_clear(conn, step.needs, partial(_begin, conn, claim, step))
    budget.when_clear(conn, step.needs, partial(_end, conn, claim, step))


def _at_once(conn: Connection[TupleRow], claim: Claim, step: Detach) -> None:
    """Take it off in one transaction, with the table to itself."""
    with effect(conn, claim, None) as change:
        before = changed.so_far(conn)
        _note_begin(conn, claim, step)
        _name(conn, step)
        with owner.enclosed(conn, step.owner, step.schema) as say:
            try:
                say(of_ends.detach(step.parent, step.target), within=statements.HELD)
            except QueryCanceled:
                raise (_TooLong() if step.referenced else InTheWay(step.parent, ())) from None
        _let_go(change, step)
        changed.must_be_of_tables(conn, before, {})


def _begin(conn: Connection[TupleRow], claim: Claim, step: Detach) -> None:
    """Have CONCURRENTLY begin, and end if nobody is in its way. Raise psycopg.Error where it did not begin."""
    if _pending(conn, step):
        return
    with effect(conn, claim, None) as change:
        _note_begin(conn, claim, step)
        change.record("intent", "partitions.detaching", step.target, counts={"partitions": 1})
    try:
        with owners.acting_as(conn, step.owner):
            conn.execute(of_ends.detach_concurrently(step.parent, step.target))
    except psycopg.Error as error:
        if conn.broken:
            raise
        if not _pending(conn, step):
            _withdraw(conn, claim, step)
            raise
        if not isinstance(error, LockNotAvailable | QueryCanceled):
            raise


def _withdraw(conn: Connection[TupleRow], claim: Claim, step: Withdraw | Detach) -> None:
    how = step.how if isinstance(step, Withdraw) else "not begun"
    with effect(conn, claim, None) as change:
        conn.execute(of_ends.END, claim.key() | {"relation": step.relation, "how": how})
        change.record("effect", "partitions.forgotten", step.target, counts={"partitions": 1})


def _end(conn: Connection[TupleRow], claim: Claim, step: _Step) -> None:
    """Finish what is pending; let go of what is ours, and write it down."""
    with effect(conn, claim, None) as change:
        ours = isinstance(step, Detach) or step.ours
        _name(conn, step)
        pending = _pending(conn, step)
        with owner.enclosed(conn, step.owner, step.schema) as say:
            if pending:
                say(of_ends.finalize(step.parent, step.target), within=statements.HELD)
        if ours:
            _let_go(change, step)
        else:
            change.record("effect", "partitions.finalized", step.target, counts={"partitions": 1})


def _name(conn: Connection[TupleRow], step: _Step) -> None:
    """Name it to what is said next. Raise ObjectNotInPrerequisiteState when its name is another table's by now."""
    schema, name = sql_parts(step.target)
    values = {"schema": schema, "name": name, "relation": step.relation}
    if conn.execute(of_ends.IS_NAMED, values).fetchone() != (True,):
        raise ObjectNotInPrerequisiteState
    parent_schema, parent = sql_parts(step.parent)
    conn.execute(of_ends.NAME_CHILD, values | {"parent_schema": parent_schema, "parent": parent})


def _pending(conn: Connection[TupleRow], step: _Step) -> bool:
    return conn.execute(of_ends.PENDING, {"relation": step.relation}).fetchone() == (True,)


def _note_begin(conn: Connection[TupleRow], claim: Claim, step: Detach) -> None:
    values = claim.key() | {"relation": step.relation, "why": step.why, "grace": step.grace}
    conn.execute(of_ends.BEGIN, values)


def _let_go(change: Change, step: _Step) -> None:
    """End everybody's rights on it. The note comes first: it says which they were."""
    values = change.claim.key() | {"relation": step.relation}
    change.conn.execute(of_ends.NOTE, values)
    with owner.enclosed(change.conn, step.owner, step.schema) as say:
        say(of_ends.RELEASE)
    change.record("effect", "partitions.detached", step.target, counts={"partitions": 1})


def _refusal(step: _Step | Withdraw, error: Exception) -> Failure:
    if isinstance(error, _TooLong):
        return Failure(
            step.target,
            f"PostgreSQL did not get through the tables that reference it within {statements.HELD}",
            "An index on the columns of their foreign keys makes that an instant; or take it off by hand at night.",
        )
    if isinstance(error, ForeignKeyViolation):
        needs = () if isinstance(step, Withdraw) else step.needs
        table = reasons.table(error, {need.table for need in needs}) or "another table"
        return Failure(
            step.target,
            f"rows of {table} reference rows in it",
            f"End the rows of {table} first: a rule under `retention` that ends them no later does.",
        )
    if isinstance(error, ObjectNotInPrerequisiteState):
        what = "it is not what it was when the plan was made"
        return Failure(step.target, what, "Nothing was done to it; look at the plan again.")
    if isinstance(error, Unproven):
        hint = "An event trigger, or a function in an index of the table, writes rows."
        return Failure(step.target, f"it was not taken off: {error.what}", hint)
    said = connect.explain(error) if isinstance(error, psycopg.Error) else None
    return Failure(
        step.target,
        f"it was not taken off: {said.what if said else error}",
        said.hint if said else "",
    )
