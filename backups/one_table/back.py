"""Brings rows of one table back out of a dump. A person is shown first what would come, and how else the two differ.

    wanted     a table, or the rows of it whose column has one key; a dump, or the newest
    look       restored alone on a private server, held against its manifest, loaded beside the table, compared
    carry_out  the same again, and what the table lacks in one transaction, unless it is not what the person was shown

What the table has otherwise than the dump, or beside it, is counted and stays as it is. The plan binds which rows would
come, and nothing that a busy table changes meanwhile.
"""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from backups.manifest import Manifest
from backups.one_table import copied, statements
from backups.one_table.copied import Wanted
from backups.timings import Timings
from lifecycle.coverage import Judgement
from lifecycle.errors import Conflict, NotFound, Refused
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Plan, Step
from lifecycle.policy import reality
from lifecycle.postgres import catalog, connect
from lifecycle.promise import Task
from lifecycle.returning import fitting, put, staging, target
from lifecycle.returning.put import Copied, Held
from lifecycle.system import System
from lifecycle.words import counted

EVENT = "backups.rows_restored"


@dataclass(frozen=True, slots=True)
class Some:
    """How many rows, and a digest of their keys whatever their order."""

    rows: int
    digest: str

    def __str__(self) -> str:
        return f"{counted(self.rows, 'row')}, digest of their keys {self.digest}"


@dataclass(frozen=True, slots=True)
class Look:
    """What of the dump the table lacks, has otherwise, and has beside it; and what would be done."""

    missing: Some
    changed: Some
    added: Some
    plan: Plan[Step]
    held: Held
    dumped: Manifest


def look(system: System, wanted: Wanted) -> Look:
    """Return how the table differs from the dump, and what would come back. Changes nothing.

    Raise NotFound, InputError, Refused, Unproven when the dump is bad or nobody can tell whose it is.
    """
    with closing(system.connect("backups.restore")) as conn, _looked(system, conn, wanted) as it:
        return it


def carry_out(task: Task, wanted: Wanted, shown: str) -> Judgement:
    """Bring back the rows that the plan with this hash shows. Raise Conflict when it would be another plan now.

    Raise as `look` does, Fenced, and Refused where a row cannot lie in the table: nothing has changed then.
    """
    system = task.system
    with closing(system.connect("backups.restore")) as conn, _looked(system, conn, wanted) as it:
        if it.plan.hash != shown:
            raise Conflict(
                "the world has changed since the plan was shown",
                hint="Nothing was restored. Look at the plan again, and apply that one.",
            )
        if not it.plan.decision.steps:
            raise Refused("there is nothing to restore", hint="The plan says why.")
        try:
            with target.open_for(task, it.held.target):
                came = put.put(task, conn, it.held, EVENT, it.dumped.sha256)
        except psycopg.Error as error:
            raise put.unputtable(conn, it.held.catalog, error) from None
        return put.judge(conn, it.held, came)


@contextmanager
def _looked(system: System, conn: Connection[TupleRow], wanted: Wanted) -> Generator[Look]:
    """Load the rows and compare them. They stay loaded for the block; the private server is gone before it."""
    dumped, seen = copied.find(system, conn, wanted.dump), catalog.read(conn)
    reality.must_fit(system.policy, seen, but_for="backups")
    to = target.into(conn, seen, wanted.table)
    if wanted.column is not None and seen.table(to.name).column(wanted.column) is None:
        raise NotFound(
            f"{to.name} has no column {wanted.column}", hint="Spell it as the table does."
        )
    try:
        with copied.rows(system, dumped, wanted, Timings(what="backups.restore")) as rows:
            spelled = copied.columns(conn, to.name)
            fit = fitting.fit(rows.columns, to.name, spelled, to.key, plain=False)
            copy = Copied(to.name, dumped.started_at, rows.blocks, rows.must_be)
            held = put.hold(system, conn, copy, to, fit, seen)
        try:
            yield _compared(system, conn, wanted, dumped, held)
        except psycopg.Error as error:
            raise connect.explain(error) from None
    finally:
        put.drop(conn)


def _compared(
    system: System, conn: Connection[TupleRow], wanted: Wanted, dumped: Manifest, held: Held
) -> Look:
    nothing = Some(0, "0")
    refusals, missing, changed, added = held.refusals, nothing, nothing, nothing
    to, columns = held.target, held.fit.columns
    if not held.fit.refusals:
        with staging.reading(conn):
            asked = statements.differences(to.name, to.key, columns, wanted.column)
            row = conn.execute(asked, {"key": wanted.key}).fetchone()
            assert row is not None
            missing, changed, added = Some(*row[:2]), Some(*row[2:4]), Some(*row[4:])
            refusals += tuple(_astray(conn, held))
    step = Step(
        verb="restore rows",
        target=to.name,
        reason=f"they are in {dumped.key}",
        cost=counted(missing.rows, "row"),
        rows=missing.rows,
        binds=f"{dumped.sha256} {missing.digest}",
    )
    steps = () if refusals or not missing.rows else (step,)
    decision = Decision(steps, refusals, tuple(_notes(held)))
    room, only = "backups", str(wanted)
    plan = Plan(room, system.name, system.policy.database, system.policy_digest, decision, only)
    return Look(missing, changed, added, plan, held, dumped)


def _astray(conn: Connection[TupleRow], held: Held) -> Iterator[Failure]:
    """Yield each foreign key by which rows would lead to what is not there: one of them, and none could come."""
    to = held.target
    for key in held.catalog.foreign_keys:
        if key.table == to.name and set(key.columns) <= set(held.fit.columns):
            row = conn.execute(statements.astray(to.name, to.key, key)).fetchone()
            assert row is not None
            if row[0]:
                many = counted(row[0], "row")
                what = (
                    f"{many} would lead to rows of {key.referenced} that are not there ({key.name})"
                )
                hint = f"Bring those of {key.referenced} back first."
                yield Failure(to.name, what, hint)


def _notes(held: Held) -> Iterator[str]:
    yield from held.fit.notes
    if held.left.rows:
        yield f"{counted(held.left.rows, 'row')} of people forgotten since stay away"
    if held.left.cleared:
        yield f"{counted(held.left.cleared, 'value')} that named who is gone stay empty"
    yield "what the table has otherwise than the dump, or beside it, stays as it is"
    yield "what others wrote about somebody, in free text, is not searched"
