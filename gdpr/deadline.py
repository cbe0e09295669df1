"""When a request is due, and when the law says that it should have been answered. Pure.

Two clocks run from the moment a person asks: the grace period, in which they may change their mind, and the
legal deadline (GDPR Art. 12(3): one month, and at most two more where the person was told why). Both are instants
handed in; nothing here reads a clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle.config.span import Span

NEAR = timedelta(days=3)
"""From this long before its deadline on, an open request is worth a word."""


@dataclass(frozen=True, slots=True)
class Open:
    """One request that is not answered. `request` is the application's own id, `reference` what may be shown.

    `legal`: how long the law gives, `extended_to`: until when somebody has given it more. `begun`: part of the person
    may be gone already, whatever its status says. `verified`: it is established that the person themselves asked.
    """

    request: str = field(repr=False)
    reference: str
    person: str | None = field(repr=False)
    processing: bool
    requested: datetime
    due: datetime
    grace: Span
    legal: Span
    begun: bool = False
    extended_to: datetime | None = None
    verified: bool = True

    @property
    def deadline(self) -> datetime:
        """Return when the law says that it should have been answered."""
        return self.extended_to or self.legal.after(self.requested)

    def ready(self, now: datetime) -> bool:
        """Say whether there is something to do: its grace has ended, or it was begun.

        The application's word (`due`) counts only where it is not earlier than the policy's grace.
        """
        if self.processing or self.begun:
            return True
        return self.verified and max(self.due, self.grace.after(self.requested)) <= now

    def could_be_answered(self, now: datetime) -> bool:
        """Say whether its grace has ended, whatever longer time the application's word gives it.

        Whoever's identity nobody has established by then has not been answered either (Art. 12(6)).
        """
        return self.ready(now) or self.grace.after(self.requested) <= now


def of_closed(
    asked: datetime | None, legal: Span, longer: Iterable[tuple[datetime | None, datetime | None]]
) -> datetime | None:
    """Return when the law says that a request should have been answered that is not open any more.

    `longer`: of each record of its number when that was made, and until when it was given more time, if it was.
    """
    if asked is None:
        return None
    return next((to for made, to in longer if to and made == asked), None) or legal.after(asked)


def overdue(requests: Iterable[Open], now: datetime) -> tuple[Open, ...]:
    """Return the requests that could have been answered and whose legal deadline has passed.

    The law does not ask until when the application put a request off.
    """
    return tuple(r for r in requests if r.deadline < now and r.could_be_answered(now))


def soon(requests: Iterable[Open], now: datetime) -> tuple[Open, ...]:
    """Return the requests whose legal deadline comes within NEAR."""
    return tuple(r for r in requests if now <= r.deadline <= now + NEAR)


def still_in_grace(requests: Iterable[Open], now: datetime) -> tuple[Open, ...]:
    """Return the requests whose deadline has passed before their grace has ended.

    30 days from 31 January end on 2 March, one month on 28 February: nothing may be done and it is late.
    """
    return tuple(r for r in requests if r.deadline < now and not r.could_be_answered(now))
