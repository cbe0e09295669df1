"""Makes many partitions in one transaction, of one table or of several: what one costs besides itself, they share.

What cannot be made so is tried by halves, down to what is wrong, and that is left: `create.py` makes it by itself, or
says why it cannot be. One that fails keeps no other from being made.
"""

from collections.abc import Iterable
from functools import partial
from itertools import groupby

import psycopg
from psycopg import Connection
from psycopg.errors import QueryCanceled
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.ledger import changed
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.partitions import owner, policies, statements, statements_of_storage
from lifecycle.partitions.step import CreatePartition
from lifecycle.postgres import connect
from lifecycle.postgres.waits import Budget, InTheWay

TOGETHER = 32
"""So many are made in one transaction, with one HELD to be attached in. Each takes a lock with each of its indexes."""


class _TooSlow(Exception):
    """So many were not attached within HELD: it does no good to try them together again."""


def make(
    conn: Connection[TupleRow], claim: Claim, waits: Budget, steps: Iterable[CreatePartition]
) -> tuple[list[CreatePartition], list[CreatePartition]]:
    """Make what can be made together. Return what was made, and what is left, in its order.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    made: list[CreatePartition] = []
    left: list[CreatePartition] = []
    for (*_, alone), some in groupby(steps, _of):
        rest = tuple(some)
        while rest:
            these, rest = rest[:TOGETHER], rest[TOGETHER:]
            well, ill = ((), these) if alone else _by_halves(conn, claim, waits, these)
            made += well
            left += ill
    return made, left


def _of(step: CreatePartition) -> tuple[str, str, str, bool]:
    """Return what must be the same of partitions that are made together, and whether one is made by itself.

    What shuts readers out of a default partition is kept as short as can be, and tables that are referenced are held
    for one table's partitions at a time.
    """
    alone = any(need.mode == "AccessExclusiveLock" for need in step.needs)
    tied = step.parent if len(step.needs) > 1 else ""
    return step.owner, step.schema, tied, alone or bool(step.moves or step.below)


Steps = tuple[CreatePartition, ...]


def _by_halves(
    conn: Connection[TupleRow], claim: Claim, waits: Budget, steps: Steps
) -> tuple[Steps, Steps]:
    if len(steps) == 1:
        return (), steps
    needs = tuple(dict.fromkeys(need for step in steps for need in step.needs))
    try:
        waits.when_clear(conn, needs, partial(_attempt, conn, claim, steps))
    except (_TooSlow, InTheWay, Unproven, policies.NotCopied, psycopg.Error) as error:
        if conn.broken and isinstance(error, psycopg.Error):
            raise connect.explain(error) from None
        half = len(steps) // 2
        made, left = _by_halves(conn, claim, waits, steps[:half])
        more, further = _by_halves(conn, claim, waits, steps[half:])
        return made + more, left + further
    return steps, ()


def _attempt(conn: Connection[TupleRow], claim: Claim, steps: Steps) -> None:
    try:
        make_all(conn, claim, steps)
    except QueryCanceled:
        raise _TooSlow from None


def make_all(conn: Connection[TupleRow], claim: Claim, steps: Steps) -> None:
    """Make partitions of one owner's in one schema, all or none. Raise as `create.make` does."""
    step = steps[0]
    names = {
        "schema": step.schema,
        "parents": [one.parent_relname for one in steps],
        "children": [one.relname for one in steps],
    }
    with effect(conn, claim, None) as change:
        before = changed.so_far(conn)
        with owner.enclosed(conn, step.owner, step.schema) as say:
            conn.execute(statements.NAME_ALL, names)
            stored = [put for one in steps for put in statements_of_storage.put(one)]
            say(*map(statements.create, steps), statements.CARRY_OVER, *stored)
            policies.must_all_be_copied(conn, names)
            conn.execute(statements.NAME_ALL, names)  # whoever's code ran may have named others
            # From here on tables they reference take no writes, and default partitions no readers.
            attach = map(statements.attach, steps)
            say(*attach, statements.CARRY_OVER_ATTACHED, within=statements.HELD)
        changed.must_be_of_tables(conn, before, {})
        made = {one.target: {"partitions": 1} for one in steps}
        change.record_each("effect", "partitions.created", made)
