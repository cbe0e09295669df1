"""The alarm clock: APScheduler with a memory job store, and a trigger that knows Debian's cron.

It rings, and nothing more: what is due, the ledger says. A ring that is late, lost or doubled does no harm, as each
tick looks at everything since the last one.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.schedulers.background import BackgroundScheduler  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.triggers.base import BaseTrigger  # pyright: ignore[reportMissingTypeStubs]

from lifecycle import cron


class CronTrigger(BaseTrigger):
    """Rings at each slot of a cron expression in a time zone."""

    def __init__(self, expression: str, timezone: str) -> None:
        self.expression = expression
        self.timezone = timezone

    def get_next_fire_time(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the next slot after both instants; at the very first, `now` itself may be one."""
        after = now.astimezone(UTC)
        if previous_fire_time is None:
            return cron.next_slot(self.expression, self.timezone, after - timedelta(microseconds=1))
        previous = previous_fire_time.astimezone(UTC)
        return cron.next_slot(self.expression, self.timezone, max(after, previous))


class Alarm:
    """Calls functions in threads of its own: every so often, and at slots."""

    def __init__(self, threads: int) -> None:
        self._scheduler: Any = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            # The defaults drop a job that is one second late.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def every(
        self, name: str, interval: timedelta, now: datetime, call: Callable[[], None]
    ) -> None:
        """Call at once and then every `interval`."""
        seconds = interval.total_seconds()
        self._scheduler.add_job(call, "interval", seconds=seconds, id=name, next_run_time=now)

    def at_slots(self, name: str, expression: str, timezone: str, call: Callable[[], None]) -> None:
        """Call at each slot."""
        self._scheduler.add_job(call, CronTrigger(expression, timezone), id=name)

    def ring_now(self, name: str, now: datetime) -> None:
        """Call it now, whenever it would be due: a clock that was put back leaves alarms in the future."""
        self._scheduler.modify_job(name, next_run_time=now)

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more. Does not wait for a call that is under way."""
        self._scheduler.shutdown(wait=False)
