"""Archives what ends, proves the archive, and only then destroys it: rows of rules, and whole partitions.

What the archive could not prove is not destroyed, and is a failure. Of rows those go that the archive has and that are
still exactly as it has them, batch by batch; a hold that came since keeps them. Of a partition every leaf is archived
by itself, and must be what was archived when it is dropped, behind the lock under which it is.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.errors import ForeignKeyViolation, LockNotAvailable
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.errors import Fenced, LifecycleError, Unproven
from lifecycle.holds import gate
from lifecycle.ledger import code
from lifecycle.ledger.code import Code
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.partitions.ends import Record
from lifecycle.plan import Decision, Step
from lifecycle.postgres.catalog import Catalog
from lifecycle.promise import Task
from lifecycle.returning import staging
from lifecycle.returning import statements as of_return
from lifecycle.words import counted
from retention import cutoff, fixed, shorter
from retention import statements_of_rows as statements
from retention.archive import end, prove, rows, shelf, write
from retention.archive.end import EndArchive
from retention.archive.manifest import Content
from retention.archive.prove import Proven
from retention.archive.rows import Rows
from retention.batches import PATIENCE, PAUSE, TRIES, Batches
from retention.pace import Pace
from retention.rule import RetentionRule
from retention.survey import Seen

NOTHING = Content(rows=0, digest="0", hashed="binary")
"""What no rows come to."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of a partition as it was archived: its rows, and what they came to."""

    wanted: Rows
    content: Content


def expire(task: Task, batches: Batches, leaf: str, most: int, committed: str) -> Iterator[int]:
    """End the overdue rows of a leaf that are in `committed`, archived first. Yield how many went, batch by batch.

    Raise Unproven when they are more than `most` or cannot be archived and proven: none of them went then. Else as
    `expire.batch` does.
    """
    conn, bound = batches.conn, batches.bound
    held = batches.on_hold(gate.known(conn))
    values = {**fixed.of(bound, committed, batches.written), **held.keys}
    before = _before(task, bound.rule)
    wanted = Rows(bound.table, leaf, statements.seen(bound, held), values, before=before)
    with staging.reading(conn):
        there = rows.count(conn, wanted)
    if there > most:
        raise Unproven(
            f"more rows of {leaf} are overdue than the plan has",
            hint="Nothing of it was ended; the next run counts them and ends them.",
        )
    if there:
        with _proven(task, conn, batches.code, wanted) as proven:
            yield from _delete(batches, leaf, proven)


def whole(
    task: Task, catalog: Catalog, record: Record, rule: RetentionRule | None
) -> tuple[Leaf, ...]:
    """Archive all leaves of a partition that stands alone, and prove each. Raise Unproven where that could not be.

    `rule` is the one by which its time is over today, if there is one.
    """
    before = _before(task, rule) if rule else None
    name = record.called or record.name
    leaves = [part.name for part in catalog.table(name).partitions] or [name]
    found: list[Leaf] = []
    with (
        closing(task.system.connect("retention.archive")) as conn,
        code.code(task.system, catalog) as seen,
    ):
        for leaf in leaves:
            bounds = record.bound if leaf == name else None
            wanted = Rows(record.parent, leaf, bounds=bounds, before=before)
            with staging.reading(conn):
                many = rows.count(conn, wanted)
            content = NOTHING
            if many:
                with _proven(task, conn, seen, wanted) as proven:
                    content = proven.content
            found.append(Leaf(wanted, content))
    return tuple(found)


def _before(task: Task, rule: RetentionRule) -> datetime | None:
    """Return the moment before which all is that a rule ends now; None where each row says its own end."""
    if rule.after is None:
        return None
    return cutoff.cutoff(rule.after, ZoneInfo(rule.zone or task.system.policy.timezone), task.now)


