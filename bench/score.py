"""Scores a drafted policy against a key: what a privacy engineer says of each table of the same database.

Pure. The keys lie beside their schemas in `tests/schemas/`; `head -20` of one shows how they are written. A line of the
draft that asks is honest, whatever it proposes. One that does not ask is right, or it deletes what it may not, or it
leaves what it may not: these two are what the score is for.

Some lines are decided with another table's. They are judged by what becomes of them once that one is answered as the
key says, by the words that `policy decide` knows; where no word says what the key does, they count as asked about.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from lifecycle.policy import decisions
from lifecycle.policy.check import DECIDE
from lifecycle.policy.decisions import Answer

Line = Mapping[str, Any]
"""What a file says of one table."""


@dataclass(frozen=True, slots=True)
class Score:
    """Tables by what became of them in the draft, and the questions that are asked."""

    right: tuple[str, ...]
    follow: tuple[str, ...]
    """Right as well, once the table that they name is answered."""
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
        found = (self.right, self.follow, self.asked, self.deletes, self.leaves)
        return sum(len(names) for names in found)

    def __str__(self) -> str:
        return (
            f"{self.tables} tables: {len(self.right)} right, {len(self.follow)} decided with another, "
            f"{len(self.asked)} asked about "
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
    words = ("right", "follow", "asked", "deletes", "leaves")
    found: dict[str, list[str]] = {word: [] for word in words}
    patterns: list[str] = []
    answered = _answered(draft, key, together)
    for name, line in draft.items():
        follows, said = decisions.with_which(line) in draft, answered[name]
        if _asks(line) and not (follows and not _asks(said)):
            found["asked"].append(name)
            patterns += [] if follows else [str(line["because"]).partition(" (")[0]]
        else:
            verdict = _verdict(said, key[name], together[name])
            found["follow" if follows and verdict == "right" else verdict].append(name)
    return Score(
        **{what: tuple(names) for what, names in found.items()},
        patterns=tuple(dict.fromkeys(patterns)),
    )


def _asks(line: Line) -> bool:
    return str(line.get("because", "")).startswith(DECIDE)


def _answered(
    draft: Mapping[str, Line], key: Mapping[str, Line], together: Mapping[str, list[set[str]]]
) -> Mapping[str, Line]:
    """Return the draft after each question was answered as the key says, where a word says that."""
    tables = {name: deepcopy(dict(line)) for name, line in draft.items()}
    for question in decisions.questions(tables):
        for name in (
            name for name in question.here if decisions.with_which(tables[name]) not in tables
        ):
            table = tables[name]
            if key[name]["row"] == "stays":
                decisions.carry_out(table, _stays(table))
            elif "owner" in table and _verdict(table, key[name], together[name]) == "right":
                decisions.carry_out(table, Answer("goes"))
    decisions.follow(tables)
    return tables


def _stays(table: Line) -> Answer:
    shared = any(
        "shared_by" in how for how in table.get("owner", {}).values() if not isinstance(how, str)
    )
    return Answer("keep" if "owner" in table and not shared else "nobody", "as the key says")


def _verdict(line: Line, key: Line, together: list[set[str]]) -> str:
    [how] = line.get("owner", {"": None}).values()
    if how is None or "keep" in line:
        return "right" if key["row"] == "stays" else "leaves"
    if isinstance(how, str):
        return "right" if key["row"] == "goes" and how in key["by"] else "deletes"
    if "shared_by" in how:
        return {"shared": "right", "goes": "leaves", "stays": "deletes"}[key["row"]]
    if "party" in how:  # it stays while the other is there, so both must be those whose it is
        two = key["row"] != "stays" and set(how["party"]) <= set(key.get("by", ()))
        return (
            "right"
            if two or key["row"] == "shared"
            else "deletes"
            if key["row"] == "stays"
            else "leaves"
        )
    # A foreign key of several columns is one way, and a key of the answers may name one of them.
    way, by = set(how["through"]), set(key.get("by", ()))
    by |= {c for columns in together if columns <= way and columns & by for c in columns}
    return "right" if key["row"] != "stays" and way <= by else "deletes"
