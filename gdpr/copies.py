"""Makes materialized views anew between an erasure and its proof, so that nobody who is gone stands in one.

Those that the policy has made anew anyway (`maintenance.views`), and by the same code. Never decides: a view that
cannot be made anew stays as it was, is named, and the proof finds who stands in it.
"""

from gdpr.desk import Desk
from gdpr.reach import Reach
from lifecycle.coverage import Place, Reason
from lifecycle.errors import Fenced, Interrupted, LifecycleError
from lifecycle.maintenance import plan, refresh, survey
from lifecycle.maintenance.section import SECTION
from lifecycle.promise import Task

_STILL = "; it may count the person still"


def anew(desk: Desk) -> dict[Place, Reason]:
    """Make them anew; return those that stayed as they were, with why. Raise Fenced, Interrupted.

    Whatever else keeps them from being made anew keeps nobody's proof: it looks at what they show.
    """
    policy = desk.reach.policy
    views = SECTION.of(policy).views
    if not views:
        return {}
    try:
        seen = survey.survey(desk.system, desk.now, None)
        task = Task(desk.system, desk.claim, desk.now, None, seen_by_person=False)
        decision = plan.decide(policy, seen, desk.now)
        done = refresh.carry_out(task, seen, decision)
    except (Fenced, Interrupted):
        raise
    except LifecycleError as error:
        return {_stale(view): Reason(f"{error.what}{_STILL}", error.hint) for view in views}
    left = (*decision.refusals, *done.failures)
    return {_stale(one.target): Reason(f"{one.what}{_STILL}", one.hint) for one in left}


def _stale(view: str) -> Place:
    return Place("copy", view)


def unmade(reach: Reach) -> dict[Place, Reason]:
    """Return the copies that nobody here makes anew: they are searched, and what they count of a person stays."""
    views = SECTION.of(reach.policy).views
    return {
        Place("copy", name): Reason(
            f"it is computed from {', '.join(table.copy_of)}, and counts the person until it is made anew",
            "Let the application compute it again; a materialized view can stand under `maintenance.views`.",
            "limit",
        )
        for name, table in reach.policy.tables.items()
        if table.copy_of and name not in views
    }
