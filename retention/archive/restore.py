"""Brings an archive's rows back: beside the table, or into it. A person is shown first what would come.

    wanted    an archive, and the table that its rows go into or that is made for them
    plan      fetched, loaded, held against the table as it is and against who was forgotten since; nothing is changed
    carry_out the same again, and the rows in one transaction, unless it is not what the person was shown

A row whose key the table has is never overwritten. Rows that would lie in a default partition are not restored.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import progress, scratch
from lifecycle.coverage import Judgement
from lifecycle.errors import Conflict, Refused, Unproven
from lifecycle.plan import Decision, Plan, Step
from lifecycle.policy import reality
from lifecycle.postgres import catalog
from lifecycle.promise import Task
from lifecycle.returning import fitting, put, staging
from lifecycle.returning import target as to_return
from lifecycle.returning.fitting import Fit
from lifecycle.returning.put import Copied, Held
from lifecycle.system import System
from lifecycle.words import counted
from retention.archive import known, parquet, rows, shelf, target
from retention.archive.manifest import Manifest
from retention.archive.target import RESTORED
from retention.archive.write import PREFIX


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which archive, by its SHA-256 or the beginning of it; `into` a table, or `beside` it in one that is made."""

    archive: str
    into: str | None = None
    beside: str | None = None

    def __str__(self) -> str:
        where = f"into {self.into}" if self.into else f"beside, as {self.beside}"
        return f"archive {self.archive[:16]} {where}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """An archive whose rows are loaded, and how they stand to the table."""

    written: Manifest
    held: Held


def plan(system: System, wanted: Wanted) -> Plan[Step]:
    """Return what would come back. Raise NotFound, Refused, Unproven when the archive is not what was archived."""
    with closing(system.connect("retention.restore")) as conn, _loaded(system, conn, wanted) as it:
        return _plan(system, wanted, it)


def carry_out(task: Task, wanted: Wanted, shown: str) -> Judgement:
    """Bring the rows back that the plan with this hash shows. Raise Conflict when it would be another plan now.

    Raise as `plan` does, Fenced, and Refused where a row cannot lie in the table: nothing has changed then.
    """
    system = task.system
    with closing(system.connect("retention.restore")) as conn, _loaded(system, conn, wanted) as it:
        made = _plan(system, wanted, it)
        if made.hash != shown:
            raise Conflict(
                "the world has changed since the plan was shown",
                hint="Nothing was restored. Look at the plan again, and apply that one.",
            )
        if not made.decision.steps:
            raise Refused("there is nothing to restore", hint="The plan says why.")
        try:
            with to_return.open_for(task, it.held.target):
                came = put.put(task, conn, it.held, RESTORED, it.written.sha256)
        except psycopg.Error as error:
            raise put.unputtable(conn, it.held.catalog, error) from None
        return put.judge(conn, it.held, came)


@contextmanager
def _loaded(system: System, conn: Connection[TupleRow], wanted: Wanted) -> Generator[Loaded]:
    """Fetch the archive, load what fits, and take out who was forgotten. The rows stay loaded for the block."""
    on = shelf.shelf(system)
    with closing(on.store):
        written = known.find(conn, on, wanted.archive)
        seen, of = catalog.read(conn), written.description
        with staging.reading(conn):
            to = target.target(conn, seen, of.table, wanted.into, wanted.beside)
            now = rows.relation(conn, to.like)
        reality.must_fit(system.policy, target.but_for(seen, to), but_for="retention")
        fit = fitting.fit(of.columns, to.name, now.columns, now.primary_key, plain=to.new)
        with scratch.directory(system.machine, PREFIX) as directory:
            file = directory / Path(written.key).name
            shelf.must_fit(directory, written.size)
            progress.phase("retention.restore: fetch")
            on.fetch(written, file)
            progress.phase("retention.restore: load")
            copied = Copied(
                of.table,
                known.since(conn, written),
                lambda fit: parquet.lines(file, fit.places),
                partial(_must_be_whole, written),
            )
            held = put.hold(system, conn, copied, to, fit, seen)
    try:
        yield Loaded(written, held)
    finally:
        put.drop(conn)


def _must_be_whole(written: Manifest, conn: Connection[TupleRow], fit: Fit) -> None:
    archived = written.description.content
    whole = fit.columns == tuple(column.name for column in written.description.columns)
    same = (
        rows.staged(conn, written.description) == archived
        if whole
        else staging.content(conn)[0] == archived.rows
    )
    if not same:
        raise Unproven(
            "what was loaded is not what was archived",
            hint="Nothing was restored. A type of this table does not come back as it was written: report it.",
        )


def _plan(system: System, wanted: Wanted, it: Loaded) -> Plan[Step]:
    """Put what was loaded into words, with a digest of exactly which rows they are."""
    held = it.held
    notes = [*held.fit.notes]
    if held.left.rows:
        notes.append(f"{counted(held.left.rows, 'row')} of people forgotten since stay away")
    if held.left.cleared:
        notes.append(f"{counted(held.left.cleared, 'value')} that named who is gone stay empty")
    if held.there:
        notes.append(
            f"{counted(held.there, 'row')} have a key that the table has, and are left as they are there"
            + (f"; {held.other:,} of them are other rows by now" if held.other else "")
        )
    if held.target.new:
        notes.append(
            f"declare {held.target.name} in the policy as {held.target.like} is, and drop it when it has served: until "
            "it is declared, nothing is erased or expired in this database"
        )
    notes.append("what others wrote about somebody, in free text, is not searched")
    step = Step(
        verb="restore rows",
        target=held.target.name,
        reason=f"archived {it.written.written_at:%Y-%m-%d} from {it.written.description.leaf}",
        cost=counted(held.comes, "row"),
        rows=held.comes,
        binds=it.written.sha256,
    )
    steps = () if held.refusals or not held.comes else (step,)
    decision = Decision(steps, held.refusals, tuple(notes))
    return Plan(
        "retention",
        system.name,
        system.policy.database,
        system.policy_digest,
        decision,
        str(wanted),
    )
