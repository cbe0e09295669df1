"""Takes a compressed chunk apart, as the table's owner, so that each of its rows has a place and can be changed by it.

The nightly run of this room compresses it again. No row ends by this; one transaction writes all of a chunk anew.
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
from lifecycle.partitions.drop import Stays
from lifecycle.postgres import connect
from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import sql_parts
from lifecycle.postgres.waits import Need
from lifecycle.promise import Task
from lifecycle.timescale import statements

APART = "timescale.taken_apart"
_TYPES = "regclass,boolean"


@dataclass(frozen=True, slots=True)
class _Apart:
    """Take this chunk of a table apart."""

    table: str
    schema: str
    owner: str
    target: str
    needs: tuple[Need, ...]


def take(task: Task, table: Table, chunk: str) -> str:
    """Take it apart, and return the number (32 bits) of the transaction that has written its rows anew.

    Raise Unproven where that could not be done, Fenced when another process holds the run, Unreachable when the server
    goes away.
    """
    written: list[str] = []
    need = Need(chunk, "AccessExclusiveLock")
    step = _Apart(table.name, table.schema, table.owner, chunk, (need,))
    done = drop.each(
        task,
        "timescale.apart",
        (step,),
        lambda conn, step: written.append(_take(conn, task, step)),
        _refusal,
    )
    for failure in done.failures:
        what = f"{chunk} is compressed, and was not taken apart: {failure.what}"
        raise Unproven(what, hint=failure.hint)
    return written[-1]


def _take(conn: Connection[TupleRow], task: Task, step: _Apart) -> str:
    progress.phase(f"{APART}: {step.target}")
    schema, name = sql_parts(step.target)
    with effect(conn, task.claim, None) as change:
        found = conn.execute(statements.APART_BY).fetchone() or (None,)
        places = [place for place, types in found[0] or () if types == _TYPES]
        if len(places) != 1:
            raise Stays(
                "TimescaleDB has its function decompress_chunk otherwise than known here",
                "Nothing was changed. Known are 2.22 to 2.28.",
            )
        with owner.enclosed(conn, step.owner, step.schema) as say:
            say(statements.take_apart(places[0], step.target), within="0")
        asked = {"schema": schema, "name": name}
        packed, number = conn.execute(statements.IS_APART, asked).fetchone() or (True, "")
        if packed:
            raise Stays("TimescaleDB said that it did, and it is not so", "Nothing was changed.")
        change.record("effect", APART, step.table, counts={"chunks": 1})
    return number


def _refusal(_step: _Apart, error: Exception) -> Failure:
    match error:
        case Stays():
            return Failure("", error.what, error.hint)
        case psycopg.Error():
            said = connect.explain(error)
            return Failure("", said.what, said.hint)
        case _:
            raise error
