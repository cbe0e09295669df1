"""Decides who is erased again, and who is not before somebody has looked. Pure.

Refused is whoever has the key of an erased person and goes by nothing that one went by: after a restore the next
number may have been given to somebody new. Who knows better names that one line, and so takes it upon himself.
"""

from collections.abc import Iterator
from datetime import datetime

from gdpr import plan
from gdpr.ledger import LEDGER, Line
from gdpr.plan import ErasureStep
from gdpr.replay.survey import Seen
from lifecycle.outcome import Failure
from lifecycle.plan import Decision
from lifecycle.policy.model import Policy
from lifecycle.words import counted

FOLLOW = "follow the ledger"


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[ErasureStep]:  # noqa: ARG001 - asked alike
    """Return what would be done for each line this database does not remember, and what is refused."""
    steps: list[ErasureStep] = []
    refusals: list[Failure] = [_strange(line) for line in seen.strange]
    for case in seen.cases:
        if case.request.reference in seen.others and not seen.chosen:
            refusals.append(_another(case.request.reference))
            continue
        if refused := plan.refusal(seen.reach, case):
            refusals.append(refused)
            continue
        steps += plan.steps_of(seen.reach, case)
    if seen.lines:
        steps.append(_follow(seen))
    facts = {
        "schema": seen.reach.catalog.digest[:16],
        "lines": str(len(seen.lines)),
        "seen": str(seen.first),
    }
    return Decision(tuple(steps), tuple(refusals), tuple(_notes(seen)), facts)


def _follow(seen: Seen) -> ErasureStep:
    last = max(line.number for line in seen.lines)
    reason = f"this database has followed it up to {seen.first}, and it goes on to {last}"
    cost = f"{counted(seen.compared, 'person was', 'people were')} compared with it"
    return ErasureStep(FOLLOW, LEDGER, reason, cost, "")


def _strange(line: Line) -> Failure:
    return Failure(
        f"line {line.number}",
        "it is not as our key wrote it, or is of people of another kind, so nobody can tell whom it means",
        "Bring the object's former version back, or take it away if it is not ours; then look again.",
    )


def _another(reference: str) -> Failure:
    return Failure(
        f"request {reference}",
        "who has that key now goes by nothing that the erased person went by: the key may have been given anew",
        f"If it is the same person, `lifecycle gdpr replay plan {reference}` plans this one. If not, give whoever has "
        "signed up since the restore another key.",
    )


def _notes(seen: Seen) -> Iterator[str]:
    if seen.nobody:
        who = counted(seen.compared, "person", "people")
        yield f"{counted(len(seen.nobody), 'line means', 'lines mean')} nobody here: {who} compared"
    if seen.chosen and seen.others:
        yield "whoever is meant goes by other names than the erased person; you have named the line"
    if not seen.lines:
        yield f"this database remembers every erasure that the ledger has, up to {seen.first}"
