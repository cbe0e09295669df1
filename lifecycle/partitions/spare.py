"""Spares a large default partition the scan that ATTACH makes of it, under a lock that shuts readers out.

A check that says "no row of these periods is here" is added without looking (an instant), validated while everybody
goes on reading and writing, and then believed by each ATTACH; at the end it is dropped. While it stands, a row of those
periods is refused instead of landing in the default partition: seconds, and said in the plan. A run that is killed
meanwhile leaves it behind, and the next run drops it before anything else.

    3 M rows in the default partition, four partitions to make: 4 scans of 0.4 s with readers shut out, or one of 0.4 s
    beside them.
"""

import secrets
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions import owner, statements_of_defaults
from lifecycle.partitions.step import CreatePartition
from lifecycle.partitions.survey import Spared
from lifecycle.postgres.waits import Budget, InTheWay, Need
from lifecycle.system import System


def holding(system: System, default: str, steps: Iterable[CreatePartition]) -> frozenset[str]:
    """Return the targets of the steps of whose period a row lies in the default partition. Shares it with everybody."""
    with system.snapshot("partitions.create") as conn:
        return frozenset(
            step.target
            for step in steps
            if conn.execute(statements_of_defaults.any_row_of(default, step)).fetchone() == (True,)
        )


@contextmanager
def spared(
    conn: Connection[TupleRow],
    claim: Claim,
    waits: Budget,
    steps: tuple[CreatePartition, ...],
    failures: list[Failure],
) -> Generator[None]:
    """Keep the check on the default partition while these partitions are made; add to `failures` if it stays on.

    Raise InTheWay where the default partition is held, CheckViolation where a row came meanwhile.
    """
    step = steps[0]
    name = f"{statements_of_defaults.SPARE}{secrets.token_hex(8)}"
    left = Spared(step.spares or "", step.owner, step.schema, (name,))
    add = statements_of_defaults.add_check(left.default, name, steps)
    waits.when_clear(conn, _exclusively(left), partial(_say, conn, claim, left, add, added=1))
    try:
        validate = statements_of_defaults.validate_check(left.default, name)
        shared = (Need(left.default, "ShareUpdateExclusiveLock"),)
        waits.when_clear(conn, shared, partial(_say, conn, claim, left, validate))
        yield
    finally:
        if not conn.broken:
            failures += let_go(conn, claim, step.parent, left)


def let_go(conn: Connection[TupleRow], claim: Claim, parent: str, left: Spared) -> list[Failure]:
    """Drop the checks that were left on a default partition. Return why where that cannot be done."""
    failures: list[Failure] = []
    for name in left.checks:
        drop = statements_of_defaults.drop_check(left.default, name)
        attempt = partial(_say, conn, claim, left, drop, dropped=1)
        try:
            Budget().when_clear(conn, _exclusively(left), attempt)  # its own patience: it must go
        except (InTheWay, psycopg.Error):
            what = f"the check {name} is still on {left.default}: rows of its periods may be refused there"
            failures.append(Failure(parent, what, "The next run drops it, or do so by hand."))
    return failures


def _exclusively(left: Spared) -> tuple[Need, ...]:
    return (Need(left.default, "AccessExclusiveLock"),)


def _say(
    conn: Connection[TupleRow], claim: Claim, left: Spared, command: owner.Command, **counts: int
) -> None:
    with effect(conn, claim, None) as change:
        with owner.enclosed(conn, left.owner, left.schema) as say:
            say(command)
        if counts:
            change.record("effect", "partitions.checks", left.default, counts=counts)
