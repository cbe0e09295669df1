"""Raises the alarm when a system's database cannot be reached or written, by another way than that database.

An alert is a row of it, so none can be written there. This one is made from memory and goes straight through the
channels: once when a system has been dark for some ticks, once a day as long as it stays so, and once when it is back.
What changes at about the same time is one message: ten databases of one dead host are one call at night.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle import clock, show
from lifecycle.ledger.alert import Alert
from lifecycle.logger import get_logger
from lifecycle.schedule.breaker import Dark
from lifecycle.schedule.state import DaemonState
from lifecycle.watch import alert

TICKS = 3
"""How many ticks a system is dark before anybody is called: a restart of PostgreSQL takes less."""

GAP = 4
"""How many ticks lie between two messages at least; what happens meanwhile waits for the next one."""

REMINDER = timedelta(days=1)

log = get_logger("lifecycle.watch")


@dataclass(slots=True)
class Told:
    """What this process has said: of which systems, when, and when it last tried to."""

    dark: dict[str, Dark] = field(default_factory=dict[str, Dark])
    at: datetime | None = None
    tried: float | None = None


def decide(
    told: Told, dark: Mapping[str, Dark], every: timedelta, now: datetime
) -> tuple[dict[str, Dark], dict[str, Dark]]:
    """Return the systems to be called dark now, and those to be called well again; two empty ones for silence. Pure.

    Once somebody is called, every system that is dark is named, however short it has been so.
    """
    back = {name: was for name, was in told.dark.items() if name not in dark}
    new = [
        d for name, d in dark.items() if name not in told.dark and now - d.since >= TICKS * every
    ]
    late = bool(dark and told.dark) and told.at is not None and now - told.at >= REMINDER
    return (dict(dark) if new or late else {}, back)


def raise_alarm(state: DaemonState, told: Told) -> None:
    """Say which systems have gone dark or are back, if there is something to say. Never raises for a channel."""
    machine = state.systems[0].machine
    every, now, moment = machine.daemon.tick.at_least(), clock.now(), clock.monotonic()
    if told.tried is not None and moment - told.tried < GAP * every.total_seconds():
        return
    dark = dict(state.dark_systems(now))
    gone, back = decide(told, dark, every, now)
    messages = [_gone(gone, now)] if gone else []
    messages += [_back(back, now)] if back else []
    if not messages or not machine.alerts.channels:
        return
    told.tried = moment
    heard = alert.send(machine.alerts, messages, stop=state.stop)
    if gone and heard.get(GONE):
        told.dark |= gone
        told.at = now
    if back and heard.get(BACK):
        for name in back:
            del told.dark[name]


GONE, BACK = -1, -2
"""Numbers of messages that are no rows."""


def _gone(gone: Mapping[str, Dark], now: datetime) -> Alert:
    each = "; ".join(
        f"{name}: {dark.error.what}, since {show.cell(dark.since)}" for name, dark in gone.items()
    )
    message = (
        f"the daemon on {socket.gethostname()} cannot work with {_count(gone)}: {each}. "
        "Nothing runs there, and no alert can be written. Ask /readyz, or `lifecycle doctor`."
    )
    return Alert(GONE, ", ".join(gone), None, None, "dark", message, now)


def _back(back: Mapping[str, Dark], now: datetime) -> Alert:
    each = "; ".join(f"{name}, dark since {show.cell(dark.since)}" for name, dark in back.items())
    message = f"the daemon on {socket.gethostname()} works again with {_count(back)}: {each}"
    return Alert(BACK, ", ".join(back), None, None, "recovered", message, now)


def _count(systems: Mapping[str, Dark]) -> str:
    return f"{len(systems)} system{'' if len(systems) == 1 else 's'}"
