"""Scores a drafted policy against a key: what a privacy engineer says of each table of the same database.

Pure. The keys lie beside their schemas in `tests/schemas/`; `head -20` of one shows how they are written. A line of the
draft that asks is honest, whatever it proposes. One that does not ask is right, or it deletes what it may not, or it
leaves what it may not: these two are what the score is for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle.policy.check import DECIDE

Line = Mapping[str, Any]
"""What a file says of one table."""


@dataclass(frozen=True, slots=True)
class Score:
    """Tables by what became of them in the draft, and the questions that are asked."""

    right: tuple[str, ...]
    asked: tuple[str, ...]
    deletes: tuple[str, ...]
    """Unasked, rows go that stay, or that go with somebody else."""
    leaves: tuple[str, ...]
    """Unasked, rows stay that must go."""
    patterns: tuple[str, ...]
    """The questions, each once: so many answers are needed."""

    @property
    def tables(self) -> int:
        """How many tables were scored."""
        return len(self.right) + len(self.asked) + len(self.deletes) + len(self.leaves)

    def __str__(self) -> str:
        return (
            f"{self.tables} tables: {len(self.right)} right, {len(self.asked)} asked about "
            f"({100 * len(self.asked) / self.tables:.0f} per 100, answered in {len(self.patterns)}), "
            f"{len(self.deletes)} deleted wrongly, {len(self.leaves)} left wrongly"
        )


def score(
    draft: Mapping[str, Line],
    key: Mapping[str, Line],
    foreign_keys: Iterable[tuple[str, tuple[str, ...]]],
) -> Score:
    """Return the score of a draft's tables; of each foreign key its table and columns.

    Raise KeyError when the key lacks a table.
    """
    together: dict[str, list[set[str]]] = defaultdict(list)
    for table, columns in foreign_keys:
        together[table].append(set(columns))
    found: dict[str, list[str]] = {"right": [], "asked": [], "deletes": [], "leaves": []}
    patterns: list[str] = []
    for name, line in draft.items():
        if (question := str(line.get("because", ""))).startswith(DECIDE):
            found["asked"].append(name)
            patterns.append(question.partition(" (")[0])
        else:
            found[_verdict(line, key[name], together[name])].append(name)
    return Score(
        **{what: tuple(names) for what, names in found.items()},
        patterns=tuple(dict.fromkeys(patterns)),
    )


def _verdict(line: Line, key: Line, together: list[set[str]]) -> str:
    [how] = line.get("owner", {"": None}).values()
    if how is None:
        return "right" if key["row"] == "stays" else "leaves"
    if isinstance(how, str):
        return "right" if key["row"] == "goes" and how in key["by"] else "deletes"
    if "shared_by" in how:
        return {"shared": "right", "goes": "leaves", "stays": "deletes"}[key["row"]]
    # A foreign key of several columns is one way, and a key of the answers may name one of them.
    way, by = set(how["through"]), set(key.get("by", ()))
    by |= {c for columns in together if columns <= way and columns & by for c in columns}
    return "right" if key["row"] != "stays" and way <= by else "deletes"
