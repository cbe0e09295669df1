"""Ends overdue rows of a compressed chunk, all of a chunk in one transaction: a row has no place in a batch.

That is so where rows are only deleted. To clear, move or archive them a chunk is taken apart as a whole first, and then
is one like any other.

Batches of which all rows are overdue go whole; one with a younger row, or one on hold, TimescaleDB takes apart first,
and the nightly run of `timescale` compresses again. Counted is not which row of which batch, but that as many have gone
as were counted, that none is left, and that the chunk has by just as many fewer.
"""

from dataclasses import replace

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.errors import Unproven
from lifecycle.holds import gate
from lifecycle.ledger import changed
from lifecycle.ledger.effect import effect
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.promise import Task
from lifecycle.timescale import apart
from lifecycle.words import counted
from retention import statements_of_packed as statements
from retention.batches import Batches
from retention.rules import Bound

AT_MOST = 1_000_000
"""Rows in batches of a chunk, beyond which none of them is taken apart in one transaction."""


def into(conn: Connection[TupleRow], bound: Bound, leaf: str) -> str | None:
    """Return what a chunk was compressed into; None where it is not compressed. Raise psycopg.Error as it comes."""
    if not bound.packed:
        return None
    schema, name = sql_parts(leaf)
    row = conn.execute(statements.INTO, {"schema": schema, "name": name}).fetchone()
    return policy_name(*row) if row else None


def give_places(task: Task, batches: Batches, catalog: Catalog, leaf: str) -> None:
    """See to it that each row of a chunk has a place, where its rule needs one. Raise as `apart.take`."""
    bound = batches.bound
    if not whole(bound) and into(batches.conn, bound, leaf) is not None:
        batches.written.append(apart.take(task, catalog.table(bound.table), leaf))


def whole(bound: Bound) -> bool:
    """Say whether batches of a compressed chunk can go as they stand: nothing is asked of a row but that it goes."""
    return bound.rule.do == "delete" and not bound.rule.archive


def expire(batches: Batches, leaf: str, inside: str, rows: int) -> int:
    """End the overdue rows of a compressed chunk in one transaction, and return how many: `rows` at most.

    Raise Unproven when they are more, or others than these would have gone, or it is too much at once; and as
    `expire.batch`.
    """
    conn, bound = batches.conn, batches.bound
    batches.throttle.wait()
    with effect(conn, batches.claim, batches.code) as change:
        held = batches.on_hold(gate.standing(conn))
        values: dict[str, object] = {"before": bound.before, **held.keys}
        there = _number(conn, statements.count(leaf, bound, held), values)
        packed, beside = conn.execute(statements.whole(leaf, inside)).fetchone() or (0, 0)
        if there > rows or packed > AT_MOST:
            raise _too_much(leaf, packed)
        conn.execute(statements.LIMIT, {"rows": str(max(1, packed))})
        gone = conn.execute(statements.end(leaf, bound, held), values).rowcount
        after = changed.so_far(conn)
        left = sum(conn.execute(statements.whole(leaf, inside)).fetchone() or (0, 0))
        again = _number(conn, statements.count(leaf, bound, held), values)
        if (gone, packed + beside - left, again) != (there, there, 0):
            raise Unproven(
                f"{leaf}: {counted(there, 'row')} found beforehand, {gone:,} would have gone, and {again:,} are left",
                hint="Nothing was changed. Somebody wrote there meanwhile, or a trigger of the table keeps rows.",
            )
        before, names = change.before, (bound.table, changed.batches(bound.table))
        ended = {n: after.ended.get(n, 0) - before.ended.get(n, 0) for n in names}
        apart = {
            bound.table: after.added.get(bound.table, 0)
        }  # held against the count of all, above
        change.must_be(ended, batches.adding, replace(before, added={**before.added, **apart}))
        if gone:
            change.record("effect", "retention.deleted", bound.rule.table, counts={"rows": gone})
    return gone


def _number(conn: Connection[TupleRow], statement: sql.Composed, values: dict[str, object]) -> int:
    row = conn.execute(statement, values).fetchone()
    return int(row[0]) if row else 0


def _too_much(leaf: str, packed: int) -> Unproven:
    if packed <= AT_MOST:
        return Unproven(
            f"more rows of {leaf} are overdue than the plan has",
            hint="Nothing of it was ended; the next run counts them and ends them.",
        )
    return Unproven(
        f"{leaf} has {counted(packed, 'row')} in batches, and no more than {AT_MOST:,} are taken apart at once",
        hint="Write `do: drop`, which ends whole chunks, or have chunks cut shorter (`chunks`).",
    )
