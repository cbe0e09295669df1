"""Figures for Prometheus, computed when they are asked for: from the ledger, the policy and the daemon's state.

Names end in their unit. One generic alert rule serves all jobs: `time() - last_success > expected_interval`.
Labels are systems, jobs and states, never anything of a person. A database that does not answer makes
`lifecycle_up` 0 and hides nothing of the others.
"""

from collections.abc import Iterator
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import __version__, clock, cron, rooms, unexpected
from lifecycle.ledger import alerts, standing
from lifecycle.policy import whole
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System
from lifecycle.watch import statements
from lifecycle.watch.check import expected_interval

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_GAUGES = {
    "up": "1 when the system's ledger could be read for these figures.",
    "job_last_success_timestamp_seconds": "When the job last passed.",
    "job_last_run_state": "1 for the state (or verdict) of the job's newest run.",
    "job_duration_seconds": "How long the job's last finished run took.",
    "job_next_run_timestamp_seconds": "The job's next slot.",
    "job_expected_interval_seconds": "The longest pause between two slots of the job's schedule.",
    "job_paused": "1 while the job's schedule is paused.",
    "runs_queued": "Runs that wait.",
    "runs_running": "Runs that are going on.",
    "alerts_undelivered": "Alerts that no channel has taken yet.",
    "erasure_requests_due": "Requests to be forgotten whose grace period is over and that are not completed.",
    "erasure_requests_overdue": "Requests to be forgotten that are past the legal deadline.",
    "scheduler_tick_timestamp_seconds": "When this daemon last looked what is due.",
    "clock_skew_seconds": "This host's clock minus the database's.",
    "build_info": "1, with the version.",
}
_COUNTERS = {
    "job_missed": "Slots of the job that nobody ran.",
    "job_lost": "Runs of the job whose process was lost.",
}
_LABELS = {
    "job_last_run_state": ("system", "job", "state"),
    "build_info": ("version",),
}


class Figures:
    """The families of one scrape, filled by name."""

    def __init__(self) -> None:
        self.families: dict[str, Metric] = {}
        for name, help_text in _GAUGES.items():
            self.families[name] = GaugeMetricFamily(
                f"lifecycle_{name}", help_text, labels=_labels(name)
            )
        for name, help_text in _COUNTERS.items():
            self.families[name] = CounterMetricFamily(
                f"lifecycle_{name}", help_text, labels=_labels(name)
            )

    def add(self, name: str, labels: tuple[str, ...], value: float | datetime | None) -> None:
        """Add one value; an instant counts in seconds since 1970, and nothing is left out."""
        if value is None:
            return
        number = value.timestamp() if isinstance(value, datetime) else float(value)
        family = self.families[name]
        assert isinstance(family, GaugeMetricFamily | CounterMetricFamily)
        family.add_metric(labels, number)


def _labels(name: str) -> tuple[str, ...]:
    return _LABELS.get(name, ("system", "job") if name.startswith("job_") else ("system",))


class _Scrape(Collector):
    def __init__(self, state: DaemonState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        figures = Figures()
        figures.add("build_info", (__version__,), 1)
        now = clock.now()
        for system in self._state.systems:
            name = (system.name,)
            figures.add(
                "scheduler_tick_timestamp_seconds", name, self._state.last_tick.get(system.name)
            )
            figures.add("clock_skew_seconds", name, self._state.skew.get(system.name))
            figures.add("up", name, _of_system(figures, system, now))
        yield from figures.families.values()


def render(state: DaemonState) -> bytes:
    """Return all figures in Prometheus' text format. Each statement has a limit of 5 seconds."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(state))
    return generate_latest(registry)


def _of_system(figures: Figures, system: System, now: datetime) -> int:
    """Add one system's figures; return 1, or 0 when its database could not be asked."""
    try:
        _of_schedules(figures, system, now)
        with system.connect("metrics", write=False) as conn:
            conn.execute(statements.SCRAPE_LIMITS)
            _of_ledger(figures, system, conn)
            _of_requests(figures, system, conn, now)
    except Exception as error:  # noqa: BLE001 - one system's trouble must not hide the others' figures
        why = unexpected.explain(error)
        structlog.get_logger().warning("metrics.not_read", system=system.name, error=why.what)
        return 0
    return 1


def _of_schedules(figures: Figures, system: System, now: datetime) -> None:
    zone = system.policy.timezone
    for job in rooms.jobs(system.policy):
        labels = (system.name, job.name)
        figures.add("job_next_run_timestamp_seconds", labels, cron.next_slot(job.cron, zone, now))
        pause = expected_interval(job.cron, zone, now)
        figures.add("job_expected_interval_seconds", labels, pause.total_seconds())


def _of_ledger(figures: Figures, system: System, conn: Connection[TupleRow]) -> None:
    known = standing.read(conn, system.name)
    for job, found in known.items():
        labels = (system.name, job)
        figures.add("job_last_success_timestamp_seconds", labels, found.succeeded)
        figures.add("job_duration_seconds", labels, found.seconds)
        figures.add("job_paused", labels, int(found.paused))
        figures.add("job_missed", labels, found.missed)
        figures.add("job_lost", labels, found.lost)
        state = found.verdict or found.state
        if state:
            figures.add("job_last_run_state", (*labels, state), 1)
    name = (system.name,)
    figures.add("runs_queued", name, sum(found.queued for found in known.values()))
    figures.add("runs_running", name, sum(found.running for found in known.values()))
    figures.add("alerts_undelivered", name, alerts.standing(conn, system.name).count)


def _of_requests(
    figures: Figures, system: System, conn: Connection[TupleRow], now: datetime
) -> None:
    erasure = whole.named(system.policy, "erasure")
    if erasure is None:
        return
    states = erasure.requests.states
    values = {
        "now": now,
        "cutoff": erasure.deadline.before(now),
        "open": [states.pending, states.processing],
    }
    row = conn.execute(statements.requests_due(erasure.requests), values).fetchone()
    assert row is not None
    figures.add("erasure_requests_due", (system.name,), row[0])
    figures.add("erasure_requests_overdue", (system.name,), row[1])
