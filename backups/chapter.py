"""The dumps that were stored in a period, and the drills that restored one. Pure."""

from collections.abc import Mapping
from typing import Any

from lifecycle.chapter import Bars, Chapter, Column, Facts, Level, Table, mark, text
from lifecycle.words import counted

PHASES = ("select", "download", "checksum", "decrypt", "read", "server", "restore", "compare")
"""What a drill does, in this order."""

_NOT_PROVEN = (
    "That copies made before an erasure are gone: older dumps hold the person until the bucket's rules expire them.",
    (
        "That a full recovery meets a time objective: a drill restores the newest dump on this machine, not the "
        "production server on its own."
    ),
)
_DUMP = (
    Column("target", "Dump", "name"),
    Column("at", "stored", "instant"),
    Column("counts", "counted", "counts"),
    Column("digest", "SHA-256", "name"),
)
_DRILL = (
    Column("target", "Drill of", "name"),
    Column("at", "ended", "instant"),
    Column("result", "result", "mark"),
    Column("run", "run"),
)


def chapter(facts: Facts, _own: Mapping[str, Any]) -> Chapter:
    """Return each dump and each drill; a drill found tables equal only where it compared and found nothing."""
    dumps = _lines(facts, "backups.dumped", "outcome")
    drills: tuple[dict[str, Any], ...] = tuple(
        drill | {"equal": _equal(drill["counts"]), "result": _result(drill["counts"])}
        for drill in _lines(facts, "backups.drilled", "finding")
    )
    equal = sum(bool(drill["equal"]) for drill in drills)
    return Chapter(
        "backups",
        "Copies, and the proof that they restore",
        f"{counted(len(dumps), 'dump was', 'dumps were')} stored. "
        f"{counted(len(drills), 'drill was', 'drills were')} made to restore one; "
        f"{equal} found every table equal to its snapshot.",
        (
            Table("dumps", "Dumps", _DUMP, dumps, "No dump was stored in this period."),
            Table("drills", "Drills", _DRILL, drills, "No dump was restored in this period."),
            *(_phases(drill) for drill in drills),
        ),
        "warn" if equal < len(drills) else None,
        _NOT_PROVEN,
    )


def _lines(facts: Facts, event: str, kind: str) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "target": line.target,
            "at": text(line.at),
            "run": line.run,
            "digest": line.digest,
            "counts": line.counts,
        }
        for line in facts.evidence
        if line.event == event and line.kind == kind
    )


def _equal(counts: Mapping[str, int]) -> bool:
    return "rows" in counts and not counts.get("findings")


def _result(counts: Mapping[str, int]) -> dict[str, str]:
    level: Level
    if counts.get("findings"):
        level, said = "bad", f"{counted(counts['findings'], 'finding')}: see the run"
    elif not _equal(counts):
        level, said = "warn", "not compared: the drill ended before the comparison; see the run"
    else:
        tables, rows = counted(counts.get("tables", 0), "table"), counted(counts["rows"], "row")
        level, said = "good", f"equal in {tables} with {rows}, by count and by content"
    return mark(level, said)


def _phases(drill: Mapping[str, Any]) -> Bars:
    parts = tuple((name, drill["counts"].get(f"{name}_ms", 0)) for name in PHASES)
    return Bars("phases", f"How long the drill of {drill['target']} took", parts)
