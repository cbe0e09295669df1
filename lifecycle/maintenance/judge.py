"""Looks again afterwards: is each view filled, and was it made anew by this run?"""

from datetime import datetime

from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.maintenance import survey
from lifecycle.maintenance.plan import Refresh, promised
from lifecycle.maintenance.refresh import Refreshed
from lifecycle.maintenance.survey import Seen
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.promise import Listing, Task
from lifecycle.system import System
from lifecycle.words import counted


def judge(task: Task, seen: Seen, decision: Decision[Refresh], done: Refreshed) -> Judgement:
    """Read everything again and return what was promised, looked at and found."""
    looks, wanted = Looks(), promised(task.system.policy, task.only)
    known = {failure.target for failure in (*decision.refusals, *done.failures)}
    looks.found(*done.failures)
    with task.system.snapshot("maintenance judge") as conn:
        after = survey.read(conn, task.system.name, task.only)
    for name in wanted:
        with looks.at(Place("view", name)):
            if name not in known:
                looks.found(*_wrong(name, seen, after))
    summary = f"{counted(len(done.views), 'materialized view')} refreshed, of {len(wanted)}"
    counts = {"wanted": len(wanted), "refreshed": len(done.views)}
    return Judgement(looks.cover(Place("view", name) for name in wanted), summary, counts)


def _wrong(name: str, before: Seen, after: Seen) -> tuple[Failure, ...]:
    view = after.views.get(name)
    if view is None or not view.populated:
        return (Failure(name, "it is not there, or empty of all it shows", "Run it again."),)
    if after.refreshed.get(name) == before.refreshed.get(name):
        return (Failure(name, "the ledger knows of no refresh by this run", "Run it again."),)
    return ()


def status(system: System, now: datetime) -> Listing:
    """Return each promised view: since when it shows what it shows, how it is refreshed, its size."""
    seen = survey.survey(system, now, None)
    rows: list[tuple[object, ...]] = []
    for name in promised(system.policy, None):
        view, last = seen.views.get(name), seen.refreshed.get(name)
        way = "beside its readers" if view and view.beside else "readers wait"
        rows.append((name, last, way, view.size) if view else (name, last, "not there", None))
    return Listing("materialized views", ("view", "refreshed", "how", "bytes"), rows)
