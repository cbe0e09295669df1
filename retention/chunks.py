"""Ends hypertables of TimescaleDB's: drops each chunk whose time is over, in a transaction of its own.

On any edition, and where no worker of the extension is left: nothing of it is asked but which chunks there are. A chunk
cannot stand alone for a grace, so it is dropped at once: who puts rows into it meanwhile waits, its rows are counted,
holds are asked, and what depends on it keeps it. TimescaleDB takes its own notes of a chunk back when that is dropped,
and what it was compressed into goes with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.errors import DependentObjectsStillExist
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.holds import gate
from lifecycle.ledger import changed
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions import drop, owner
from lifecycle.partitions import statements as of_partitions
from lifecycle.partitions import statements_of_ends as of_ends
from lifecycle.partitions.drop import Stays
from lifecycle.partitions.ends import Done
from lifecycle.plan import Step
from lifecycle.postgres import connect, hypertables
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.postgres.waits import Need
from lifecycle.promise import Task
from lifecycle.words import counted
from retention import statements, statements_of_rows
from retention.parts import Part
from retention.rules import Bound


@dataclass(frozen=True, slots=True)
class DropChunk(Step):
    """Drop a chunk of a hypertable. It binds its name, which is never given anew, and its bounds."""

    table: str
    schema: str
    owner: str
    bound: str
    needs: tuple[Need, ...]


def planned(catalog: Catalog, bound: Bound, part: Part, size: str) -> DropChunk:
    """Return the step that drops a chunk whose time is over. Pure."""
    table = catalog.table(bound.table)
    clause = next(chunk.bound for chunk in table.partitions if chunk.name == part.name)
    tied = sorted({key.referenced for key in catalog.foreign_keys if key.table == bound.table})
    cost = f"{size}; {part.name} with nobody, for an instant"
    if tied:
        cost += f"; {', '.join(tied)} with nobody, for an instant: foreign keys tie it"
    return DropChunk(
        verb="drop chunk",
        target=part.name,
        reason=f"{bound.rule.because} (it ends {bound.rule.ends})",
        cost=f"{clause.removeprefix('FOR VALUES ').lower()}: {cost}",
        binds=f"{part.name} {clause}",
        table=bound.table,
        schema=table.schema,
        owner=table.owner,
        bound=clause,
        needs=(
            Need(part.name, "AccessExclusiveLock"),
            *(Need(name, "AccessExclusiveLock") for name in tied),
        ),
    )


def carry_out(task: Task, catalog: Catalog, steps: Sequence[DropChunk]) -> Done:
    """Drop them. What stops one, stops no other.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    return drop.each(
        task,
        "retention.drop",
        steps,
        lambda conn, step: _drop(conn, task, catalog, step),
        _refusal,
    )


def _drop(conn: Connection[TupleRow], task: Task, catalog: Catalog, step: DropChunk) -> None:
    with effect(conn, task.claim, None) as change:
        before = changed.so_far(conn)
        with owner.enclosed(conn, step.owner, step.schema) as say:
            say(of_ends.lock(step.target))
        held = gate.on(gate.standing(conn), task.system.policy, catalog, step.table)
        rows = _must_go(task, step, held)
        with owner.enclosed(conn, step.owner, step.schema) as say:
            say(of_ends.drop(step.target), within=of_partitions.HELD)
        changed.must_be_of_tables(conn, before, {})
        counts = {"chunks": 1, "rows": rows}
        change.record("effect", "retention.dropped", step.table, counts=counts)


def _must_go(task: Task, step: DropChunk, held: gate.Held) -> int:
    """Return how many rows it has. Raise Stays unless it is the chunk that was planned, and none of them is held."""
    with task.system.snapshot("retention.drop") as service:
        now = service.execute(statements.CHUNK, _named(step)).fetchone()
        if now is None or hypertables.clause(*now) != step.bound:
            raise Stays("it is no chunk of these bounds any more", "Look at the plan again.")
        counting = statements_of_rows.count_alone(step.target, held, None)
        rows, on_hold, *_ = service.execute(counting, held.keys).fetchone() or (0, 1)
    if on_hold:
        what = f"{on_hold:,} of {counted(rows, 'row')} on legal hold"
        raise Stays(what, "It is dropped by the first run after that has ended.")
    return rows


def _named(step: DropChunk) -> dict[str, str]:
    (schema, name), (table_schema, table) = sql_parts(step.target), sql_parts(step.table)
    return {"schema": schema, "name": name, "table_schema": table_schema, "table": table}


def _refusal(step: DropChunk, error: Exception) -> Failure:
    match error:
        case Stays():
            return Failure(step.target, f"it is not dropped: {error.what}", error.hint)
        case DependentObjectsStillExist():
            what = f"it is not dropped: a foreign key to {step.table}, a view or a function depends on it"
            hint = f"`drop table {step.target};` by hand says which. A foreign key to a hypertable keeps every chunk."
            return Failure(step.target, what, hint)
        case Unproven():
            return Failure(step.target, f"it is not dropped: {error.what}", error.hint)
        case psycopg.Error():
            said = connect.explain(error)
            return Failure(step.target, f"it is not dropped: {said.what}", said.hint)
        case _:
            raise error


def refreshed(conn: Connection[TupleRow], bound: Bound, now: datetime) -> Failure | None:
    """Return why dropping chunks would take from a continuous aggregate what it is to keep, by its next refresh.

    A refresh makes anew what it shows of the time of a dropped chunk, of no rows. Raise psycopg.Error as it comes.
    """
    schema, name = sql_parts(bound.table)
    asked = {"schema": schema, "name": name, "now": now, "before": bound.before}
    found = conn.execute(statements.REFRESHES, asked).fetchone()
    if found is None:
        return None
    job, view_schema, view, offset = found
    shown = policy_name(view_schema, view)
    since = f"{offset} back on" if offset else "its beginning on"
    return Failure(
        bound.rule.label,
        f"continuous aggregate {shown} is refreshed from {since} (job {job}): it would lose what it has of those",
        f"Its owner runs remove_continuous_aggregate_policy('{shown}'), and adds one again whose start_offset is no "
        f"longer than {bound.rule.after or 'what the rule keeps'}.",
    )


def beside(conn: Connection[TupleRow], table: Table) -> Iterator[Failure]:
    """Yield what no dropped chunk ends: rows that stand in none, and jobs of TimescaleDB's own that drop chunks.

    Raise psycopg.Error as it comes.
    """
    yield from hypertables.astray(conn, [table])
    schema, name = sql_parts(table.name)
    for job, after in conn.execute(statements.CHUNK_JOBS, {"schema": schema, "name": name}):
        yield Failure(
            table.name,
            f"TimescaleDB drops its chunks itself (job {job}, after {after}), and asks nobody about legal holds",
            f"Its owner runs: select remove_retention_policy('{table.name}');",
        )
