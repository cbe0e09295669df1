"""Decides which months leave the ledger. Pure: the policy, what was seen and the moment in, a frozen plan out.

Whole months, by their age alone. The cap on rows does not hold for them: it is for the application's rows, of which
there is no other copy.
"""

from dataclasses import dataclass
from datetime import date, datetime

from lifecycle.outcome import Failure
from lifecycle.plan import Decision, Step
from lifecycle.policy.model import Policy
from lifecycle.records import age
from lifecycle.records.section import SECTION
from lifecycle.records.survey import Seen
from lifecycle.words import counted

TORN = "Nothing of ours takes it before it was exported: look at the server's log who did, and at the backups."
"""What to do about a month of which something is missing."""

UNTOLD = "Run `lifecycle init` again: what the policy says of it counts once an administrator has told the database."
"""What to do where the policy keeps the ledger for another time than the database was told."""


@dataclass(frozen=True, slots=True)
class RetireMonth(Step):
    """Export the month that begins on this day, read the export back, and drop the month."""

    first: date


def decide(policy: Policy, seen: Seen, now: datetime) -> Decision[RetireMonth]:
    """Return the months over age, each as a step, or refused where it could not be exported or dropped."""
    records = SECTION.of(policy)
    wanted = [first for first in seen.over_age if seen.only in (None, age.name(first))]
    if seen.lacking is not None:
        why = f"it is kept longer than {records.keep}: {seen.lacking.what}"
        hint = f"{seen.lacking.hint} Nothing is dropped that was not exported."
        return Decision((), tuple(Failure(age.name(first), why, hint) for first in wanted))
    torn = tuple(
        Failure(age.name(first), seen.torn[first], TORN) for first in wanted if first in seen.torn
    )
    whole = [first for first in wanted if first not in seen.torn]
    held = {first for first in whole if not seen.kept_for or age.leaves(first, seen.kept_for) > now}
    told = f"the database was told to keep it for {seen.kept_for or 'ever'}, not {records.keep}"
    early = tuple(Failure(age.name(first), told, UNTOLD) for first in whole if first in held)
    reason = f"kept for {records.keep}"
    steps = (_step(first, seen, reason) for first in whole if first not in held)
    return Decision(tuple(steps), torn + early)


def _step(first: date, seen: Seen, reason: str) -> RetireMonth:
    holds = seen.over_age[first]
    return RetireMonth(
        verb="export and drop month",
        target=age.name(first),
        reason=reason,
        cost=f"{counted(holds['runs'], 'run')}, {counted(holds['attempts'], 'attempt')}, "
        f"{counted(holds['evidence'], 'line')} of evidence, {counted(holds['alerts'], 'alert')}",
        first=first,
    )
