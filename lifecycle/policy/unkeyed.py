"""Proposes what a column leads to where no foreign key says so, and believes it where all its values are found there.

Pure; `evidence.py` asks the rows. What proposes differs with what a value proves:

    owner uuid, userId cuid           to any key of this type: such a value stands nowhere by chance
    device_id integer                 to a table of this name alone: 1, 2, 3 are keys of everything
    about_type, about_id              to the tables that the type column names: Visit is visits
    content_type_id, object_id        likewise, where a table lists the types: people, student is people_student
    address text                      to the people's e-mail address, where addresses stand there
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lifecycle.policy import guess, habits
from lifecycle.policy.lookalikes import family
from lifecycle.policy.reference import Reference
from lifecycle.policy.virtual import WHOLE
from lifecycle.postgres.catalog import Catalog, Column, Table

_ENDING = re.compile(r"_(id|pk|key|ref|uuid|uid|no|nr)$")
_TYPE = ("_type", "_kind", "_class")
_LONG = ("uuid", "text")
"""Types of keys whose values stand elsewhere by no chance: of texts, those that nobody counts up."""

Kinds = Mapping[str, Mapping[str, str]]
"""A table that lists types -> key of a type, as text -> the table of its rows."""

SOME = 10
"""So many different values of people must be found before a column of their e-mail addresses is one."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A key that columns may lead to; with a type column, by which of its values."""

    table: str
    keys: tuple[str, ...]
    spelled: str = ""

    def __str__(self) -> str:
        return f"{self.table}({', '.join(self.keys)})"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Columns without a foreign key, and every goal they may have. `type`: the column that says which."""

    columns: tuple[str, ...]
    goals: tuple[Goal, ...]
    type: str = ""
    mail: bool = False

    @property
    def name(self) -> str:
        """What the reference is called: as its column, of several as the last."""
        return self.columns[-1]


def proposals(
    catalog: Catalog, people: Table, key: str, table: Table, kinds: Kinds
) -> Iterator[Proposal]:
    """Yield what may be led to by each column of a table that no foreign key explains; `kinds`: the types listed."""
    keyed = {c for k in catalog.foreign_keys if k.table == table.name for c in k.columns}
    own = set(table.primary_key) if len(table.primary_key) == 1 else set[str]()
    for column in table.columns:
        if column.name in keyed | own or not _is_key(column):
            continue
        if listed := _listed(catalog, kinds, table, column):
            yield listed
        elif type_ := _type(table, column.name):
            yield Proposal((column.name,), tuple(_spelled(catalog, column)), type_)
        else:
            yield Proposal((column.name,), tuple(_goals(catalog, people, key, table, column)))


def lists(table: Table) -> bool:
    """Say whether a table lists types of rows, each with its application and its name in lower case."""
    columns = {c.name: family(c.type) for c in table.columns}
    texts = columns.get("app_label") == columns.get("model") == "text"
    return texts and len(table.primary_key) == 1


def _listed(catalog: Catalog, kinds: Kinds, table: Table, column: Column) -> Proposal | None:
    """Return to which tables a column may lead by the type beside it, a key of a list of types."""
    beside = column.name.replace("object_id", "content_type_id")
    for key in catalog.foreign_keys:
        if key.table == table.name and key.columns == (beside,) and beside != column.name:
            there = [
                (kind, catalog.tables[name]) for kind, name in kinds.get(key.referenced, {}).items()
            ]
            goals = tuple(
                Goal(t.name, t.primary_key, kind)
                for kind, t in there
                if len(t.primary_key) == 1
                and (one := t.column(t.primary_key[0]))
                and _comparable(column, one)
            )
            return Proposal((column.name,), goals, beside) if goals else None
    return None


def mails(people: Mapping[str, str], columns: Sequence[str]) -> Iterator[Proposal]:
    """Yield for each of these columns of addresses that it may lead to those of the people or of their logins.

    `people`: their tables -> the column with their addresses.
    """
    goals = tuple(Goal(table, (column,)) for table, column in people.items())
    if goals:
        yield from (Proposal((c,), goals, mail=True) for c in columns)


def numbers(catalog: Catalog, table: Table, names: Sequence[tuple[str, str]]) -> Iterator[Proposal]:
    """Yield each text column that no key explains and may have values that name a person, as a card's number."""
    keyed = {c for k in catalog.foreign_keys if k.table == table.name for c in k.columns}
    for column in table.columns:
        goals = [
            Goal(name, (there.name,))
            for name, key in names
            if (there := catalog.tables[name].column(key))
            and "mail" not in key.lower()
            and family(there.type) == family(column.type) == "text"
            and _comparable(column, there)
            and name != table.name
            and catalog.tables[name].tells_apart([key])
        ]
        if column.name not in keyed and goals and not habits.says(column.name):
            yield Proposal((column.name,), tuple(goals))


