"""What a room tells people in the compliance report: a chapter of plain values, which JSON and page write alike.

A room's `chapter.py` has

    chapter(facts, own)              returns its Chapter of the period; pure
    gather(conn, system, since, to)  returns `own`, what it must read itself, in the report's snapshot; may be left out

Never anything of a person: counts, instants, names of tables, keyed references.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from lifecycle.ledger.reading import Evidence, Run
from lifecycle.schedule.expected import Expected

Kind = Literal["text", "name", "count", "alarm", "counts", "instant", "mark"]
"""How a page shows a value: an `alarm` is a count that should be 0, `counts` a mapping of them, `mark` a Mark."""

Level = Literal["bad", "warn", "open", "good", "quiet"]
"""How grave something is; `quiet` says that nothing is known of it, or that nothing was asked."""


class Column(NamedTuple):
    """One value of each row that a page shows."""

    key: str
    title: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain values by key. The JSON has all of them, the page those that a column names."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    nothing: str = "Nothing in this period."

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "kind": "table",
            "key": self.key,
            "title": self.title,
            "columns": [column._asdict() for column in self.columns],
            "rows": [dict(row) for row in self.rows],
            "nothing": self.nothing,
        }


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence that stands for itself."""

    key: str
    text: str
    level: Level | None = None

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"kind": "note", "key": self.key, "text": self.text, "level": self.level}


@dataclass(frozen=True, slots=True)
class Bars:
    """Lengths of time that make up a whole, in order, each with its name; in milliseconds."""

    key: str
    title: str
    parts: tuple[tuple[str, int], ...]

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        parts = [{"name": name, "ms": ms} for name, ms in self.parts]
        return {"kind": "bars", "key": self.key, "title": self.title, "parts": parts}


class Dot(NamedTuple):
    """What was measured at a time, in milliseconds; `level` as far as it proves something."""

    at: str
    ms: int
    level: Level


@dataclass(frozen=True, slots=True)
class Trend:
    """A length of time as it was measured again and again, the oldest first, and what was promised of it."""

    key: str
    title: str
    dots: tuple[Dot, ...]
    promised_ms: int | None = None

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        dots = [dot._asdict() for dot in self.dots]
        promised = {"promised_ms": self.promised_ms}
        return {"kind": "trend", "key": self.key, "title": self.title, "dots": dots, **promised}


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one room has to say: one sentence for whoever reads no further, and what stands behind it.

    `not_proven` is what a reader could take from it and must not.
    """

    key: str
    title: str
    sentence: str
    blocks: tuple[Table | Note | Bars | Trend, ...] = ()
    level: Level | None = None
    not_proven: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "key": self.key,
            "title": self.title,
            "sentence": self.sentence,
            "level": self.level,
            "blocks": [block.document() for block in self.blocks],
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a report is made from. The period is `[since, to)`; `own` is the run that makes the report.

    `schedule` is what was expected of each job, without the slot of the report itself.
    `of_rooms` is what each room's `gather` returned, by its short name.
    """

    system: str
    database: str
    policy_digest: str
    version: str
    own: int
    since: datetime
    to: datetime
    runs: tuple[Run, ...]
    evidence: tuple[Evidence, ...]
    schedule: Mapping[str, Expected]
    of_rooms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def mark(level: Level, text: str) -> dict[str, str]:
    """Return a value that a page shows with a sign for its gravity."""
    return {"level": level, "text": text}


def unanswered(lines: Iterable[Evidence]) -> int:
    """Return how many announced effects outside the database have no outcome."""
    waiting: Counter[tuple[str, str]] = Counter()
    for line in lines:
        place = (line.event, line.target)
        if line.kind == "intent":
            waiting[place] = 1
        elif line.kind == "outcome":
            waiting[place] = 0
    return waiting.total()


def text(moment: datetime | None) -> str | None:
    """Return an instant as every document of ours has it: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
