"""Carries a plan out in batches, one short transaction each. `judge.py` counts again afterwards.

Which rows go was fixed by the survey (`fixed.py`). A batch deletes or clears, and says so on the ledger, in the same
transaction: a run may be killed at any instant, and what the ledger adds up to is what is gone. What else would have
changed with them is undone: only declared triggers may add to the log and to archives. Rows that somebody has locked
are tried again, those that are still referenced stay, and so does what changed since the survey.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial

import psycopg
from psycopg import Connection
from psycopg.errors import ForeignKeyViolation, LockNotAvailable
from psycopg.rows import TupleRow

from lifecycle import clock, words
from lifecycle.errors import DeadlineExceeded, Unproven
from lifecycle.holds import gate
from lifecycle.holds.gate import Held
from lifecycle.holds.hold import Hold
from lifecycle.ledger import code
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy import triggers
from lifecycle.policy.model import Policy
from lifecycle.postgres import connect
from lifecycle.postgres.catalog import Catalog
from lifecycle.promise import Task
from retention import clear, expire_archived, expire_parts, fixed, forget, move, packed, shorter
from retention import statements as statements_of_room
from retention import statements_of_rows as statements
from retention.batches import PATIENCE, PAUSE, TRIES, Batches
from retention.fixed import Fixed, Stretch
from retention.plan import Expire
from retention.rules import Bound
from retention.survey import Seen
from retention.throttle import Throttle


@dataclass(slots=True)
class Ended:
    """What a run ended, in rows and values, and the rules that stopped before their end.

    `drawn` are the tables and leaves of which it had the planner's samples drawn anew. `written`: the transactions in
    which it cleared values, by table: rows of a later rule may have been written by them.
    """

    counts: dict[str, int]
    failures: list[Failure]
    drawn: frozenset[str] = frozenset()
    written: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def carry_out(task: Task, seen: Seen, decision: Decision[Step]) -> Ended:
    """End what is overdue, rule by rule, then partitions. One that stops, stops no other.

    Raise Fenced when another process holds the run, Unreachable when the server goes away.
    """
    ended = Ended({"deleted": 0, "cleared": 0}, [])
    asks: Mapping[str, str] = {} if task.seen_by_person else seen.changed
    bounds = {counted.bound.place: counted.bound for counted in seen.counted}
    with closing(task.system.connect("retention.expire")) as conn:
        steps = [step for step in decision.steps if isinstance(step, Expire)]
        ended.failures += [_asks(step, asks[step.target]) for step in steps if step.target in asks]
        steps = [step for step in steps if step.target not in asks]
        if steps:
            throttle = Throttle(conn, task.system.policy.limits)
            with code.code(task.system, seen.catalog) as as_seen:
                for step in steps:
                    bound = bounds[step.rule]
                    adding = _adding(task.system.policy, bound)
                    written = ended.written.setdefault(bound.table, [])
                    on_hold = partial(_on_hold, task.system.policy, seen.catalog, bound)
                    batches = Batches(
                        conn,
                        task.claim,
                        as_seen,
                        bound,
                        adding,
                        written,
                        lru_cache(on_hold),
                        throttle,
                    )
                    _expire(task, batches, step, seen, ended)
        if any(bound.drops for bound in bounds.values()) or len(steps) < len(decision.steps):
            counts, failures = expire_parts.carry_out(task, seen, decision)
            ended.counts |= counts
            ended.failures += failures
        archives, failures = expire_archived.archives(task, seen, decision)
        ended.counts |= archives
        ended.failures += failures
        _remember(conn, task, seen, ended)
        ended.drawn = forget.forget(task.system, conn, seen.catalog, bounds.values())
    return ended


@dataclass(slots=True)
class Gone:
    """What became of rows: `rows` are gone, `locked` somebody holds, `kept` the table itself did not let go."""

    rows: int = 0
    locked: int = 0
    kept: int = 0


def _expire(task: Task, batches: Batches, step: Expire, seen: Seen, ended: Ended) -> None:
    """End the rows of one rule. Whatever stops it before its end is its failure."""
    kept, held = 0, batches.on_hold(seen.holds)
    try:
        for leaf, rows in step.leaves:
            if (whole := _otherwise(task, batches, leaf, rows, seen)) is not None:
                for gone in whole:
                    ended.counts["deleted"] += gone
                continue
            with fixed.fix(
                batches.conn,
                batches.code,
                leaf,
                batches.bound,
                held,
                seen.committed,
                batches.written,
            ) as those:
                if those.rows > rows:
                    ended.failures.append(_more(step, leaf))
                else:
                    kept += _leaf(batches, leaf, those, ended)
    except psycopg.Error as error:
        ended.failures.append(_refusal(batches.conn, step, seen, error))
    except (Unproven, DeadlineExceeded) as error:
        ended.failures.append(Failure(step.target, f"stopped: {error.what}", error.hint))
    else:
        ended.failures += [_kept(step, kept)] if kept else []


def _otherwise(
    task: Task, batches: Batches, leaf: str, rows: int, seen: Seen
) -> Iterable[int] | None:
    """Return how many rows go, time by time, where they go otherwise than by their places: archived, or packed."""
    packed.give_places(task, batches, seen.catalog, leaf)
    if batches.bound.rule.archive:
        return expire_archived.expire(task, batches, leaf, rows, seen.committed)
    inside = packed.into(batches.conn, batches.bound, leaf)
    return None if inside is None else (packed.expire(batches, leaf, inside, rows),)


def _leaf(batches: Batches, leaf: str, those: Fixed, ended: Ended) -> int:
    """End the fixed rows of a leaf. Return how many of them the table itself did not let go.

    It is gone through again where rows are left: somebody has locked them, or rows that are gone now referenced them.
    """
    bound, left = batches.bound, those.rows
    word = bound.rule.done
    itself = any(key.table == bound.table for key in bound.references)
    tries, pass_over, kept = TRIES, False, 0
    while left > 0 and tries:
        total = Gone()
        for stretch in those.stretches(lambda: batches.pace.rows):
            for gone in _stretch(batches, leaf, stretch, pass_over=pass_over):
                ended.counts[word] = ended.counts.get(word, 0) + gone.rows
                total = Gone(
                    total.rows + gone.rows, total.locked + gone.locked, total.kept + gone.kept
                )
        left, kept = left - total.rows, total.kept
        if pass_over and not total.locked and not (itself and total.rows):
            break
        tries -= 0 if itself and total.rows else 1
        pass_over = True
        time.sleep(PAUSE if total.locked and tries else 0)
    return kept


def _stretch(batches: Batches, leaf: str, stretch: Stretch, *, pass_over: bool) -> Iterator[Gone]:
    """End a stretch batch by batch, as many rows at a time as take a moment.

    Where a row turns out to be referenced since, all others go.
    """
    rest: Stretch | None = stretch
    while rest is not None:
        piece, rest = rest.first(batches.pace.rows)
        try:
            yield _batch(batches, leaf, piece, pass_over=pass_over)
        except ForeignKeyViolation:
            for half in piece.halves():
                yield from _stretch(batches, leaf, half, pass_over=pass_over)


def _batch(batches: Batches, leaf: str, piece: Stretch, *, pass_over: bool) -> Gone:
    """End one batch with its evidence, or nothing; with `pass_over`, or where one is in the way, past locked rows.

    Raise Fenced when the claim is gone, Unproven when something else would have changed with them, Refused when code
    was exchanged or the server does not count, psycopg.Error as it comes.
    """
    try:
        return batch(batches, leaf, piece, pass_over=pass_over)
    except LockNotAvailable:
        return batch(batches, leaf, piece, pass_over=True)


def batch(batches: Batches, leaf: str, piece: Stretch, *, pass_over: bool) -> Gone:
    """End one batch in one transaction. Raise LockNotAvailable unless `pass_over`, and as `_batch`."""
    conn, bound = batches.conn, batches.bound
    batches.throttle.wait()
    values: dict[str, object] = piece.values() | {"before": bound.before}
    with effect(conn, batches.claim, batches.code) as change:
        held = batches.on_hold(gate.standing(conn))  # as they stand now, and until this is over
        values |= held.keys
        began = clock.monotonic()
        gone = _end(conn, leaf, bound, held, values, pass_over=pass_over)
        change.must_be({bound.table: gone.rows}, batches.adding)
        batches.pace.since(began, gone.rows)
        if gone.rows:
            counts = {"rows": gone.rows}
            change.record("effect", f"retention.{bound.rule.done}", bound.rule.table, counts=counts)
            if bound.column is not None:
                batches.written.extend(conn.execute(statements.TRANSACTION).fetchone() or ())
    return gone


def _end(
    conn: Connection[TupleRow],
    leaf: str,
    bound: Bound,
    held: Held,
    values: dict[str, object],
    *,
    pass_over: bool,
) -> Gone:
    """Delete, clear or move the rows of a piece, in a transaction of the caller's."""
    if not pass_over:
        conn.execute(PATIENCE)
    if bound.rule.to is not None:
        there, free, rows = move.rows(conn, leaf, bound, held, values, pass_over=pass_over)
    elif bound.column is not None:
        there, free, rows = clear.rows(conn, leaf, bound, held, values, pass_over=pass_over)
    elif pass_over:
        row = conn.execute(statements.end_unlocked(leaf, bound, held), values).fetchone()
        there, free, rows = row or (0, 0, 0)
    else:
        return Gone(conn.execute(statements.end(leaf, bound, held), values).rowcount)
    return Gone(rows, there - free, free - rows)


