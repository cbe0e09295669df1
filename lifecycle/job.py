"""A job: what the daemon schedules and a person can run, with the rules of its running."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from lifecycle.coverage import Judgement
from lifecycle.promise import Promise, Task

CatchUp = Literal["last", "all", "none"]


@dataclass(frozen=True, slots=True)
class Job:
    """One verb of one room, named `<room>.<verb>`.

    `catch_up` says what happens to slots nobody ran: `last` runs the newest and marks the others missed,
    `all` runs each, `none` marks all of them missed. A slot later than `max_lateness` is never run.
    `retry_safe` jobs are run again when their worker is lost; the others end in state `lost` with an alert.
    `work` is a promise to keep, or for what plans nothing (a dump, a report) one function. What `spreads` carries rows
    out of the database, or ends some by what it knows of people: it does not begin while a fence stands (`fence.py`).
    """

    name: str
    why: str
    cron: str
    work: Promise[Any, Any, Any] | Callable[[Task], Judgement]
    limit: timedelta = timedelta(hours=1)
    catch_up: CatchUp = "last"
    max_lateness: timedelta = timedelta(days=2)
    retry_safe: bool = True
    spreads: bool = False

    def at(self, cron: str) -> "Job":
        """Return this job on another schedule."""
        return replace(self, cron=cron)
