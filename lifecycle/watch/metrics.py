"""Figures for Prometheus, from what the daemon keeps in mind: nobody's scrape waits for a database.

Names end in their unit. One generic alert rule serves all jobs: `time() - last_success > expected_interval`.
Labels are systems, jobs, rooms and states, never anything of a person. A system that is dark has `lifecycle_up` 0; its
last figures stay, with their age. Those of rooms are declared by the rooms (`figure.py`).
"""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lifecycle import __version__, clock, cron, rooms
from lifecycle.figure import Figure
from lifecycle.schedule.state import DaemonState, Snapshot
from lifecycle.system import System
from lifecycle.watch.check import expected_interval

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_JOB = ("job",)
_GAUGES = (
    Figure("up", "1 while the system's database is reached and written to at every tick."),
    Figure("dark_since_timestamp_seconds", "Since when the system is dark, while it is."),
    Figure("fenced", "1 while rows of the system's database may not be read out."),
    Figure("scheduler_tick_timestamp_seconds", "When a tick last reached the system and wrote."),
    Figure("figures_timestamp_seconds", "When the system's figures were read."),
    Figure("room_figures_read", "1 when the room's figures could be read.", ("room",)),
    Figure(
        "job_last_success_timestamp_seconds",
        "When the job last ended with nothing found wrong and nothing in its way.",
        _JOB,
    ),
    Figure("job_registered_timestamp_seconds", "Since when the job is known.", _JOB),
    Figure(
        "job_last_run_state",
        "1 for the state (or verdict) of the job's newest run.",
        ("job", "state"),
    ),
    Figure("job_duration_seconds", "How long the job's last finished run took.", _JOB),
    Figure("job_next_run_timestamp_seconds", "The job's next slot.", _JOB),
    Figure("job_expected_interval_seconds", "The longest pause between two slots.", _JOB),
    Figure("job_paused", "1 while the job's schedule is paused.", _JOB),
    Figure("runs_queued", "Runs that wait."),
    Figure("runs_running", "Runs that are going on."),
    Figure("alerts_undelivered", "Alerts that no channel has taken yet."),
    Figure("clock_skew_seconds", "This host's clock minus the database's."),
)
_COUNTERS = (
    Figure("job_missed", "Slots of the job that nobody ran.", _JOB),
    Figure("job_lost", "Runs of the job whose process was lost.", _JOB),
)
_BUILD = Figure("build_info", "1, with the version.")


class Figures:
    """The families of one scrape, filled by name."""

    def __init__(self) -> None:
        told = [f for _, room in rooms.load("figures") for f in room.FIGURES]
        self.families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            **{f.name: _gauge(f, ("system", *f.labels)) for f in (*_GAUGES, *told)},
            **{
                f.name: CounterMetricFamily(
                    f"lifecycle_{f.name}", f.help, labels=("system", *f.labels)
                )
                for f in _COUNTERS
            },
            _BUILD.name: _gauge(_BUILD, ("version",)),
        }

    def add(self, name: str, labels: tuple[str, ...], value: float | datetime | None) -> None:
        """Add one value; an instant counts in seconds since 1970, and nothing is left out."""
        if value is None:
            return
        number = value.timestamp() if isinstance(value, datetime) else float(value)
        self.families[name].add_metric(labels, number)


def _gauge(figure: Figure, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"lifecycle_{figure.name}", figure.help, labels=labels)


class _Scrape(Collector):
    def __init__(self, state: DaemonState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        figures = Figures()
        figures.add("build_info", (__version__,), 1)
        now = clock.now()
        for system in self._state.systems:
            _of_daemon(figures, self._state, system, now)
            _of_schedules(figures, self._state, system, now)
            if kept := self._state.snapshots.get(system.name):
                _of_ledger(figures, system.name, kept)
                _of_rooms(figures, system.name, kept)
        yield from figures.families.values()


def render(state: DaemonState) -> bytes:
    """Return all figures in Prometheus' text format. Asks no database."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(state))
    return generate_latest(registry)


def _of_daemon(figures: Figures, state: DaemonState, system: System, now: datetime) -> None:
    name, dark = (system.name,), state.dark(system.name, now)
    figures.add("up", name, int(dark is None))
    figures.add("dark_since_timestamp_seconds", name, dark.since if dark else None)
    figures.add("fenced", name, int(bool(state.fences.get(system.name))))
    figures.add("scheduler_tick_timestamp_seconds", name, state.breakers[system.name].reached)
    figures.add("clock_skew_seconds", name, state.skew.get(system.name))


def _of_schedules(figures: Figures, state: DaemonState, system: System, now: datetime) -> None:
    zone = system.policy.timezone
    for job in state.jobs[system.name]:
        labels = (system.name, job.name)
        figures.add("job_next_run_timestamp_seconds", labels, cron.next_slot(job.cron, zone, now))
        pause = expected_interval(job.cron, zone, now)
        figures.add("job_expected_interval_seconds", labels, pause.total_seconds())


def _of_ledger(figures: Figures, system: str, kept: Snapshot) -> None:
    for job, found in kept.jobs.items():
        labels = (system, job)
        figures.add("job_last_success_timestamp_seconds", labels, found.succeeded)
        figures.add("job_registered_timestamp_seconds", labels, found.since)
        figures.add("job_duration_seconds", labels, found.seconds)
        figures.add("job_paused", labels, int(found.paused))
        figures.add("job_missed", labels, found.missed)
        figures.add("job_lost", labels, found.lost)
        state = found.verdict or found.state
        if state:
            figures.add("job_last_run_state", (*labels, state), 1)
    name = (system,)
    figures.add("figures_timestamp_seconds", name, kept.at)
    figures.add("runs_queued", name, sum(found.queued for found in kept.jobs.values()))
    figures.add("runs_running", name, sum(found.running for found in kept.jobs.values()))
    figures.add("alerts_undelivered", name, kept.undelivered)


def _of_rooms(figures: Figures, system: str, kept: Snapshot) -> None:
    for room, _ in rooms.load("figures"):
        figures.add("room_figures_read", (system, room), int(room not in kept.unread))
    for value in kept.values:
        figures.add(value.name, (system, *value.labels), value.value)
