"""Says what a replay comes to: which lines of the ledger outside this database still does not remember.

Promised are the ledger, read again afterwards, everybody who was planned, and for each of them every place of a proof.
"""

from collections.abc import Mapping

from gdpr.desk import Done
from gdpr.ledger import LEDGER
from gdpr.plan import ErasureStep
from gdpr.replay.survey import Seen, survey
from lifecycle.coverage import Coverage, Judgement, Looks, Place, Reason
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from lifecycle.words import counted

_NOBODY = Reason(
    "whose own row is gone and of whom no note is left, so nothing can be searched for",
    "Check by hand what the plan would have erased; `lifecycle gdpr replay plan` names the line.",
)


def judge(
    task: Task, seen: Seen, decision: Decision[ErasureStep], done: Mapping[str, Done]
) -> Judgement:
    """Return what was promised, looked at and found."""
    looks, outside = Looks(), Place("ledger of erasures", LEDGER)
    own = {reference: Place("request", reference) for reference in done}
    with looks.at(outside, *own.values()):
        left = survey(task.system, task.now, None)
    for reference, one in done.items():
        if one.nobody:
            looks.not_at(own[reference], _NOBODY)
        looks.found(*one.failures)
    told = {failure.target for one in done.values() for failure in one.failures}
    told |= {failure.target for failure in decision.refusals}
    looks.found(
        *(
            Failure(case.name, "is here and was erased before", "Look at `gdpr replay plan` again.")
            for case in left.cases
            if case.name not in told
        )
    )
    coverage = looks.cover({outside, *own.values()})
    for one in done.values():
        coverage |= one.coverage or Coverage(frozenset(), frozenset())
    counts = {
        "lines": len(seen.lines),
        "erased": sum(one.answered for one in done.values()),
        "nobody": len(seen.nobody),
        "rows": sum(one.rows for one in done.values()),
        "left": len(left.lines),
    }
    said = f"{counts['erased']} of {len(seen.cases)} erased again and found nowhere it was looked"
    said += f"; {counted(counts['nobody'], 'line means', 'lines mean')} nobody here"
    said += (
        f"; {counted(len(left.lines), 'line')} left, and the fence stands"
        if left.lines
        else "; this database has followed the ledger to its end, and the fence is lifted"
    )
    return Judgement(coverage, said, counts)


def status(system: System, now: object) -> Listing:  # noqa: ARG001 - asked alike
    """Return the lines this database does not remember."""
    from lifecycle import clock

    left = survey(system, clock.now(), None)
    rows = [(line.number, line.reference, line.erased_at) for line in left.lines]
    return Listing("lines", ("line", "request", "erased"), rows)
