"""Makes the partitions of a plan, and never makes anybody wait.

Nothing is tried while somebody holds a lock that is needed (`waits.py`), and from ATTACH on the transaction has
HELD to end. A transaction makes whole partitions or nothing, so a run may be killed at any instant and started
again. Many are made in one (`together.py`); what is left is made here, one transaction each, and says why it cannot be.
Where the default partition is large, `spare.py` sees to it that ATTACH need not look through it.
"""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import psycopg
from psycopg import Connection, sql
from psycopg.errors import (
    CheckViolation,
    DuplicateTable,
    InsufficientPrivilege,
    InvalidParameterValue,
    ObjectNotInPrerequisiteState,
    QueryCanceled,
    UndefinedObject,
)
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.ledger import changed
from lifecycle.ledger.changed import Changed
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions import (
    owner,
    policies,
    spare,
    statements,
    statements_of_defaults,
    statements_of_storage,
    together,
)
from lifecycle.partitions.step import CreatePartition, deferred
from lifecycle.partitions.survey import Seen
from lifecycle.plan import Decision
from lifecycle.postgres import connect
from lifecycle.postgres.waits import Budget, InTheWay
from lifecycle.promise import Task
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the steps: the partitions made, and what could not be."""

    steps: tuple[CreatePartition, ...]
    failures: tuple[Failure, ...]


def carry_out(task: Task, seen: Seen, decision: Decision[CreatePartition]) -> Made:
    """Make what is missing. Raise Fenced when another process holds the run, Unreachable when the server goes away."""
    if not decision.steps and not seen.spared:
        return Made((), ())
    making = _Making(task, Budget(), [], [])
    with closing(task.system.connect_ddl("partitions.create")) as conn:
        for parent, left in seen.spared.items():
            making.failures += spare.let_go(conn, task.claim, parent, left)
        making.made, left = together.make(conn, task.claim, making.waits, decision.steps)
        for parent, steps in groupby(left, lambda step: step.parent):
            _make_of(conn, making, parent, tuple(steps))
    return Made(tuple(making.made), tuple(making.failures))


@dataclass(slots=True)
class _Making:
    """A run at work: its budget of waiting, and what has become of the steps so far."""

    task: Task
    waits: Budget
    made: list[CreatePartition]
    failures: list[Failure]
    too_long: set[str] = field(default_factory=set[str])
    """Tables of which an ATTACH did not end within HELD, whether somebody was in its way or not."""


def _make_of(
    conn: Connection[TupleRow], making: _Making, parent: str, steps: tuple[CreatePartition, ...]
) -> None:
    """Make the partitions of one table. One whose lock does not come defers the whole table, and no other table."""
    step = steps[0]
    try:
        if step.spares is None:
            _make_each(conn, making, steps)
            return
        full = spare.holding(making.task.system, step.spares, steps)
        making.failures += [_rows_in_default(step) for step in steps if step.target in full]
        left = tuple(step for step in steps if step.target not in full)
        if left:
            with spare.spared(conn, making.task.claim, making.waits, left, making.failures):
                _make_each(conn, making, left)
    except InTheWay as held:
        long = not held.pids and parent in making.too_long
        making.failures.append(_too_long(step) if long else deferred(parent, held))
    except psycopg.Error as error:  # what a step raises ends with it: of the default partition
        if conn.broken:
            raise connect.explain(error) from None
        making.failures.append(_refusal(conn, step, error))


def _make_each(
    conn: Connection[TupleRow], making: _Making, steps: Iterable[CreatePartition]
) -> None:
    """Make what can be made. Raise InTheWay where a lock does not come."""
    for step in steps:
        try:
            attempt = partial(_attempt, conn, making, step)
            making.waits.when_clear(conn, step.needs, attempt)
        except Unproven as error:
            what = f"{step.target} was not made: {error.what}"
            hint = (
                "A function in a check or an index of the table, or an event trigger, writes rows."
            )
            making.failures.append(Failure(step.parent, what, hint))
        except policies.NotCopied:
            making.failures.append(_not_copied(step))
        except psycopg.Error as error:
            if conn.broken:
                raise connect.explain(error) from None
            making.failures.append(_refusal(conn, step, error))
        else:
            making.made.append(step)


def _attempt(conn: Connection[TupleRow], making: _Making, step: CreatePartition) -> None:
    try:
        make(conn, making.task.claim, step)
    except QueryCanceled:
        making.too_long.add(step.parent)
        raise


def make(conn: Connection[TupleRow], claim: Claim, step: CreatePartition) -> None:
    """Make one partition, or nothing. Raise psycopg.Error as it comes, Fenced when the claim is gone."""
    with effect(conn, claim, None) as change:
        before = changed.so_far(conn)
        with owner.enclosed(conn, step.owner, step.schema) as say:
            _bear(conn, say, step)
            for leaf in step.below:
                _bear(conn, say, leaf)
                say(statements.attach(leaf))
            _name(conn, step)
            moved = _move(conn, say, before, step)
            # From here on tables it references take no writes, and the default partition no readers.
            say(statements.attach(step), statements.CARRY_OVER_ATTACHED, within=statements.HELD)
        # Code of somebody's may write rows on the way: a deferred trigger would act as this login.
        ended, adding = ({step.parent: moved}, {step.parent}) if moved else ({}, set[str]())
        changed.must_be_of_tables(conn, before, ended, frozenset(adding))
        if moved:
            change.record("effect", "partitions.moved", step.target, counts={"rows": moved})
        change.record("effect", "partitions.created", step.target, counts={"partitions": 1})


def _bear(conn: Connection[TupleRow], say: owner.Say, step: CreatePartition) -> None:
    """Make the table, with all that it has of its parent, so that nobody sees it yet."""
    _name(conn, step)
    say(statements.create(step), statements.CARRY_OVER, *statements_of_storage.put(step))
    policies.must_be_copied(conn)


def _name(conn: Connection[TupleRow], step: CreatePartition) -> None:
    names = {"schema": step.schema, "parent": step.parent_relname, "child": step.relname}
    conn.execute(statements.NAME_BOTH, names)


def _move(
    conn: Connection[TupleRow], say: owner.Say, before: Changed, step: CreatePartition
) -> int:
    """Move the rows of its period out of the default partition, and return how many went and came."""
    if not step.moves:
        return 0
    default = step.moves_from
    lock = statements_of_defaults.close_to_writers(default)
    say(lock, statements_of_defaults.move(default, step), within=statements.HELD)
    after = changed.so_far(conn)
    gone = after.ended.get(step.parent, 0) - before.ended.get(step.parent, 0)
    came = after.added.get(step.target, 0) - before.added.get(step.target, 0)
    if gone != came:
        raise Unproven(
            f"{gone} rows would have left {default}, and {came} come into it",
            hint="Nothing was moved.",
        )
    return gone


def _rows_in_default(step: CreatePartition) -> Failure:
    return Failure(
        step.parent,
        f"rows of {step.lower} to {step.upper} lie in the default partition",
        "Move them out of the default partition by hand, then run again.",
    )


def _too_long(step: CreatePartition) -> Failure:
    below = f" with {counted(len(step.below), 'partition')} below it" if step.below else ""
    hint = "It is tried again by the next run." + (
        " Where that fails each night: fewer in `then`, or an index less on the table."
        if below
        else ""
    )
    return Failure(
        step.parent,
        f"{step.target}{below} was not attached within {statements.HELD}, and nobody was in its way",
        hint,
    )


def _not_copied(step: CreatePartition) -> Failure:
    return Failure(
        step.parent,
        f"{step.target} was not made: a policy of {step.parent} cannot be copied so that it means the same",
        "Make the partition by hand with its policies, or write the policy in another way.",
    )


def _refusal(conn: Connection[TupleRow], step: CreatePartition, error: psycopg.Error) -> Failure:
    if isinstance(error, CheckViolation):
        return _rows_in_default(step)
    if isinstance(error, DuplicateTable):
        return Failure(
            step.parent,
            f"something else is called {step.target}",
            "Lifecycle adopts and drops nothing it did not make: rename it or drop it by hand.",
        )
    if why := _not_stored(conn, step, error):
        what, hint = why
        return Failure(step.parent, f"{step.target} was not made: {what}", hint)
    if isinstance(error, InsufficientPrivilege) and not _member(conn, step.owner):
        return Failure(
            step.parent,
            f"{step.target} was not made: the service may not step into {step.owner}, who owns {step.parent}",
            "Run `lifecycle init` again: it grants what this policy needs.",
        )
    if isinstance(error, InsufficientPrivilege):
        return Failure(
            step.parent,
            f"{step.target} was not made: {step.owner} may not make tables in schema {step.schema}",
            f"An administrator runs: grant create on schema {step.schema} to {step.owner};",
        )
    said = connect.explain(error)
    return Failure(step.parent, f"{step.target} was not made: {said.what}", said.hint)


def _not_stored(
    conn: Connection[TupleRow], step: CreatePartition, error: psycopg.Error
) -> tuple[str, str] | None:
    """Return why it cannot be stored as the policy says, and what to do; None where that was not in the way."""
    if isinstance(error, InvalidParameterValue) and step.parameters:
        names = ", ".join(name for name, _ in step.parameters)
        what = f"PostgreSQL takes no such value of one of {names}"
        return what, "Correct `stored.parameters` in the policy."
    methods = {one.access_method for one in (step, *step.below) if one.access_method}
    for method in (
        methods if isinstance(error, UndefinedObject | ObjectNotInPrerequisiteState) else ()
    ):
        if conn.execute(statements_of_storage.IS_METHOD, {"method": method}).fetchone() != (True,):
            what = f"there is no access method {method} of tables"
            return (
                what,
                "Correct `stored.access_method` in the policy, or have its extension installed.",
            )
    if not step.tablespace or not isinstance(error, UndefinedObject | InsufficientPrivilege):
        return None
    asked = {"tablespace": step.tablespace, "owner": step.owner}
    may = conn.execute(statements_of_storage.MAY_USE, asked).fetchone()
    if may is None:
        what = f"there is no tablespace {step.tablespace}"
        return what, "Correct `stored.tablespace` in the policy, or have it made."
    if not may[0]:
        what = f"{step.owner} may not use tablespace {step.tablespace}"
        place = sql.Identifier(step.tablespace).as_string(conn)
        hint = f"An administrator runs: grant create on tablespace {place} to {step.owner};"
        return what, hint
    return None


def _member(conn: Connection[TupleRow], owner: str) -> bool:
    return conn.execute(statements.MEMBER, {"owner": owner}).fetchone() == (True,)
