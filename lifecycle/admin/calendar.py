"""What `doctor` says about the calendar: jobs in an hour that a zone skips in spring and has twice in autumn."""

from collections.abc import Iterator
from datetime import timedelta

from lifecycle import clock, cron, rooms
from lifecycle.admin.finding import Finding, fine, not_asked, unknown
from lifecycle.system import System


def clock_changes(system: System) -> Iterator[Finding]:
    """Look at every job of the coming year."""
    label, zone = f"{system.name}: clock changes", system.policy.timezone
    risky = [
        (job.name, local)
        for job in rooms.jobs(system.policy)
        if (local := _in_a_risky_hour(job.cron, zone)) is not None
    ]
    for name, local in risky:
        yield unknown(
            label,
            f"{name} is due at {local} in {zone}, an hour that is skipped in spring and comes twice in autumn",
            "It then runs right after the gap, and once in autumn: an hour off what somebody may expect.",
            f"Under `schedule:` move {name} out of that hour, or set `timezone: UTC`.",
        )
    if not rooms.jobs(system.policy):
        yield not_asked(label, "the policy schedules no job")
    elif not risky:
        yield fine(label, f"no job is due in an hour that {zone} skips or repeats")


def _in_a_risky_hour(expression: str, zone: str) -> str | None:
    """Return the wall-clock time of a slot that some day of the coming year skips or has twice, if there is one."""
    here, today = cron.zone(zone), clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (today + timedelta(days=number) for number in range(1, 367)):
        if not cron.changes_clock(day, zone):
            continue
        # Read on the wall: in UTC every hour of the day is there once.
        for slot in cron.slots(expression, "UTC", day, day + timedelta(days=1)):
            wall = slot.replace(tzinfo=here)
            if wall.utcoffset() != wall.replace(fold=1).utcoffset():
                return f"{wall:%H:%M}"
    return None
