"""The one way through a promise: survey, decide, compare, cap, carry out, judge. Inside a run that is claimed.

The daemon and a person go the same way. The person's plan is compared with what would be done now, here, after the
claim: between the look and the deed nobody else works on this promise. Never decides what is done, and makes no
verdict: `coverage.conclude` does.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from lifecycle.coverage import Coverage, Judgement, Place, Reason, conclude
from lifecycle.errors import Conflict
from lifecycle.job import Job
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome
from lifecycle.plan import Plan, Step, differences, within
from lifecycle.promise import Promise, Task
from lifecycle.system import System

TOLD = 5
"""How many differences a refusal names."""

Shown = Mapping[str, Any]
"""A plan's document, as a person was shown it."""


def carry_out(
    system: System, claim: Claim, job: Job, now: datetime, shown: Shown | None = None
) -> Outcome:
    """Do the job's work and return its outcome. `shown` is the plan that a person wants carried out.

    Raise Conflict when that plan is not what would be done now, and whatever the room raises.
    """
    only = None if shown is None else shown["only"]
    task = Task(system, claim, now, only, seen_by_person=shown is not None)
    if callable(job.work):
        return conclude(job.work(task))
    return conclude(_keep(job.work, task, shown))


def _keep(promise: Promise[Any, Any, Any], task: Task, shown: Shown | None) -> Judgement:
    seen = promise.survey(task.system, task.now, task.only)
    decision = promise.decide(task.system.policy, seen, task.now)
    allowed, capped = decision, ()
    if shown is not None:
        must_be(shown, plan_of(promise, task.system, decision, task.only))
    else:
        room = promise.job.partition(".")[0]
        allowed, capped = within(decision, task.system.policy.limits.rows_per_run, room)
    done = promise.carry_out(task, seen, allowed)
    judged: Judgement = promise.judge(task, seen, allowed, done)
    whole = judged.coverage | _left_out(promise, task)
    return replace(judged, coverage=whole).with_found((*decision.refusals, *capped))


def _left_out(promise: Promise[Any, Any, Any], task: Task) -> Coverage:
    """Return what a narrowed plan leaves out of the job: nobody looked there, so it is never the job's success."""
    if task.only is None:
        return Coverage(frozenset(), frozenset(), asked=False)
    rest = Place("the rest", f"of {promise.job}")
    why = f"the plan was narrowed to {promise.only}"
    reason = Reason(why, f"`lifecycle run {promise.job}` looks at all of it.")
    return Coverage(frozenset({rest}), frozenset(), (), {rest: reason})


def plan(
    promise: Promise[Any, Any, Any], system: System, now: datetime, only: str | None
) -> Plan[Step]:
    """Return what would be done now. `only` is what a person typed. Raise whatever the room's survey raises."""
    only = None if only is None else promise.called(system, only)
    seen = promise.survey(system, now, only)
    return plan_of(promise, system, promise.decide(system.policy, seen, now), only)


def plan_of(
    promise: Promise[Any, Any, Any], system: System, decision: Any, only: str | None
) -> Plan[Step]:
    """Return a decision as the plan a person sees."""
    return Plan(
        room=promise.commands or promise.job.partition(".")[0],
        system=system.name,
        database=system.policy.database,
        policy_digest=system.policy_digest,
        decision=decision,
        only=only,
    )


def must_be(shown: Shown, now: Plan[Step]) -> None:
    """Raise Conflict, with what has changed, unless `shown` is what would be done now."""
    if now.document() == shown:
        return
    changed = list(differences(shown, now.document())) or ["details of it are others"]
    more = f", and {len(changed) - TOLD} more" if len(changed) > TOLD else ""
    raise Conflict(
        f"the world has changed since the plan was shown: {'; '.join(islice(changed, TOLD))}{more}",
        hint=f"Nothing was done. Look at `lifecycle {now.room} plan` again, and apply that one.",
    )