def _adding(policy: Policy, bound: Bound) -> frozenset[str]:
    """Return the tables to which rows may be added: by declared triggers, and the archive that rows move into."""
    adding = triggers.written_to(policy, bound.table)
    to = bound.rule.to
    return adding if to is None else adding | {to} | triggers.written_to(policy, to)


def _asks(step: Expire, why: str) -> Failure:
    what = f"{why}, and {words.counted(step.rows, 'row')} would end: a person has to see that first"
    return Failure(step.target, what, shorter.APPLY)


def _remember(conn: Connection[TupleRow], task: Task, seen: Seen, ended: Ended) -> None:
    """Write down what each rule says that was carried out, where it said something else before, or nothing."""
    stopped = {failure.target for failure in ended.failures}
    for counted in seen.counted:
        rule = counted.bound.rule
        now = shorter.kept(counted.bound)
        if not task.seen_by_person and rule.label in seen.changed:
            continue
        if rule.label not in stopped and seen.remembered.get(rule.label) != now:
            with effect(conn, task.claim, None):
                values = {"rule": rule.label, "run": task.claim.id} | asdict(now)
                conn.execute(statements_of_room.REMEMBER, values)


def _more(step: Expire, leaf: str) -> Failure:
    return Failure(
        step.target,
        f"more rows of {leaf} are overdue than the plan has: a transaction that was under way has added some",
        "Nothing of it was ended; the next run counts them and ends them.",
    )


def _kept(step: Expire, rows: int) -> Failure:
    return Failure(
        step.target,
        f"{words.counted(rows, 'row')} did not go, though nobody holds them: the table does not let them",
        "A trigger of the table that returns nothing, or a rewrite rule, keeps them: a soft delete? One of them goes.",
    )


def _on_hold(policy: Policy, catalog: Catalog, bound: Bound, holds: tuple[Hold, ...]) -> Held:
    return gate.on(holds, policy, catalog, bound.table)


def _refusal(conn: Connection[TupleRow], step: Expire, seen: Seen, error: psycopg.Error) -> Failure:
    """Return the error as one rule's failure. Raise Unreachable when the server has gone away."""
    if conn.broken:
        raise connect.explain(error) from None
    said = connect.explain(error, seen.catalog.tables)
    return Failure(step.target, f"stopped: {said.what}", said.hint)
