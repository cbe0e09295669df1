"""A job: what the daemon schedules and a person can run, with the rules of its running."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome
from lifecycle.system import System

CatchUp = Literal["last", "all", "none"]


@dataclass(frozen=True, slots=True)
class Job:
    """One verb of one room, named `<room>.<verb>`.

    `catch_up` says what happens to slots nobody ran: `last` runs the newest and marks the others missed,
    `all` runs each, `none` marks all of them missed. A slot later than `max_lateness` is never run.
    `retry_safe` jobs are run again when their worker is lost; the others end in state `lost` with an alert.
    """

    name: str
    why: str
    cron: str
    carry_out: Callable[[System, Claim, datetime], Outcome]
    limit: timedelta = timedelta(hours=1)
    catch_up: CatchUp = "last"
    max_lateness: timedelta = timedelta(days=2)
    retry_safe: bool = True

    def at(self, cron: str) -> "Job":
        """Return this job on another schedule."""
        return replace(self, cron=cron)