def differs(task: Task, ddl: Connection[TupleRow], archived: tuple[Leaf, ...]) -> str | None:
    """Say what a partition has that was not archived, in the transaction of `ddl`, which keeps writers out."""
    patience = {"milliseconds": str(round(staging.LIMIT.total_seconds() * 1000))}
    ddl.execute(of_return.PATIENT, patience).fetchone()
    with closing(task.system.connect("retention.archive")) as conn:
        for leaf in archived:
            with staging.reading(conn):
                columns = rows.relation(conn, leaf.wanted.leaf).columns
                there = rows.content(conn, leaf.wanted, columns)
            if there != leaf.content:
                many = counted(there.rows, "row")
                return f"{leaf.wanted.leaf} has {many}, and they are not those that were archived"
    return None


def archives(
    task: Task, seen: Seen, decision: Decision[Step]
) -> tuple[Mapping[str, int], tuple[Failure, ...]]:
    """End the archives whose own time is over. Return how many, and which were not: also where a person has to look."""
    wanted = [step for step in decision.steps if isinstance(step, EndArchive)]
    rules = [one.bound.rule for one in seen.counted if one.bound.rule.archive]
    changed = {rule.table: why for rule in rules if (why := seen.changed.get(rule.label))}
    asks = [step for step in wanted if step.table in changed and not task.seen_by_person]
    failures = [_asks(step, changed[step.table]) for step in asks]
    done = list(end.carry_out(task, seen.catalog, [step for step in wanted if step not in asks]))
    failures += [one for one in done if isinstance(one, Failure)]
    ended = len(wanted) - len(failures)
    return ({"archives ended": ended} if wanted else {}), tuple(failures)


def _asks(step: EndArchive, why: str) -> Failure:
    what = f"it is not ended: of the rule about {step.table}, {why}"
    return Failure(step.target, what, shorter.APPLY)


@contextmanager
def _proven(task: Task, conn: Connection[TupleRow], seen: Code, wanted: Rows) -> Generator[Proven]:
    """Archive rows and prove it. Raise Unproven, whatever stood in the way of that but the run's own end."""
    with ExitStack() as stack:
        try:
            on = shelf.shelf(task.system)
            stack.enter_context(closing(on.store))
            written = write.write(task, conn, on, wanted)
            proven = stack.enter_context(prove.prove(task, conn, seen, on, written))
        except Fenced:
            raise
        except LifecycleError as error:
            if conn.broken:
                raise
            what = (
                f"it could not be archived, so nothing of {wanted.leaf} is destroyed: {error.what}"
            )
            raise Unproven(what, hint=error.hint) from None
        yield proven


def _delete(batches: Batches, leaf: str, proven: Proven) -> Iterator[int]:
    """Delete what was archived. Pages with a row that somebody has locked are tried again; a referenced row stays."""
    pace = Pace(rows=1)  # pages of what was loaded, as many as take a moment
    todo = [(0, proven.blocks)]
    for _ in range(TRIES):
        locked: list[tuple[int, int]] = []
        while todo:
            first, last = todo.pop(0)
            after = min(last, first + pace.rows)
            todo[:0] = [(after, last)] if after < last else []
            try:
                yield _batch(batches, proven, pace, first, after)
            except LockNotAvailable:
                locked.append((first, after))
            except ForeignKeyViolation:
                half = (first + after) // 2
                todo[:0] = [(first, half), (half, after)] if half > first else []
        todo = locked
        if not todo:
            return
        time.sleep(PAUSE)
    raise Unproven(
        f"somebody holds locks on rows of {leaf} that were archived",
        hint="They are still there; the next run archives and ends them.",
    )


def _batch(batches: Batches, proven: Proven, pace: Pace, first: int, last: int) -> int:
    conn, bound = batches.conn, batches.bound
    batches.throttle.wait()
    with effect(conn, batches.claim, batches.code) as change:
        held = batches.on_hold(gate.standing(conn))  # as they stand now, and until this is over
        conn.execute(PATIENCE)
        free = statements.free(bound, held)
        began = clock.monotonic()
        gone = prove.let_go(change, proven, first, last, free, held.keys)
        change.must_be({bound.table: gone}, batches.adding)
        pace.since(began, last - first)
        if gone:
            digest = proven.written.sha256
            counts = {"rows": gone}
            change.record(
                "effect", "retention.deleted", bound.rule.table, counts=counts, digest=digest
            )
    return gone
