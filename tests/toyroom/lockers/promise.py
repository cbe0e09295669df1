"""The promise of this room: no locker is held for longer than a week or a month."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockers import statements
from lockers.section import SECTION

from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.ledger import code
from lifecycle.ledger.effect import effect
from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.promise import Listing, Promise, Task
from lifecycle.system import System

DAYS = {"week": 7, "month": 30}


@dataclass(frozen=True, slots=True)
class Empty(Step):
    """Empty these lockers."""

    ids: tuple[int, ...]


def survey(system: System, now: datetime, only: str | None) -> tuple[int, ...]:
    """Return the lockers whose time is over."""
    lockers = SECTION.of(system.policy)
    assert lockers is not None
    before = now - timedelta(days=DAYS[lockers.every])
    with closing(system.connect("lockers survey", write=False)) as conn:
        rows = conn.execute(statements.full(lockers), {"before": before}).fetchall()
    return tuple(row[0] for row in rows)


def decide(policy: Policy, seen: Sequence[int], now: datetime) -> Decision[Empty]:
    """Return one step for all of them."""
    lockers = SECTION.of(policy)
    assert lockers is not None
    if not seen:
        return Decision(())
    cost = f"{len(seen)} lockers"
    step = Empty(
        "empty", lockers.table, "held too long", cost, tuple(seen), rows=len(seen), binds=str(seen)
    )
    return Decision((step,))


def carry_out(task: Task, seen: Sequence[int], decision: Decision[Empty]) -> int:
    """Empty them; return how many."""
    lockers = SECTION.of(task.system.policy)
    assert lockers is not None
    gone = 0
    with (
        closing(task.system.connect("lockers.empty")) as conn,
        code.code(task.system, catalog.read(conn)) as as_seen,
    ):
        for step in decision.steps:
            with effect(conn, task.claim, as_seen) as change:
                values = {"ids": list(step.ids), "now": task.now}
                emptied = conn.execute(statements.empty(lockers), values).rowcount
                change.must_be({step.target: emptied})
                gone += emptied
                change.record("effect", "lockers.emptied", step.target, counts={"rows": gone})
    return gone


def judge(task: Task, seen: Sequence[int], decision: Decision[Empty], done: int) -> Judgement:
    """Look again."""
    looks, table = Looks(), Place("table", "lockers")
    with looks.at(table):
        left = survey(task.system, task.now, task.only)
    if left:
        looks.found(Failure("lockers", f"{len(left)} are still held", "Run it again."))
    return Judgement(looks.cover({table}), f"{done} lockers emptied", {"rows": done})


def status(system: System, now: datetime) -> Listing:
    """Return how many are held too long."""
    return Listing("lockers", ("held too long",), [(len(survey(system, now, None)),)])


PROMISE: Promise[tuple[int, ...], Empty, int] = Promise(
    "lockers.empty", "nothing", survey, decide, carry_out, judge, status
)
