"""The questions of a drafted policy, grouped as they are asked, and what an answer makes of a table's lines. Pure.

A question stands behind DECIDE in a table's `because`, its details in brackets: one answer is mostly right for all
tables of which it is asked. An answer is

    goes           the line is right: the row goes as `owner` says
    nobody: why    nobody's data, for this reason
    keep: why      it is theirs and stays, without the columns that name them
    later          left as it is
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from lifecycle.errors import InputError
from lifecycle.policy.check import DECIDE

Word = Literal["goes", "nobody", "keep", "later"]
WORDS: tuple[Word, ...] = ("goes", "nobody", "keep", "later")

Table = dict[str, Any]
"""One table's entry as it stands in the file."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and table -> what raises it there. `goes`: in some of them rows would go."""

    text: str
    here: Mapping[str, str]
    goes: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A word and, where it needs one, the reason in a person's words."""

    word: Word
    because: str = ""


def questions(tables: Mapping[str, Table]) -> tuple[Question, ...]:
    """Return the open questions about whose a table is, first those after which rows would go, then by how many."""
    found: dict[str, dict[str, str]] = {}
    for name, table in tables.items():
        said = str(table.get("because") or "")
        if said.startswith(DECIDE):
            text, _, here = said.removeprefix(DECIDE).removeprefix(":").strip().partition(" (")
            found.setdefault(text, {})[name] = here.removesuffix(")")
    asked = (
        Question(text, here, any("owner" in tables[n] for n in here))
        for text, here in found.items()
    )
    return tuple(sorted(asked, key=lambda q: (not q.goes, -len(q.here))))


def parse(said: object) -> Answer:
    """Return the answer that a person wrote, as `goes` or `keep: tax`. Raise InputError for anything else."""
    match said:
        case "goes":
            return Answer("goes")
        case "later":
            return Answer("later")
        case str(text) if text.partition(":")[0].strip() in ("nobody", "keep"):
            word, _, because = text.partition(":")
            return _with_reason(word.strip(), because.strip())
        case dict() if len(cast("dict[str, object]", said)) == 1:
            [(word, because)] = cast("dict[str, object]", said).items()
            return _with_reason(str(word), str(because or "").strip())
        case _:
            raise _no_answer()


def _with_reason(word: str, because: str) -> Answer:
    if word == "nobody" and because:
        return Answer("nobody", because)
    if word == "keep" and because:
        return Answer("keep", because)
    raise _no_answer()


def _no_answer() -> InputError:
    return InputError(
        "no answer that can be given", hint="Write `goes`, `nobody: why`, `keep: why` or `later`."
    )


def possible(table: Table) -> tuple[Word, ...]:
    """Return the answers that this table's lines allow: what nobody owns cannot go or be kept."""
    return WORDS if "owner" in table else ("nobody", "later")


def carry_out(table: Table, answer: Answer) -> None:
    """Change a table's entry to say what was answered. Raise InputError where it cannot be said of this table."""
    if answer.word not in possible(table):
        raise InputError(
            f"{answer.word!r} is no answer for a table without an owner",
            hint="Write whose it is in the file (`owner:`), or answer `nobody: why`.",
        )
    match answer.word:
        case "goes":
            del table["because"]
        case "nobody":
            table.pop("owner", None)
            table["personal"] = "none"
            table["because"] = answer.because
        case "keep":
            del table["because"]
            table["keep"] = {"clear": list(_naming(table)), "because": answer.because}
        case "later":
            pass


def _naming(table: Table) -> list[str]:
    """Return the columns by which a row names its person: they are cleared where it stays."""
    columns: dict[str, None] = {}
    for how in cast("dict[str, Any]", table["owner"]).values():
        if isinstance(how, str):
            columns[str(how)] = None
        elif "through" in how:
            columns |= dict.fromkeys(str(c) for c in how["through"])
    if not columns:
        raise InputError(
            "no column of it names the person, so none can be cleared",
            hint="Write `keep: {clear: [...], because: ...}` in the file.",
        )
    return list(columns)
