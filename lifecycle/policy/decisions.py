"""The questions of a drafted policy, grouped as they are asked, and what an answer makes of a table's lines. Pure.

A question stands behind DECIDE in a table's `because`, its details in brackets: one answer is mostly right for all
tables of which it is asked. An answer is

    goes           the line is right: the row goes as `owner` says
    nobody: why    nobody's data, for this reason
    keep: why      it is theirs and stays, without the columns that name them
    later          left as it is

Of some tables nothing is asked: what is decided of another one, by an answer or in an editor, holds for them. `follow`
writes it down.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from lifecycle.errors import InputError
from lifecycle.policy.check import DECIDE, NAMED_BY, PART_OF, SAME

Word = Literal["goes", "nobody", "keep", "later"]
WORDS: tuple[Word, ...] = ("goes", "nobody", "keep", "later")

Table = dict[str, Any]
"""One table's entry as it stands in the file."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and table -> what raises it there. `goes`: in some of them rows would go.

    `also`: tables that are decided with one of these.
    """

    text: str
    here: Mapping[str, str]
    goes: bool
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A word and, where it needs one, the reason in a person's words."""

    word: Word
    because: str = ""


def questions(tables: Mapping[str, Table]) -> tuple[Question, ...]:
    """Return the open questions about whose a table is, first those after which rows would go, then by how many."""
    found: dict[str, dict[str, str]] = {}
    with_: dict[str, str] = {}
    for name, table in tables.items():
        text, here = _open(table)
        if (root := _root(tables, name)) != name and _open(tables[root])[0]:
            with_[name] = root
        elif text:
            also = _named_by(table)
            told = f"{here}; kept without {', '.join(also)}" if also else here
            found.setdefault(text, {})[name] = told
    asked = (
        Question(
            text,
            here,
            any("owner" in tables[n] for n in here),
            tuple(name for name, root in with_.items() if root in here),
        )
        for text, here in found.items()
    )
    return tuple(sorted(asked, key=lambda q: (not q.goes, -len(q.here))))


def _open(table: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is left open of a table and what raised it; nothing where it is decided."""
    said = str(table.get("because") or "")
    if not said.startswith(DECIDE):
        return "", ""
    text, _, here = said.removeprefix(DECIDE).removeprefix(":").strip().partition(" (")
    return text, here.removesuffix(")").partition(NAMED_BY)[0]


def _named_by(table: Mapping[str, Any]) -> list[str]:
    """Return the columns besides by which an open row names its person, as the draft found them."""
    _, _, names = str(table.get("because") or "").removesuffix(")").partition(NAMED_BY)
    return [name for name in names.split(", ") if name]


def with_which(table: Mapping[str, Any]) -> str:
    """Return the table with which this one is decided; nothing where it is asked about itself, or decided."""
    text, _ = _open(table)
    word = next((word for word in (PART_OF, SAME) if text.startswith(word)), text)
    return text.removeprefix(word)


def _root(tables: Mapping[str, Table], name: str) -> str:
    seen = {name}
    while (above := with_which(tables[name])) in tables and above not in seen:
        name = above
        seen.add(name)
    return name


def follow(tables: Mapping[str, Table]) -> None:
    """Write into each table that is decided with another one what that one says by now."""
    while found := [n for n in tables if _may_follow(tables, n)]:
        for name in found:
            _decide_with(tables[name], with_which(tables[name]), tables)


def _may_follow(tables: Mapping[str, Table], name: str) -> bool:
    """Say whether the other table is decided, and by what can be said of this one: of nobody's, that it is nobody's."""
    other = tables.get(with_which(tables[name]))
    return (
        other is not None
        and not _open(other)[0]
        and ("owner" in tables[name] or other.get("personal") == "none" or "keep" in other)
    )


def _decide_with(table: Table, other: str, tables: Mapping[str, Table]) -> None:
    said, (text, here) = tables[other], _open(table)
    part = text.startswith(PART_OF)
    word = PART_OF if part else SAME
    if "keep" in said and part:
        stays = f"{word}{other}, which stays: {said['keep']['because']}"
        if "owner" in table and (named := _named_by(table)):
            # It stays with the row it is a part of, which names nobody by then: so must its own words.
            table["keep"] = {"clear": named, "because": stays}
            del table["because"]
            return
        ways = _naming(table)[-1:] if "owner" in table else []
        carry_out(table, Answer("nobody", stays))
        if ways:
            table["ignore"] = {**table.get("ignore", {}), ways[0]: stays}
    elif "keep" in said:
        carry_out(table, Answer("keep", said["keep"]["because"]))
    elif said.get("personal") == "none":
        carry_out(table, Answer("nobody", f"{word}{other}: {said['because']}"))
        table.get("mentions", {}).pop(here, None)  # it leads to nobody by now
    else:
        carry_out(table, Answer("goes"))


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
            _without_paths(table)
        case "keep":
            clear = [*dict.fromkeys((*_cleared(table), *_named_by(table)))]
            del table["because"]
            table["keep"] = {"clear": clear, "because": answer.because}
        case "later":
            pass


def _without_paths(table: Table) -> None:
    """Take out what leads into JSON, of a table that is nobody's: no value is taken out of JSON yet."""
    said = cast("dict[str, Any]", table.get("references", {}))
    for name in [name for name, reference in said.items() if "path" in reference]:
        del said[name]
    if "references" in table and not said:
        del table["references"]


def _cleared(table: Table) -> list[str]:
    """Return the columns that are cleared where a row stays: of a reference those that refer."""
    said = cast("dict[str, dict[str, Any]]", table.get("references", {}))
    cleared: dict[str, None] = {}
    for name in _naming(table):
        columns = cast("list[str]", said.get(name, {}).get("columns") or [name])
        cleared |= dict.fromkeys(map(str, columns))
    return list(cleared)


def _naming(table: Table) -> list[str]:
    """Return the columns by which a row names its person: they are cleared where it stays."""
    columns: dict[str, None] = {}
    for how in cast("dict[str, Any]", table["owner"]).values():
        if isinstance(how, str):
            columns[str(how)] = None
        elif "through" in how:
            columns |= dict.fromkeys(str(c) for c in how["through"])
        for side, half in how.get("party", {}).items() if not isinstance(how, str) else ():
            columns |= dict.fromkeys(str(c) for c in (side, *half))
    if not columns:
        raise InputError(
            "no column of it names the person, so none can be cleared",
            hint="Write `keep: {clear: [...], because: ...}` in the file.",
        )
    return list(columns)
