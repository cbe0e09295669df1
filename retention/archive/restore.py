"""Brings an archive's rows back: beside the table, or into it. A person is shown first what would come.

    wanted    an archive, and the table that its rows go into or that is made for them
    plan      fetched, loaded, held against the table as it is and against who was forgotten since; nothing is changed
    carry_out the same again, and the rows in one transaction, unless it is not what the person was shown

A row whose key the table has is never overwritten. Rows that would lie in a default partition are not restored.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import Composed

from lifecycle import forgotten, progress, scratch
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import Conflict, LifecycleError, Refused, Unproven
from lifecycle.ledger import code
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Plan, Step
from lifecycle.policy import reality, triggers
from lifecycle.postgres import catalog, connect, names
from lifecycle.postgres.catalog import Catalog
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import counted
from retention.archive import fitting, known, left_out, parquet, rows, shelf, target
from retention.archive import statements_of_return as statements
from retention.archive.fitting import Fit
from retention.archive.left_out import LeftOut
from retention.archive.manifest import Manifest
from retention.archive.statements import STAGED, UNSTAGE, copy_in
from retention.archive.target import RESTORED, Target
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
    """An archive whose rows are loaded, as far as they fit the table and may come back."""

    written: Manifest
    target: Target
    fit: Fit
    left: LeftOut
    refusals: tuple[Failure, ...]
    rows: int
    there: int
    other: int
    catalog: Catalog


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
            with target.open_for(task, it.target):
                came = _restore(task, conn, it)
        except psycopg.Error as error:
            raise _unrestorable(conn, it.catalog, error) from None
        return _judge(conn, it, came)


@contextmanager
def _loaded(system: System, conn: Connection[TupleRow], wanted: Wanted) -> Generator[Loaded]:
    """Fetch the archive, load what fits, and take out who was forgotten. The rows stay loaded for the block."""
    on = shelf.shelf(system)
    with closing(on.store):
        written = known.find(conn, on, wanted.archive)
        seen = catalog.read(conn)
        with rows.reading(conn):
            to = target.target(conn, seen, written.description.table, wanted.into, wanted.beside)
        reality.must_fit(system.policy, target.but_for(seen, to), but_for="retention")
        fit = fitting.fit(written.description, to.name, rows.relation(conn, to.like), plain=to.new)
        with scratch.directory(system.machine, PREFIX) as directory:
            file = directory / Path(written.key).name
            shelf.must_fit(directory, written.size)
            progress.phase("retention.restore: fetch")
            on.fetch(written, file)
            progress.phase("retention.restore: load")
            try:
                conn.execute(UNSTAGE)
                conn.execute(statements.stage_of(to.like, fit.columns))
                gone = forgotten.forgotten(conn, system)
                with code.code(system, seen) as as_seen, rows.loading(conn, as_seen):
                    it = _hold(system, conn, file, written, to, fit, seen, gone)
            except psycopg.Error as error:
                raise _unrestorable(conn, seen, error) from None
    try:
        yield it
    finally:
        if not conn.broken:
            conn.execute(UNSTAGE)


def _hold(
    system: System,
    conn: Connection[TupleRow],
    file: Path,
    written: Manifest,
    to: Target,
    fit: Fit,
    seen: Catalog,
    gone: tuple[forgotten.Forgotten, ...],
) -> Loaded:
    """Load the rows and hold them against the table. Raise psycopg.Error as it comes."""
    refusals = list(fit.refusals)
    nothing = LeftOut(0, 0, ())
    if refusals:
        return Loaded(written, to, fit, nothing, tuple(refusals), 0, 0, 0, seen)
    with conn.cursor() as cursor, cursor.copy(copy_in(STAGED, fit.columns)) as into:
        for block in parquet.lines(file, fit.places):
            into.write(block)
    had = rows.staged(conn)
    archived = written.description.content
    whole = fit.columns == tuple(column.name for column in written.description.columns)
    if had.rows != archived.rows or (whole and had != archived):
        raise Unproven(
            "what was loaded is not what was archived",
            hint="Nothing was restored. A type of this table does not come back as it was written: report it.",
        )
    for column in fit.must:
        if lacking := _number(conn, statements.nulls(column)):
            what = f"{column} may not be null any more, and is in {counted(lacking, 'row')} of the archive"
            refusals.append(Failure(to.name, what, "Allow nulls there, for as long as it takes."))
    left = left_out.leave_out(
        conn, system.policy, seen, written.description.table, gone, known.since(conn, written)
    )
    refusals += left.refusals
    many, there, other = (rows.staged(conn).rows, 0, 0)
    if not to.new:
        many, there, other = _compared(conn, to, fit)
    return Loaded(written, to, fit, left, tuple(refusals), many, there, other, seen)


def _plan(system: System, wanted: Wanted, it: Loaded) -> Plan[Step]:
    """Put what was loaded into words, with a digest of exactly which rows they are."""
    comes = it.rows - it.there
    notes = [*it.fit.notes]
    if it.left.rows:
        notes.append(f"{counted(it.left.rows, 'row')} of people forgotten since stay away")
    if it.left.cleared:
        notes.append(f"{counted(it.left.cleared, 'value')} that named who is gone stay empty")
    if it.there:
        notes.append(
            f"{counted(it.there, 'row')} have a key that the table has, and are left as they are there"
            + (f"; {it.other:,} of them are other rows by now" if it.other else "")
        )
    if it.target.new:
        notes.append(
            f"declare {it.target.name} in the policy as {it.target.like} is, and drop it when it has served: until it "
            "is declared, nothing is erased or expired in this database"
        )
    notes.append("what others wrote about somebody, in free text, is not searched")
    step = Step(
        verb="restore rows",
        target=it.target.name,
        reason=f"archived {it.written.written_at:%Y-%m-%d} from {it.written.description.leaf}",
        cost=counted(comes, "row"),
        rows=comes,
        binds=it.written.sha256,
    )
    steps = () if it.refusals or not comes else (step,)
    decision = Decision(steps, it.refusals, tuple(notes))
    return Plan(
        "retention",
        system.name,
        system.policy.database,
        system.policy_digest,
        decision,
        str(wanted),
    )


def _restore(task: Task, conn: Connection[TupleRow], it: Loaded) -> int:
    """Put the rows into the table, all or none. Raise psycopg.Error as it comes, Refused, Unproven, Fenced."""
    policy, to = task.system.policy, it.target
    adding: frozenset[str] = frozenset() if to.new else triggers.written_to(policy, to.name)
    with (
        code.code(task.system, it.catalog) as seen,
        effect(conn, task.claim, None if to.new else seen) as change,
    ):
        rows.pin(conn)
        change.begin()
        lay = conn.execute(statements.restore(to.name, it.fit.columns)).fetchall()
        for schema, relname, default, many in lay:
            if default:
                raise Refused(
                    f"{counted(many, 'row')} would lie in {names.policy_name(schema, relname)}, a default partition",
                    hint="Make the partition of that time first. Nothing was restored.",
                )
        came = sum(many for *_, many in lay)
        change.must_be({}, adding | {to.name, *_leaves(it)})
        _, there, other = _compared(conn, to, it.fit)
        if there != it.rows or other != it.other:
            raise Unproven(
                "the rows in the table would not be those of the archive",
                hint="Nothing was restored. A trigger changes what is put in, or a key is taken.",
            )
        change.record(
            "effect",
            RESTORED,
            to.name,
            counts={"rows": came, "left_out": it.left.rows, "cleared": it.left.cleared},
            digest=it.written.sha256,
        )
    return came


def _leaves(it: Loaded) -> tuple[str, ...]:
    table = it.catalog.tables.get(it.target.name)
    return table.relations if table else ()


def _judge(conn: Connection[TupleRow], it: Loaded, came: int) -> Judgement:
    """Look again, after the transaction."""
    looks, place = Looks(), Place("table", it.target.name)
    with looks.at(place), rows.reading(conn):
        many, there, _ = _compared(conn, it.target, it.fit)
    if there != many:
        what = f"{counted(many - there, 'row')} of the archive are not there"
        looks.found(Failure(it.target.name, what, "Somebody deleted them since: look who."))
    summary = f"{counted(came, 'row')} restored into {it.target.name}"
    counts = {"restored": came, "left out": it.left.rows, "there before": it.there}
    return Judgement(looks.cover({place}), summary, counts)


def _compared(conn: Connection[TupleRow], to: Target, fit: Fit) -> tuple[int, int, int]:
    row = conn.execute(statements.compare(to.name, to.key, fit.columns)).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _number(conn: Connection[TupleRow], query: Composed) -> int:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def _unrestorable(
    conn: Connection[TupleRow], seen: Catalog, error: psycopg.Error
) -> LifecycleError:
    said = connect.explain(error)
    if conn.broken:
        return said
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        known = {key.name for key in seen.foreign_keys} & {error.diag.constraint_name}
        what = "rows lead to rows that are not there" + "".join(f" ({name})" for name in known)
        return Refused(what, hint="Restore those first. Nothing was restored.")
    if isinstance(error, psycopg.errors.CheckViolation):
        what = "rows are outside of every partition, or break a check of the table"
        return Refused(what, hint="Make the partition of that time first. Nothing was restored.")
    return Refused(f"the rows cannot be restored: {said.what}", hint=f"{said.hint} Nothing was restored.")  # fmt: skip
