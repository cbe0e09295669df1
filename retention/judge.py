"""Counts again afterwards what is overdue: that, and never how the run went, says whether the promise is kept.

Promised are, per rule, the leaves that can hold overdue rows, and every copy of them this database makes: the audit
log's images, materialised views. What is not reached yet is named.
"""

from datetime import datetime

from lifecycle.coverage import Coverage, Judgement, Place, Reason
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from retention import survey
from retention.expire import Ended
from retention.plan import Expire
from retention.survey import Counted, Seen

_COPY = Reason(
    "retention ends the rows and values of the table itself, and does not reach into its copies yet",
    "Refresh the view, or clear the copy by hand; until then the value is still there.",
    "limit",
)


def judge(task: Task, seen: Seen, decision: Decision[Expire], ended: Ended) -> Judgement:
    """Count every rule again and return what was promised, looked at and found."""
    with task.system.snapshot("retention judge") as conn:
        after = survey.read(conn, task.system.policy, task.now, task.only)
    planned = {step.rule for step in decision.steps}
    # Refused as it would pass the cap: whoever refused it says so.
    capped = {c.bound.place for c in seen.counted if c.rows} - planned
    stopped = {failure.target for failure in ended.failures}
    coverage = Coverage(frozenset(), frozenset(), tuple(ended.failures))
    for counted in after.counted:
        place, rule = counted.bound.place, counted.bound.rule.table
        coverage |= _rule(counted, after.copies[place])
        if counted.rows and place not in capped and rule not in stopped:
            coverage |= Coverage(frozenset(), frozenset(), (_still(counted),))
    known = {f.target for f in (*decision.refusals, *ended.failures)}
    coverage |= Coverage(
        frozenset(Place("rule", f.target) for f in after.failures),
        frozenset(),
        tuple(f for f in after.failures if f.target not in known),
        {Place("rule", f.target): Reason(f.what, f.hint) for f in after.failures},
    )
    return Judgement(coverage, *_words(after, ended))


def _rule(counted: Counted, copies: tuple[str, ...]) -> Coverage:
    rule = counted.bound.rule.table
    leaves = {leaf: Place("leaf", _named(rule, leaf)) for leaf in counted.bound.leaves}
    unseen = {leaves[leaf]: reason for leaf, reason in counted.unread.items()}
    unseen |= {Place("copy", copy): _COPY for copy in copies}
    own = Place("rule", rule)
    promised = frozenset((own, *leaves.values(), *unseen))
    return Coverage(promised, promised - frozenset(unseen), (), unseen)


def _named(rule: str, leaf: str) -> str:
    """Return what a leaf is called in a coverage: two rules may look at one leaf."""
    return leaf if leaf == rule else f"{leaf} ({rule})"


def _still(counted: Counted) -> Failure:
    return Failure(
        counted.bound.rule.table,
        f"{counted.rows} rows are still overdue",
        "Somebody holds locks on them, or they came while the run was on; the next run tries again.",
    )


def _words(after: Seen, ended: Ended) -> tuple[str, dict[str, int]]:
    counts = ended.counts | {
        "overdue": sum(counted.rows for counted in after.counted),
        "without a date": sum(counted.undated for counted in after.counted),
    }
    summary = (
        f"{counts['deleted']} rows deleted, {counts['cleared']} values cleared by "
        f"{len(after.counted)} rules; {counts['overdue']} still overdue"
    )
    if counts["without a date"]:
        summary += f"; {counts['without a date']} rows have no date yet and stay"
    return summary, counts


def status(system: System, now: datetime) -> Listing:
    """Return, per rule, how many rows are overdue and how many have no date."""
    seen = survey.survey(system, now, None)
    rows = [
        (
            counted.bound.rule.table,
            counted.bound.rule.do,
            str(counted.bound.rule.after),
            counted.bound.before.isoformat(),
            counted.rows,
            counted.undated,
            "; ".join(f"{leaf}: {reason.why}" for leaf, reason in counted.unread.items()),
        )
        for counted in seen.counted
    ]
    rows += [(f.target, "", "", "", 0, 0, f.what) for f in seen.failures]
    columns = ("rule", "do", "after", "before", "overdue", "without a date", "in the way")
    return Listing("retention", columns, rows)
