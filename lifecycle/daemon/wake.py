"""The alarm clock: APScheduler with a memory job store, and a trigger that knows Debian's cron.

It rings, and nothing more: what is due, the ledger says. A ring that is late, lost or doubled does no harm, as each
tick looks at everything since the last one.
"""

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from apscheduler.executors.base import (  # pyright: ignore[reportMissingTypeStubs]
    BaseExecutor,
    run_job,  # pyright: ignore[reportUnknownVariableType]
)
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


class Threads(BaseExecutor):
    """A thread for each call, which holds up neither another call nor the end of the process.

    APScheduler's own pool is waited for when the process ends, and a call that hangs takes one of its threads.
    """

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        threading.Thread(target=self._call, args=(job, run_times), name=job.id, daemon=True).start()

    def _call(self, job: Any, run_times: Any) -> None:
        # As APScheduler's own executors do; it has no types, and no public names for this.
        own, run = cast("Any", self), cast("Any", run_job)
        try:
            events = run(job, job._jobstore_alias, run_times, "apscheduler")  # noqa: SLF001
        except BaseException:  # noqa: BLE001
            own._run_job_error(job.id, *sys.exc_info()[1:])  # noqa: SLF001
        else:
            own._run_job_success(job.id, events)  # noqa: SLF001


class Alarm:
    """Calls functions in threads of their own: every so often, and at slots."""

    def __init__(self) -> None:
        self._scheduler: Any = BackgroundScheduler(
            timezone=UTC,
            executors={"default": Threads()},
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

    def ring_all_now(self, now: datetime) -> None:
        """Call everything now that comes every so often: a clock that was put back leaves alarms in the future."""
        for job in self._scheduler.get_jobs():
            if not isinstance(job.trigger, CronTrigger):
                self._scheduler.modify_job(job.id, next_run_time=now)

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more. Does not wait for a call that is under way."""
        self._scheduler.shutdown(wait=False)
