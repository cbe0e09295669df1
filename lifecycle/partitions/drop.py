"""Drops what has stood alone for its grace, one transaction each: who puts rows into it meanwhile waits, or is seen.

Within that transaction nobody writes there any more, it is asked once more whether it may go (`kept`: a hold), and it
is looked through for a row that is newer than the detach. The ledger notes a drop only once its grace is over, by the
database's own clock, and else undoes it. What depends on it (a view, a foreign key) is not dropped with it: it stays.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, Protocol, TypeVar

import psycopg
from psycopg import Connection
from psycopg.errors import DependentObjectsStillExist, ObjectNotInPrerequisiteState
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.ledger import changed
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions import owner, statements
from lifecycle.partitions import statements_of_ends as of_ends
from lifecycle.partitions.ends import Done, Ends, Record
from lifecycle.partitions.step import deferred
from lifecycle.plan import Decision, Step
from lifecycle.postgres import connect
from lifecycle.postgres.names import sql_parts
from lifecycle.postgres.waits import Budget, InTheWay, Need
from lifecycle.promise import Task

Kept = Callable[[Connection[TupleRow], "Drop"], str | None]
"""Says why a table stays, or None, over the connection and in the transaction that would drop it (the DDL login's)."""


@dataclass(frozen=True, slots=True)
class Drop(Step):
    """Drop a table that was a partition; or, where it has ended otherwise, only write that down (`how`)."""

    schema: str
    owner: str
    relation: int
    how: Literal["dropped", "attached again", "gone"]
    needs: tuple[Need, ...]


class Stays(Exception):
    """It is not dropped: why, and what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


def planned(seen: Ends, now: datetime) -> Decision[Drop]:
    """Return what is due by both clocks, the database's and `now`, what must not go, and what else to tell."""
    steps: list[Drop] = []
    refusals: list[Failure] = []
    notes: list[str] = []
    for record in seen.records:
        if record.at is None:
            continue  # begun: `detach.begun` has it
        for found in _of(record, now):
            match found:
                case Drop():
                    steps.append(found)
                case Failure():
                    refusals.append(found)
                case str():
                    notes.append(found)
    return Decision(tuple(steps), tuple(refusals), tuple(notes))


def _of(record: Record, now: datetime) -> Iterator[Drop | Failure | str]:
    if record.attached:
        lost = "; what it lost is given back by: " + "; ".join(record.lost) if record.lost else ""
        yield f"{record.name}: somebody has attached it again within its grace, so it is not dropped{lost}"
        yield _step(record, "attached again")
        return
    if record.called is None:
        yield f"{record.name}: somebody else has dropped it" + (
            "; another table has its name by now, which is left alone" if record.namesake else ""
        )
        yield _step(record, "gone")
        return
    if record.loaded:
        yield loaded(record)
        return
    if record.published:
        yield _published(record)
    if record.called != record.name:
        yield Failure(
            record.name,
            f"it was taken off {record.parent} and is called {record.called} now: it is not dropped",
            "Somebody wants it. Give it its name back, drop it by hand, or attach it again.",
        )
    elif record.due and record.drop_not_before is not None and record.drop_not_before <= now:
        yield _step(record, "dropped")


def loaded(record: Record) -> Failure:
    """Return why a table is never dropped whose note was made in another database, which this one was loaded from."""
    return Failure(
        record.name,
        f"it was taken off {record.parent} before this database was loaded from a dump, and only its name says so: it "
        "is not dropped",
        f"Attach it again: `alter table {record.parent} attach partition {record.name} {record.bound};` The next run "
        "takes it off anew, for its whole grace. Or drop it by hand.",
    )


def _published(record: Record) -> Failure:
    return Failure(
        record.name,
        f"it was taken off {record.parent}, and still goes out by the publication {', '.join(record.published)}",
        f"Who owns the publication runs: alter publication {record.published[0]} drop table {record.name}; "
        "one for all tables, or of a schema, sends every table: list them instead.",
    )


def _step(record: Record, how: Literal["dropped", "attached again", "gone"]) -> Drop:
    cost = f"{record.name} with nobody, for an instant"
    if record.tied:
        cost += f"; {', '.join(record.tied)} with nobody, for an instant: foreign keys tie it"
    return Drop(
        verb="drop the detached" if how == "dropped" else "forget the detached",
        target=record.name,
        reason=record.why if how == "dropped" else f"it is {how}",
        cost=cost if how == "dropped" else "nothing",
        binds=f"{record.relation} {record.bound}",
        schema=record.schema,
        owner=record.owner,
        relation=record.relation,
        how=how,
        needs=(
            Need(record.name, "AccessExclusiveLock"),
            *(Need(name, "AccessExclusiveLock") for name in record.tied),
        )
        if how == "dropped"
        else (),
    )


def carry_out(task: Task, steps: Iterable[Drop], kept: Kept) -> Done:
    """Drop them, but for what is `kept`: who lets it drop says which rows must stay, legal holds above all.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    return each(
        task,
        "partitions.drop",
        tuple(steps),
        lambda conn, step: _drop(conn, task, step, kept),
        _refusal,
    )


class Tied(Protocol):
    """A step that names the locks it takes."""

    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def needs(self) -> tuple[Need, ...]: ...  # noqa: D102


T = TypeVar("T", bound=Tied)


def each(
    task: Task,
    purpose: str,
    steps: Sequence[T],
    drop: Callable[[Connection[TupleRow], T], None],
    refusal: Callable[[T, Exception], Failure],
) -> Done:
    """Drop them one by one, each once nobody is in its way. What stops one, stops no other.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    done: list[str] = []
    failures: list[Failure] = []
    if not steps:
        return Done((), ())
    budget = Budget()
    with closing(task.system.connect_ddl(purpose)) as conn:
        for step in steps:
            try:
                budget.when_clear(conn, step.needs, partial(drop, conn, step))
            except InTheWay as held:
                failures.append(deferred(step.target, held))
            except psycopg.Error as error:
                if conn.broken:
                    raise connect.explain(error) from None
                failures.append(refusal(step, error))
            except (Stays, Unproven) as error:
                failures.append(refusal(step, error))
            else:
                done.append(step.target)
    return Done(tuple(done), tuple(failures))


def _drop(conn: Connection[TupleRow], task: Task, step: Drop, kept: Kept) -> None:
    with effect(conn, task.claim, None) as change:
        if step.how == "dropped":
            before = changed.so_far(conn)
            with owner.enclosed(conn, step.owner, step.schema) as say:
                say(of_ends.lock(step.target))
            counts = {"partitions": 1, "rows": _must_be_as_it_was(conn, task, step)}
            if why := kept(conn, step):
                raise Stays(why, "It is dropped by the first run after that has ended.")
            with owner.enclosed(conn, step.owner, step.schema) as say:
                say(of_ends.drop(step.target), within=statements.HELD)
            changed.must_be_of_tables(conn, before, {})
        else:
            counts = {"partitions": 1}
        values = change.claim.key() | {"relation": step.relation, "how": step.how}
        conn.execute(of_ends.END, values)
        word = "dropped" if step.how == "dropped" else "forgotten"
        change.record("effect", f"partitions.{word}", step.target, counts=counts)


def _must_be_as_it_was(conn: Connection[TupleRow], task: Task, step: Drop) -> int:
    """Return how many rows it has. Raise Stays unless it is what was taken off, and no row is newer. Nobody writes."""
    schema, name = sql_parts(step.target)
    values = {"schema": schema, "name": name, "relation": step.relation}
    if conn.execute(of_ends.IS_NAMED, values).fetchone() != (True,):
        what = "another table has this name than the one that was taken off"
        raise Stays(what, "Nothing was done to it; look at the plan again.")
    if conn.execute(of_ends.ATTACHED, values).fetchone() != (False,):
        raise Stays(
            "somebody has attached it again", "Nothing was done to it; look at the plan again."
        )
    with task.system.snapshot("partitions.drop") as service:
        rows, newer = service.execute(of_ends.count_newer(step.target), values).fetchone() or (0, 1)
        hung = service.execute(of_ends.count_hung(step.target), values).fetchone() or (0, 1)
    if hung[1]:
        # PostgreSQL drops what hangs below with it, rows as old as they may be.
        what = "somebody has attached a partition below it since it was taken off"
        raise Stays(what, "Detach that one again, or drop the whole by hand.")
    if newer:
        what = "somebody has put rows into it, or changed some, since it was taken off"
        hint = "Look whose they are: move them out of it, or drop it by hand; attached again, it ends with them."
        raise Stays(what, hint)
    return rows


def _refusal(step: Drop, error: Exception) -> Failure:
    match error:
        case Stays():
            return Failure(step.target, f"it is not dropped: {error.what}", error.hint)
        case DependentObjectsStillExist():
            what = "it is not dropped: a view, a function or a foreign key depends on it"
            hint = f"`drop table {step.target};` by hand says which. Drop that first, or write it over the whole table."
            return Failure(step.target, what, hint)
        case ObjectNotInPrerequisiteState():
            what = "it is not dropped: it is not what it was when the plan was made, or its grace is not over"
            return Failure(step.target, what, "Nothing was done to it; look at the plan again.")
        case Unproven():
            hint = "An event trigger writes rows."
            return Failure(step.target, f"it is not dropped: {error.what}", hint)
        case psycopg.Error():
            said = connect.explain(error)
            return Failure(step.target, f"it is not dropped: {said.what}", said.hint)
        case _:
            raise error
