"""Guesses from names and types what a database does not say: who its people are.

Pure. Only `generate.py` listens, and a person reads what comes of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lifecycle.policy.lookalikes import family
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.words import counted

_PEOPLE = {
    "user": 60, "patient": 60, "person": 55, "customer": 50, "member": 45, "client": 45, "employee": 40,
    "student": 40, "subscriber": 40, "resident": 40, "account": 30, "profile": 20, "contact": 20,
}  # fmt: skip
"""How much a table's name says that its rows are people."""

_IDENTIFIER = re.compile(
    r"^(\w*_)?(e?_?mail(_address)?|phone(_number)?|mobile(_number)?|(first|last|full|given|family|display|user|nick)_?name"
    r"|username|surname|name|login|ssn|national_id|passport_number|insurance_number|mrn)$"
)
_THING = re.compile(
    r"(^|_)(file|table|class|group|company|product|item|event|queue|job|model|app|host|domain|brand|category|type|site|plan|field"
    r"|column|object|tag|template|bucket|schema|index|role|city|country|street|place|unit|device|browser|os|bank|plan|course)_?name$"
)
"""Names of things."""
_REACHED = re.compile(
    r"(^|_)(iban|addressee|recipient|consignee|payer|payee|signature|signed_by|bill(ing)?_to|ship(ping)?_to"
    r"|(billing|shipping|delivery|home|postal|street)_?address|address(_?line_?\d|_?\d)?|street|holder|contact)(_name)?$"
)
"""Whom a row of books is addressed to, and where they are reached."""
_OWN_NAME = re.compile(r"^(first|last|full|given|family|sur)_?name$")
_TELLING = re.compile(r"(^|_)e?_?mail(_address)?$|birth|(^|_)dob$")
_CLEAR = 50
"""The score from which on a table is taken for people."""

_SECRET = re.compile(r"hash|token|verified|password|secret")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A table whose rows may be the people who ask to be forgotten, and what speaks for it."""

    table: Table
    key: str
    evidence: str


def candidates(catalog: Catalog) -> tuple[Candidate, ...]:
    """Return every table that looks like people of its own, the likeliest first.

    patients.user_id -> users, always: then the users are the people, and patients are what is known of them.
    """
    scores = {name: _score(catalog, table) for name, table in catalog.tables.items()}
    tops = {_above(catalog, scores, name) for name, score in scores.items() if score >= _CLEAR}
    found = sorted(tops, key=lambda name: (-scores[name], name))
    return tuple(candidate(catalog, catalog.tables[name]) for name in found)


def candidate(catalog: Catalog, table: Table, by: str | None = None) -> Candidate:
    """Return this table as the people's, with what speaks for it; `by` is their key, where somebody has said it."""
    pointed = sum(k.referenced == table.name for k in catalog.foreign_keys)
    speaks = [
        f"{counted(pointed, 'foreign key')} to it",
        *(f"a column {c.name}" for c in table.columns if _TELLING.search(c.name.lower())),
        *([f"about {counted(table.estimated_rows, 'row')}"] if table.estimated_rows else []),
    ]
    return Candidate(table, by or key(catalog, table), ", ".join(speaks[:5]))


def _above(catalog: Catalog, scores: Mapping[str, int], name: str) -> str:
    """Return the table at the end of the keys that always lead from one table of people to another."""
    seen = {name}
    while above := [
        k.referenced
        for k in catalog.foreign_keys
        if k.table == name
        and scores[k.referenced] >= _CLEAR
        and k.referenced not in seen
        and is_people(catalog.tables[k.referenced])
        and _always(catalog, k.table, k.columns)
        and not k.referenced.endswith(("accounts", "account"))
    ]:
        name = above[0]
        seen.add(name)
    return name


def is_people(table: Table) -> bool:
    """Say whether the table looks like people by itself: its name, or somebody's e-mail address beside a name."""
    named = any(_OWN_NAME.search(c.name.lower()) for c in table.columns)
    return _named(table) >= 40 or ((_named(table) > 0 or named) and has_mail(table))


def holds_people(table: Table) -> bool:
    """Say whether a table looks like people and holds what names them: it does not only list who belongs where."""
    return is_people(table) and bool(identifiers(table, bare=False))


def logins(catalog: Catalog, people: Table) -> tuple[Table, ...]:
    """Return the tables with names of people to which the people point, as students do to their users."""
    return tuple(
        catalog.tables[k.referenced]
        for k in catalog.foreign_keys
        if k.table == people.name
        and k.referenced != people.name
        and len(k.columns) == 1
        and holds_people(catalog.tables[k.referenced])
    )


def kind(table: Table) -> str:
    """Return what one of these people is called: `user` for users."""
    return singular(table.relname.lower())


def key(catalog: Catalog, table: Table) -> str:
    """Return the column by which other tables name the person: the one most foreign keys point to."""
    pointed = [k.referenced_columns[-1] for k in catalog.foreign_keys if k.referenced == table.name]
    single = [*pointed, *table.primary_key[-1:], table.columns[0].name]
    return max(dict.fromkeys(single), key=single.count)


def identifiers(table: Table, *, bare: bool = True) -> tuple[str, ...]:
    """Return the text columns whose values name the person; without `bare`, no plain `name`, as lists have that too."""
    texts = [c.name for c in table.columns if family(c.type) == "text"]
    return tuple(
        n
        for n in texts
        if _IDENTIFIER.match(n.lower())
        and not _SECRET.search(n)
        and not _THING.search(n.lower())
        and (bare or n.lower() != "name")
    )


def naming(table: Table) -> tuple[str, ...]:
    """Return the text columns that go on naming the person where a row stays: what they are called, and where reached.

    Of a row of books these are whom it is addressed to and who has paid, in words that no key leads to.
    """
    texts = [c.name for c in table.columns if family(c.type) in ("text", "jsonb")]
    own = identifiers(table, bare=False)
    return tuple(
        n
        for n in texts
        if n in own or (_REACHED.search(n.lower()) and not _SECRET.search(n.lower()))
    )


def secret(column: str) -> bool:
    """Say whether a column is named like something that nobody else knows, or a mark beside a value."""
    return bool(_SECRET.search(column.lower()))


def _score(catalog: Catalog, table: Table) -> int:
    pointed = sum(
        k.referenced == table.name and k.table != table.name for k in catalog.foreign_keys
    )
    named, mail = _named(table), 30 * has_mail(table)
    return named + mail + min(30, 3 * pointed) if table.primary_key and (named or mail) else 0


def _named(table: Table) -> int:
    words = singular(table.relname.lower()).split("_")
    return _PEOPLE.get(singular(words[-1]), 0)


def has_mail(table: Table) -> bool:
    """Say whether a column is called like an e-mail address."""
    return any(re.search(r"(^|_)e?_?mail(_address)?$", c.name.lower()) for c in table.columns)


def singular(word: str) -> str:
    """Return the name of one of what a table holds: `user` for users."""
    if word.endswith("people"):
        return word.removesuffix("people") + "person"
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    return word.removesuffix("s") if not word.endswith("ss") else word


def _always(catalog: Catalog, table: str, columns: tuple[str, ...]) -> bool:
    found = [catalog.tables[table].column(name) for name in columns]
    return all(column is not None and column.not_null for column in found)
