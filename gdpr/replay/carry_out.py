"""Erases again who is planned, by the engine that erased them first, and then follows the ledger as far as all is done.

Each person is an erasure of its own: killed anywhere, the next run looks again and finds who is left. That nobody of
a line is here is looked up, and not remembered.
"""

from contextlib import closing
from dataclasses import replace

from gdpr import ledger, night
from gdpr import survey as of_requests
from gdpr.desk import Done
from gdpr.plan import ErasureStep
from gdpr.replay.survey import Seen, survey
from lifecycle import fence
from lifecycle.ledger.effect import effect
from lifecycle.plan import Decision
from lifecycle.promise import Task


def carry_out(task: Task, seen: Seen, decision: Decision[ErasureStep]) -> dict[str, Done]:
    """Carry the plan out; return by reference how each erasure ended.

    Raise as `night.carry_out`, and as `objects` where the ledger cannot be read any more.
    """
    as_requests = of_requests.Seen(seen.reach, (), seen.cases, (), (), ())
    persons = tuple(step for step in decision.steps if step.request)
    done = night.carry_out(task, as_requests, replace(decision, steps=persons), replay=True)
    _follow(task)
    return done


def _follow(task: Task) -> None:
    """Write down how far this database has followed the ledger now, and lift the fence where nothing is left."""
    left = survey(task.system, task.now, None)
    undone = {case.request.reference for case in left.cases} | {x.reference for x in left.strange}
    here = {line.whose for line in left.lines} - {line.whose for line in left.nobody}
    stops = [x.number for x in left.lines if x.reference in undone or x.whose in here]
    before = min(stops, default=None)
    every = list(ledger.behind(task.system, left.first))
    done = [line for line in every if before is None or line.number < before]
    with closing(task.system.connect("gdpr replay")) as conn:
        if done:
            with effect(conn, task.claim, None) as change:
                ledger.mark(conn, max(line.number for line in done), "replayed")
                for line in set(left.nobody) & set(done):
                    change.record(
                        "finding",
                        "gdpr.replayed",
                        "nobody here",
                        counts={"line": line.number, "compared": left.compared},
                        reference=line.reference,
                    )
        fence.look(conn, task.system)
