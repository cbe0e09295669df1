"""Holds loaded rows against a table, and puts in those whose key it has not. All of them or none.

    hold    what fits is loaded, who was forgotten is taken out, and the rest is compared: nothing is changed
    put     the same rows in one transaction of the run, counted, and compared again
    judge   looks once more afterwards

A row whose key the table has is never overwritten. Rows that would lie in a default partition are not put there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import Composed

from lifecycle import forgotten
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import Conflict, LifecycleError, Refused, Unproven
from lifecycle.forgotten import Forgotten
from lifecycle.ledger import code
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.policy import triggers
from lifecycle.postgres import connect, names
from lifecycle.postgres.catalog import Catalog
from lifecycle.promise import Task
from lifecycle.returning import left_out, staging, statements
from lifecycle.returning.fitting import Fit
from lifecycle.returning.left_out import LeftOut
from lifecycle.returning.target import Target
from lifecycle.system import System
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Copied:
    """Rows of a copy: of which table, of when, how they are read; `whole` raises where others were loaded."""

    table: str
    at: datetime
    blocks: Callable[[Fit], Iterable[bytes | memoryview]]
    whole: Callable[[Connection[TupleRow], Fit], None]


@dataclass(frozen=True, slots=True)
class Held:
    """Loaded rows, as far as they may come back: `there` are those whose key the table has, `other` of them differ.

    `gone`: whoever was known to be forgotten when they were loaded.
    """

    target: Target
    fit: Fit
    left: LeftOut
    refusals: tuple[Failure, ...]
    rows: int
    there: int
    other: int
    catalog: Catalog
    gone: Mapping[str, tuple[frozenset[str], datetime | None]] = field(repr=False)

    @property
    def comes(self) -> int:
        """Return how many rows would come back."""
        return self.rows - self.there


def hold(
    system: System,
    conn: Connection[TupleRow],
    copied: Copied,
    to: Target,
    fit: Fit,
    seen: Catalog,
) -> Held:
    """Load the rows, take out who was forgotten, and hold the rest against the table. They stay loaded until `drop`.

    Raise Refused where a row cannot be loaded, and as `copied` does.
    """
    try:
        conn.execute(statements.UNSTAGE)
        conn.execute(statements.stage_of(to.like, fit.columns))
        gone = forgotten.forgotten(conn, system)
        with code.code(system, seen) as as_seen, staging.loading(conn, as_seen):
            return _hold(system, conn, copied, to, fit, seen, gone)
    except psycopg.Error as error:
        raise unputtable(conn, seen, error) from None


def drop(conn: Connection[TupleRow]) -> None:
    """Let go of what was loaded."""
    if not conn.broken:
        conn.execute(statements.UNSTAGE)


def _hold(
    system: System,
    conn: Connection[TupleRow],
    copied: Copied,
    to: Target,
    fit: Fit,
    seen: Catalog,
    gone: tuple[Forgotten, ...],
) -> Held:
    if fit.refusals:
        return Held(to, fit, LeftOut(0, 0, ()), fit.refusals, 0, 0, 0, seen, _marks(gone))
    with (
        conn.cursor() as cursor,
        cursor.copy(statements.copy_in(statements.STAGED, fit.columns)) as into,
    ):
        for block in copied.blocks(fit):
            into.write(block)
    copied.whole(conn, fit)
    refusals: list[Failure] = []
    for column in fit.must:
        if lacking := _number(conn, statements.nulls(column)):
            what = f"{column} may not be null any more, and is in {counted(lacking, 'row')} of the copy"
            refusals.append(Failure(to.name, what, "Allow nulls there, for as long as it takes."))
    left = left_out.leave_out(conn, system.policy, seen, copied.table, gone, copied.at)
    refusals += left.refusals
    many, _ = staging.content(conn)
    there, other = 0, 0
    if not to.new:
        many, there, other = _compared(conn, to, fit)
    return Held(to, fit, left, tuple(refusals), many, there, other, seen, _marks(gone))


def put(task: Task, conn: Connection[TupleRow], held: Held, event: str, digest: str) -> int:
    """Put the rows into the table and record that; return how many.

    Raise Conflict where somebody was forgotten meanwhile, psycopg.Error, Refused, Unproven, Fenced: nothing came then.
    """
    policy, to = task.system.policy, held.target
    adding: frozenset[str] = frozenset() if to.new else triggers.written_to(policy, to.name)
    with (
        code.code(task.system, held.catalog) as seen,
        effect(conn, task.claim, None if to.new else seen) as change,
    ):
        staging.pin(conn)
        if _marks(forgotten.forgotten(conn, task.system)) != held.gone:
            raise Conflict(
                "somebody was forgotten since the rows were loaded",
                hint="Nothing was restored. Restore again: they are left out then.",
            )
        change.begin()
        lay = conn.execute(statements.restore(to.name, held.fit.columns)).fetchall()
        for schema, relname, default, many in lay:
            if default:
                raise Refused(
                    f"{counted(many, 'row')} would lie in {names.policy_name(schema, relname)}, a default partition",
                    hint="Make the partition of that time first. Nothing was restored.",
                )
        came = sum(many for *_, many in lay)
        change.must_be({}, adding | {to.name, *_leaves(held)})
        _, there, other = _compared(conn, to, held.fit)
        if there != held.rows or other != held.other:
            raise Unproven(
                "the rows in the table would not be those of the copy",
                hint="Nothing was restored. A trigger changes what is put in, or a key is taken.",
            )
        counts = {"rows": came, "left_out": held.left.rows, "cleared": held.left.cleared}
        change.record("effect", event, to.name, counts=counts, digest=digest)
    return came


def judge(conn: Connection[TupleRow], held: Held, came: int) -> Judgement:
    """Look again, after the transaction."""
    looks, place = Looks(), Place("table", held.target.name)
    with looks.at(place), staging.reading(conn):
        many, there, _ = _compared(conn, held.target, held.fit)
    if there != many:
        what = f"{counted(many - there, 'row')} of the copy are not there"
        looks.found(Failure(held.target.name, what, "Somebody deleted them since: look who."))
    summary = f"{counted(came, 'row')} restored into {held.target.name}"
    counts = {"restored": came, "left out": held.left.rows, "there before": held.there}
    return Judgement(looks.cover({place}), summary, counts)


def unputtable(conn: Connection[TupleRow], seen: Catalog, error: psycopg.Error) -> LifecycleError:
    """Return why rows cannot lie in the table; nothing of a row is in it."""
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


def _marks(gone: Iterable[Forgotten]) -> dict[str, tuple[frozenset[str], datetime | None]]:
    return {one.kind: (one.marks, one.unmarked) for one in gone}


def _leaves(held: Held) -> tuple[str, ...]:
    table = held.catalog.tables.get(held.target.name)
    return table.relations if table else ()


def _compared(conn: Connection[TupleRow], to: Target, fit: Fit) -> tuple[int, int, int]:
    row = conn.execute(statements.compare(to.name, to.key, fit.columns)).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _number(conn: Connection[TupleRow], query: Composed) -> int:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]
