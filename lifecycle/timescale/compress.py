"""Carries out what plan.py decided: each setting and each chunk in a transaction of its own, as the table's owner.

What is said is looked at before it is committed: in one call TimescaleDB takes in the rows that have come into a chunk
since, and leaves it as it was compressed before; only the next one compresses it in the table's way (2.28.3). What is
not as wanted then is undone. What stops one chunk, stops no other; a table that could not be set stays as it is.
"""

from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import progress
from lifecycle.errors import Unproven
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions import drop, owner
from lifecycle.partitions import statements as of_partitions
from lifecycle.partitions.drop import Stays
from lifecycle.plan import Decision
from lifecycle.postgres import connect
from lifecycle.promise import Task
from lifecycle.timescale import statements
from lifecycle.timescale.plan import Compress, Set
from lifecycle.timescale.survey import COMPRESSED, SET, Chunk, Seen, cuts

JOB = "timescale.compress"


@dataclass(frozen=True, slots=True)
class Compressed:
    """Which chunks were compressed, which tables were set anew, and why others were not."""

    chunks: tuple[str, ...]
    tables: tuple[str, ...]
    failures: tuple[Failure, ...]


def carry_out(task: Task, _seen: Seen, decision: Decision[Set | Compress]) -> Compressed:
    """Do it. Raise Fenced when another process holds the run, Unreachable when the server goes away."""
    tables = [step for step in decision.steps if isinstance(step, Set)]
    was = drop.each(task, JOB, tables, lambda conn, step: _set(conn, task, step), _refusal)
    unset = {failure.target for failure in was.failures}
    chunks = [s for s in decision.steps if isinstance(s, Compress) and s.table not in unset]
    done = drop.each(task, JOB, chunks, lambda conn, step: _compress(conn, task, step), _refusal)
    return Compressed(done.targets, was.targets, (*was.failures, *done.failures))


def _set(conn: Connection[TupleRow], task: Task, step: Set) -> None:
    progress.phase(f"{JOB}: {step.target}")
    order = ", ".join(
        statements.listed((name,)) + (" desc" if falls else " asc")
        for name, falls, _ in step.wanted.order_by
    )
    with effect(conn, task.claim, None) as change:
        with owner.enclosed(conn, step.owner, step.schema) as say:
            said = statements.settings(step.table, step.wanted.segment_by, order)
            say(said, within=of_partitions.HELD)
        if cuts(conn, [step.table])[step.table].settings != step.wanted:
            raise Unproven(
                "TimescaleDB did not take the settings as they were said",
                hint="Look at timescaledb_information.hypertable_compression_settings; nothing was changed.",
            )
        change.record("effect", SET, step.table, counts={"tables": 1})


def _compress(conn: Connection[TupleRow], task: Task, step: Compress) -> None:
    progress.phase(f"{JOB}: {step.target}")
    with effect(conn, task.claim, None) as change:
        before = _look(conn, step)
        if before is None or step.binds != f"{before.name} {before.lower} {before.upper}":
            raise Stays("it is no chunk of these bounds any more", "Look at the plan again.")
        for again in (step.again, True):
            with owner.enclosed(conn, step.owner, step.schema) as say:
                say(
                    statements.compress(step.place, step.target, again=again),
                    within="0",  # the limit of the run holds
                )
            if _is_as_wanted(step, _look(conn, step)):
                break
        else:
            raise Unproven(
                "TimescaleDB said that it compressed the chunk, and it is not so",
                hint="Look at _timescaledb_catalog.chunk and compression_settings; nothing was changed.",
            )
        change.record("effect", COMPRESSED, step.table, counts={"chunks": 1})


def _look(conn: Connection[TupleRow], step: Compress) -> Chunk | None:
    chunks = cuts(conn, [step.table])[step.table].chunks
    return next((chunk for chunk in chunks if chunk.name == step.target), None)


def _is_as_wanted(step: Compress, chunk: Chunk | None) -> bool:
    return (
        chunk is not None and chunk.packed and not chunk.partial and chunk.settings == step.wanted
    )


def _refusal(step: Set | Compress, error: Exception) -> Failure:
    verb = "set" if isinstance(step, Set) else "compressed"
    match error:
        case Stays() | Unproven():
            return Failure(step.target, f"it is not {verb}: {error.what}", error.hint)
        case psycopg.Error():
            said = connect.explain(error)
            return Failure(step.target, f"it is not {verb}: {said.what}", said.hint)
        case _:
            raise error
