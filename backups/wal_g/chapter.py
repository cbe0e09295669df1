"""How often one came back with WAL-G in a period, how long it takes, and which way that goes over the last year."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from backups import history
from backups.history import Drilled
from backups.section import SECTION, Backups
from lifecycle.chapter import Chapter, Column, Dot, Facts, Level, Table, Trend, mark, text
from lifecycle.outcome import Verdict
from lifecycle.system import System
from lifecycle.words import counted

SHOWN = 60
"""How many drills a drawing goes back: one a week for more than a year."""

_DRILL = (
    Column("at", "Ended", "instant"),
    Column("result", "result", "mark"),
    Column("rto", "until a copy answered"),
    Column("rpo", "could have been lost"),
    Column("promises", "promises"),
    Column("run", "run"),
)
_NOT_PROVEN = (
    "That production's own server would take as long to come back: a drill runs on the machine of the daemon.",
)


def gather(
    conn: Connection[TupleRow], system: System, _since: datetime, to: datetime
) -> dict[str, Any]:
    """Return the newest drills that had ended by then, of before the period, too, and what is promised of them."""
    promised = SECTION.of(system.policy)
    runs = [run for run in history.read(conn, system.name, SHOWN) if (run.finished_at or to) <= to]
    return {"drills": history.tell(runs, promised), "promised": promised}


def chapter(facts: Facts, own: Mapping[str, Any]) -> Chapter:
    """Return the drills of the period, and a drawing of what was measured by all that are known."""
    promised: Backups = own.get("promised", Backups())
    drills: Sequence[Drilled] = own.get("drills", ())
    walg = [one for one in drills if one.of == "WAL-G"]
    title = "Coming back to a point in time"
    trends = tuple(_trends(drills, promised))
    if promised.wal_g is None and not walg:
        return Chapter("wal_g", title, "The policy promises nothing of WAL-G.", trends)
    here = [one for one in walg if facts.since <= one.at < facts.to]
    passed = sum(one.ended == Verdict.PASS for one in here)
    sentence = (
        f"{counted(len(here), 'drill was', 'drills were')} made to come back to a point in time; {passed} proved that "
        "every table was as it was there."
    )
    rows = tuple(_row(one) for one in here)
    table = Table("recoveries", "Drills", _DRILL, rows, "Nobody came back to a point in time.")
    level: Level | None = "warn" if passed < len(here) else None
    return Chapter("wal_g", title, sentence, (table, *trends), level, _NOT_PROVEN)


def _trends(drills: Sequence[Drilled], promised: Backups) -> list[Trend]:
    """Return a drawing of each kind of time that was measured more than once."""
    walg = promised.wal_g
    rto = round(walg.rto.at_least() / timedelta(milliseconds=1)) if walg else None
    rpo = round(walg.rpo.at_least() / timedelta(milliseconds=1)) if walg else None
    wanted = (
        ("rto", "WAL-G: until a copy answered (RTO)", "WAL-G", "rto", rto),
        ("rpo", "WAL-G: what could have been lost (RPO)", "WAL-G", "rpo", rpo),
        ("dump_rto", "Newest dump: until a copy answered", "dump", "rto", None),
    )
    found = list[Trend]()
    for key, title, of, name, limit in wanted:
        dots = tuple(_dots([one for one in drills if one.of == of], name))
        if dots[1:]:
            found.append(Trend(key, title, dots, limit))
    return found


def _dots(drills: Sequence[Drilled], name: str) -> list[Dot]:
    measured = [(one, getattr(one, name)) for one in reversed(drills)]
    return [
        Dot(
            text(one.at) or "",
            round(took / timedelta(milliseconds=1)),
            "good" if one.ended == Verdict.PASS else "bad",
        )
        for one, took in measured
        if took is not None
    ]


def _row(one: Drilled) -> dict[str, Any]:
    passed = one.ended == Verdict.PASS
    return {
        "run": one.run,
        "at": text(one.at),
        "result": mark("good" if passed else "bad", one.ended),
        "rto": str(one.rto) if one.rto is not None else None,
        "rpo": str(one.rpo) if one.rpo is not None else None,
        "promises": None if one.kept is None else "kept" if one.kept else "broken",
    }