def together(catalog: Catalog, table: Table) -> Iterator[Proposal]:
    """Yield the columns that are called as those of a foreign key of several columns are in another table."""
    keyed = {k.columns for k in catalog.foreign_keys if k.table == table.name}
    seen: set[tuple[str, ...]] = set()
    for key in (k for k in catalog.foreign_keys if len(k.columns) > 1):
        here = [table.column(name) for name in key.columns]
        there = [catalog.tables[key.referenced].column(name) for name in key.referenced_columns]
        same = all(a and b and _comparable(a, b) for a, b in zip(here, there, strict=True))
        if same and key.columns not in keyed | seen:
            seen.add(key.columns)
            yield Proposal(key.columns, (Goal(key.referenced, key.referenced_columns),))


def believed(
    asked: Proposal, table: Table, people: Table, filled: int, found: Sequence[int]
) -> Reference | None:
    """Return the reference that rows show: of `filled` different values so many are `found` at each goal."""
    if not filled:
        return None
    if asked.type:
        there = [(g, n) for g, n in zip(asked.goals, found, strict=True) if n]
        if sum(n for _, n in there) != filled:
            return None
        return Reference(type=asked.type, of={g.spelled: str(g) for g, _ in there})
    goals = [
        g
        for g, n in zip(asked.goals, found, strict=True)
        if n == filled or (asked.mail and n >= SOME)
    ]
    column = table.column(asked.name)
    if not goals or column is None or (habits.writer(asked.name) and column.not_null):
        return None
    goal = max(goals, key=lambda g: (g.table == people.name, _named(asked.name, g.table)))
    sure = column.type == "uuid" or _named(asked.name, goal.table) == 2
    if not asked.mail and filled < SOME and not sure:
        return None
    several = asked.columns if len(asked.columns) > 1 else None
    return Reference(columns=several, to=str(goal), form="email" if asked.mail else "text")


def spellings(catalog: Catalog) -> Mapping[str, tuple[str, str]]:
    """Return how programs write the name of each table's rows -> table and key."""
    found: dict[str, tuple[str, str]] = {}
    for table in catalog.tables.values():
        if len(table.primary_key) == 1:
            for word in written(table.relname):
                found.setdefault(word, (table.name, table.primary_key[0]))
    return found


def written(relname: str) -> Iterator[str]:
    """Yield how programs write the name of the rows of a table."""
    name = habits.words(relname)
    single = guess.singular(name)
    head, _, tail = single.partition("_")
    camel = "".join(word.capitalize() for word in single.split("_"))
    yield from dict.fromkeys(
        (relname, name, single, camel, camel[:1].lower() + camel[1:], single.upper())
    )
    if tail:
        below = "".join(word.capitalize() for word in tail.split("_"))
        yield from (f"{head}.{tail.replace('_', '')}", f"{head.capitalize()}::{below}")
        first, _, rest = tail.partition("_")
        if rest:
            last = "".join(word.capitalize() for word in rest.split("_"))
            yield f"{head.capitalize()}{first.capitalize()}::{last}"


def _is_key(column: Column) -> bool:
    named = habits.leads(column.name) or bool(_ENDING.search(habits.words(column.name)))
    return family(column.type) == "uuid" or (
        family(column.type) in (*WHOLE, "text") and (named or habits.writer(column.name))
    )


def _type(table: Table, column: str) -> str:
    stem = _ENDING.sub("", habits.words(column))
    return next(
        (
            c.name
            for c in table.columns
            if family(c.type) == "text" and habits.words(c.name) in [stem + end for end in _TYPE]
        ),
        "",
    )


def _spelled(catalog: Catalog, column: Column) -> Iterator[Goal]:
    for word, (name, key) in spellings(catalog).items():
        there = catalog.tables[name].column(key)
        if there and _comparable(column, there):
            yield Goal(name, (key,), word)


def _goals(
    catalog: Catalog, people: Table, key: str, table: Table, column: Column
) -> Iterator[Goal]:
    for other in catalog.tables.values():
        name = (
            key
            if other.name == people.name
            else other.primary_key[0]
            if len(other.primary_key) == 1
            else ""
        )
        there = other.column(name) if name else None
        if there is None or other.name == table.name or not _comparable(column, there):
            continue
        if family(column.type) in _LONG or _named(column.name, other.name):
            yield Goal(other.name, (name,))


def _named(column: str, table: str) -> int:
    """Return how surely a column is named after a table: 2 by its whole name, 1 by its last word."""
    stem = _ENDING.sub("", habits.words(column))
    name = guess.singular(habits.words(table.rpartition(".")[2]))
    if stem == name:
        return 2
    return int(stem.rpartition("_")[2] == name.rpartition("_")[2] or name.endswith(f"_{stem}"))


def _comparable(one: Column, other: Column) -> bool:
    return one.type == other.type or {one.type, other.type} <= set(WHOLE)
