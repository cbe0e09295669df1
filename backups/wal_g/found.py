"""What a drill has come to know so far, in figures and in a sentence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backups.timings import Timings
from backups.wal_g import measured
from backups.wal_g.listing import Backup, Chosen
from backups.wal_g.record import Recorded
from backups.wal_g.turn import Which
from backups.wal_g.watch.known import Known
from lifecycle.coverage import Looks, Reason
from lifecycle.outcome import Failure, headline
from lifecycle.words import counted

_TURNS: Mapping[Which, str] = {
    "oldest": "oldest point that can be come back to",
    "random": "one that was drawn by its slot",
    "delta": "newest delta",
}


@dataclass(slots=True)
class Found:
    """What a drill has come to know so far."""

    looks: Looks = field(default_factory=Looks)
    timings: Timings = field(default_factory=Timings)
    recorded: Recorded | None = None
    chosen: Chosen | None = None
    latest: Backup | None = None
    backups: tuple[Backup, ...] = ()
    known: tuple[Known, ...] = ()
    rows: int | None = None
    reason: Reason | None = None
    program: str | None = None
    turn: Which | None = None


def target(found: Found) -> str:
    """Return what the drill is of."""
    return found.chosen.backup.backup_name if found.chosen else "the archive"


def counts(found: Found, now: datetime) -> dict[str, int]:
    """Return what was counted and measured. What lies before the newest point says nothing of an rpo."""
    told = dict(found.timings.counts)
    if found.chosen is not None:
        told["bytes"] = found.chosen.size
        told["age_minutes"] = round((now - found.chosen.backup.finish_time) / timedelta(minutes=1))
    if found.recorded is not None and found.turn is None:
        told["archived_ms"] = found.recorded.archived_ms
        if (way := measured.on_its_way(found.recorded)) is not None:
            told["rpo_ms"] = round(way / timedelta(milliseconds=1))
    if found.rows is not None:
        told |= {"rows": found.rows, "brought_back_ms": measured.brought_back(found.timings)}
    return told


def summary(found: Found, failures: tuple[Failure, ...]) -> str:
    """Return it in a sentence, by what was found first."""
    if failures:
        return headline(failures)
    if found.reason is not None or found.recorded is None or found.rows is None:
        return f"{target(found)}: {found.reason.why if found.reason else 'not found'}"
    took = timedelta(milliseconds=measured.brought_back(found.timings))
    said = (
        f"{target(found)} was recovered to {found.recorded.point.name} in {took}: "
        f"{counted(len(found.recorded.tables), 'table')} with {counted(found.rows, 'row')} equal what the point held"
    )
    if found.turn is not None:
        said += f"; drilled as the {_TURNS[found.turn]}"
    elif found.latest is not None and found.chosen and found.latest != found.chosen.backup:
        said += f"; WAL-G's LATEST is another, {found.latest.backup_name}"
    return said
