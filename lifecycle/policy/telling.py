"""Says in words what a policy does with the rows of a table, as its owner would say it to a compliance officer. Pure.

One sentence each, with the place in the file that says it. `policy show` prints them shortened, `policy explain` with
their lines, `policy diff` what is in one file and not in the other, `policy graph` beside each table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lifecycle.config.mistake import Where
from lifecycle.policy import whole
from lifecycle.policy.model import Kept, Owner, Parties, Policy, SharedBy, Table, Through, until
from lifecycle.policy.names import split_column
from lifecycle.policy.people import Identifier

Effect = Literal["destroys", "keeps", "clears", "other"]
"""What a sentence does: a row or value goes, stays although it is somebody's, loses whom it names; or none of these."""

QUOTED = {
    "redact": "where it quotes somebody who goes, the value alone is taken out",
    "review": "where it quotes somebody who goes, the place is shown to a person",
    "refuse": "whoever it quotes is not erased",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence about a table. `when` is whose erasure it speaks of, the kinds with commas, or empty."""

    path: Where
    when: str
    what: str
    effect: Effect

    def __str__(self) -> str:
        return f"when a {self.when} goes: {self.what}" if self.when else self.what


def of(policy: Policy, name: str) -> tuple[Said, ...]:
    """Return everything that the policy says about the rows of this table. It says something about each it declares."""
    table = policy.tables[name]
    return (
        *_whose(policy, name, table),
        *_leading(name, table),
        *_held(name, table),
        *_naming(policy, name),
        *_promised(policy, name),
    )


def _whose(policy: Policy, name: str, table: Table) -> Iterator[Said]:
    path: Where = ("tables", name)
    if table.copy_of:
        what = f"made anew when {_and(table.copy_of)} changed: it is a copy"
        yield Said((*path, "copy_of"), "", what, "other")
    elif table.owner is None:
        yield Said((*path, "personal"), "", f"nobody's data: {table.because}", "keeps")
    stays = {**whole.never_ends(policy)}.get(name)
    for kind, how in (table.owner or {}).items():
        at: Where = (*path, "owner", kind)
        if table.keep:
            yield Said((*path, "keep"), kind, _kept(table.keep, how), "keeps")
        elif stays is not None:
            yield Said(at, kind, f"rows {_by(how)} stay: {stays}", "keeps")
        else:
            yield Said(at, kind, _going(kind, how), "destroys")


def _going(kind: str, how: Owner) -> str:
    match how:
        case SharedBy():
            return f"a row goes with the last {kind} who shares it by {how.shared_by}"
        case Parties():
            return (
                f"a row goes with the last of {_and(tuple(how.party))}; while another party stays, the half of "
                f"whoever goes is cleared ({_halves(how)})"
            )
        case _:
            return f"rows {_by(how)} go"


def _by(how: Owner) -> str:
    match how:
        case str(column):
            return f"in which {column} names them"
        case Through():
            return f"whose {_or(how.through)} leads to what is theirs"
        case SharedBy():
            return f"shared by {how.shared_by}"
        case Parties():
            return f"in which {_or(tuple(how.party))} names them ({_halves(how)})"


def _halves(how: Parties) -> str:
    return "; ".join(
        f"{name} and {_and(half)}" if half else name for name, half in how.party.items()
    )


def _kept(keep: Kept, how: Owner) -> str:
    said = f"rows {_by(how)} stay without {_and(keep.clear)}: {keep.because}"
    if keep.until is None:
        return said
    span, column = until(keep.until)
    return f"{said}; until {span} after {column} ({keep.ground})"


def _leading(name: str, table: Table) -> Iterator[Said]:
    path: Where = ("tables", name)
    for column in table.mentions:
        what = f"when whom {column} leads to goes, the row stays and {column} becomes NULL"
        yield Said((*path, "mentions", column), "", what, "clears")
    for column, how in table.author.items():
        then = "becomes NULL" if how == "set null" else "names the tombstone"
        what = f"when whom {column} leads to goes, who wrote the row, it stays and {column} {then}"
        yield Said((*path, "author", column), "", what, "clears")
    for column, why in table.ignore.items():
        what = f"{column} stays as it is, whomever it leads to: {why}"
        yield Said((*path, "ignore", column), "", what, "keeps")


def _held(name: str, table: Table) -> Iterator[Said]:
    path: Where = ("tables", name)
    for column, how in table.quotes.items():
        effect: Effect = "clears" if how == "redact" else "keeps"
        yield Said((*path, "quotes", column), "", f"{column}: {QUOTED[how]}", effect)
    if table.text:
        yield Said(
            (*path, "text"), "", f"no column holds words of people: {table.because}", "keeps"
        )
    if table.objects:
        what = f"the objects that {_and(table.objects)} name in bucket {table.bucket} go with their row"
        yield Said((*path, "objects"), "", what, "destroys")


def _naming(policy: Policy, name: str) -> Iterator[Said]:
    """Yield what of a row names its person, and is searched for when they go."""
    for kind, subject in policy.subjects.items():
        for index, one in enumerate(subject.names()):
            table, column = split_column(one.column)
            if (table or subject.table) == name:
                path: Where = ("subjects", kind, "identifiers", index)
                bare = isinstance(subject.identifiers[index], str)
                yield Said(
                    path[:-1] if bare else path,
                    "",
                    f"{_where(one, column)} {_names(one, kind)}",
                    "other",
                )


def _where(one: Identifier, column: str) -> str:
    under = f"what stands in {column} under {one.path}" if one.path else column
    rows = " and ".join(f"{name} is {value}" for name, value in one.where.items())
    return f"{under}, where {rows}," if rows else under


def _names(one: Identifier, kind: str) -> str:
    then = (
        "what is found of it is shown to a person"
        if one.weak
        else "nowhere else may it stand when they are gone"
    )
    was = "named" if one.earlier else "names"
    before = " before" if one.earlier else ""
    read = "" if one.form == "text" else f", read as {one.form}"
    return f"{was} the {kind}{before}{read}: {then}"


def _promised(policy: Policy, name: str) -> Iterator[Said]:
    """Yield what the sections say of a table."""
    for section, said in whole.present(policy):
        effect: Effect = "destroys" if section.destroys else "other"
        for sentence in section.sentence(said, name):
            yield Said((section.name,), "", sentence, effect)


def _and(names: tuple[str, ...]) -> str:
    return _listed(names, "and")


def _or(names: tuple[str, ...]) -> str:
    return _listed(names, "or")


def _listed(names: tuple[str, ...], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
