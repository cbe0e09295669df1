"""Drills over time: how long each took until a copy answered, what could have been lost, and which way that goes.

Read of the ledger's runs, so that a drill that failed, or was lost, stands there too. Pure, but for `read`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow

from backups.chapter import PHASES
from backups.section import Backups
from backups.wal_g.measured import BROUGHT_BACK
from backups.wal_g.words import WalG
from lifecycle.ledger import reading
from lifecycle.ledger.reading import Run
from lifecycle.outcome import Verdict

Of = Literal["dump", "WAL-G", "older WAL-G"]

JOBS: Mapping[str, Of] = {
    "backups.drill": "dump",
    "backups.drill_kept": "dump",
    "backups.recover": "WAL-G",
    "backups.recover_kept": "older WAL-G",
}
"""The jobs that drill, and what each brings back."""

BEFORE = 5
"""How many drills before it one is held against."""

PHASES_OF: Mapping[Of, tuple[str, ...]] = {
    "dump": PHASES,
    "WAL-G": ("preflight", *BROUGHT_BACK, "compare", "checksums"),
    "older WAL-G": ("preflight", *BROUGHT_BACK, "compare", "checksums"),
}
_UNTIL_IT_ANSWERS = ("select", "download", "checksum", "decrypt", "server", "restore")
"""The phases of a dump's drill after which a copy answers; to read and to compare it is the drill's own work."""


@dataclass(frozen=True, slots=True)
class Drilled:
    """One drill. `rto` and `rpo` are None where it did not come so far, or that could not be measured.

    `rto`: until a copy answered. `rpo`: for WAL-G the longest that what is written is on its way into the archive,
    for a dump its age when it was drilled. `slower`: the rto by the median of up to BEFORE drills before it.
    `kept`: whether both are within what the policy promises today; None where it promises nothing of it, and where
    the drill did not pass: times of a copy that is not proven keep no promise.
    """

    run: int
    at: datetime
    of: Of
    ended: str
    rto: timedelta | None
    rpo: timedelta | None
    phases: Mapping[str, int]
    slower: float | None
    kept: bool | None


def read(conn: Connection[TupleRow], system: str, count: int) -> tuple[Run, ...]:
    """Return the newest `count` runs of each job that drills, those that have ended in whatever way."""
    return tuple(
        run for job in JOBS for run in reading.newest_ended(conn, system, job, count=count)
    )


def tell(runs: Sequence[Run], promised: Backups) -> tuple[Drilled, ...]:
    """Return each drill with its figures, the newest first."""
    found: list[Drilled] = []
    for job, of in JOBS.items():
        before: list[timedelta] = []
        for run in sorted((run for run in runs if run.job == job), key=_when):
            found.append(_drilled(run, of, promised.wal_g, before))
            if (took := found[-1].rto) is not None:
                before = [*before, took][-BEFORE:]
    return tuple(sorted(found, key=lambda drilled: (drilled.at, drilled.run), reverse=True))


def never(drills: Sequence[Drilled], promised: Backups) -> tuple[Of, ...]:
    """Return what the policy promises, and of which no drill here passed."""
    asked: dict[Of, object] = {"dump": promised.dumps, "WAL-G": promised.wal_g}
    proven = {drilled.of for drilled in drills if drilled.ended == Verdict.PASS}
    return tuple(of for of, section in asked.items() if section is not None and of not in proven)


def _when(run: Run) -> datetime:
    return run.finished_at or run.scheduled_for


def _drilled(run: Run, of: Of, promised: WalG | None, before: Sequence[timedelta]) -> Drilled:
    counts = run.counts
    phases = {
        name: counts[f"{name}_ms"] for name in PHASES_OF[of] if counts.get(f"{name}_ms") is not None
    }
    rto, rpo = _rto(of, counts), _rpo(of, counts)
    usual = median(one.total_seconds() for one in before) if before else None
    return Drilled(
        run.id,
        _when(run),
        of,
        run.verdict or run.state,
        rto,
        rpo,
        phases,
        round(rto.total_seconds() / usual - 1, 3) if rto is not None and usual else None,
        _kept(promised, run, rto, rpo) if of == "WAL-G" else None,
    )


def _rto(of: Of, counts: Mapping[str, int]) -> timedelta | None:
    """Return how long it took until a copy answered; None where none did: rows are counted in a copy alone."""
    if "rows" not in counts:
        return None
    names = _UNTIL_IT_ANSWERS if of == "dump" else BROUGHT_BACK
    return timedelta(milliseconds=sum(counts.get(f"{name}_ms", 0) for name in names))


def _rpo(of: Of, counts: Mapping[str, int]) -> timedelta | None:
    if of != "dump":
        return timedelta(milliseconds=counts["rpo_ms"]) if "rpo_ms" in counts else None
    return timedelta(minutes=counts["age_minutes"]) if "age_minutes" in counts else None


def _kept(
    promised: WalG | None, run: Run, rto: timedelta | None, rpo: timedelta | None
) -> bool | None:
    if promised is None:
        return None
    slow = rto is not None and rto > promised.rto.at_least()
    if slow or (rpo is not None and rpo > promised.rpo.at_least()):
        return False
    return True if run.verdict == Verdict.PASS and rto is not None and rpo is not None else None
