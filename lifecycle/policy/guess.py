"""Guesses from names and types what a database does not say: who its people are.

Pure. Only `generate.py` listens, and a person reads what comes of it.
"""

import re

from lifecycle.policy.lookalikes import family
from lifecycle.postgres.catalog import Catalog, Table

_PEOPLE = {
    "user": 60, "patient": 60, "person": 55, "customer": 50, "member": 45, "client": 45, "employee": 40,
    "student": 40, "subscriber": 40, "resident": 40, "account": 30, "profile": 20, "contact": 20,
}  # fmt: skip
"""How much a table's name says that its rows are people."""

_IDENTIFIER = re.compile(
    r"^(\w*_)?(e?_?mail(_address)?|phone(_number)?|mobile(_number)?|(first|last|full|given|family|display|user|nick)_?name"
    r"|username|surname|name|login|ssn|national_id|passport_number|insurance_number|mrn)$"
)
_SECRET = re.compile(r"hash|token|verified|password|secret")


def people(catalog: Catalog) -> Table | None:
    """Return the table whose rows are the people, or None when no table is clearly so."""
    scores = {name: _score(catalog, table) for name, table in catalog.tables.items()}
    best = max(scores, key=lambda name: (scores[name], name), default=None)
    if best is None or scores[best] < 50:
        return None
    # patients.user_id -> users, always: then the users are the people, and patients are what is known of them.
    seen = {best}
    while above := [
        k.referenced
        for k in catalog.foreign_keys
        if k.table == best
        and scores[k.referenced] >= 50
        and k.referenced not in seen
        and is_people(catalog.tables[k.referenced])
        and _always(catalog, k.table, k.columns)
        and not k.referenced.endswith(("accounts", "account"))
    ]:
        best = above[0]
        seen.add(best)
    return catalog.tables[best]


def is_people(table: Table) -> bool:
    """Say whether the table looks like people by itself: its name, or somebody's e-mail address beside a name."""
    return _named(table) >= 40 or (_named(table) > 0 and _has_mail(table))


def kind(table: Table) -> str:
    """Return what one of these people is called: `user` for users."""
    return _singular(table.relname.lower())


def key(catalog: Catalog, table: Table) -> str:
    """Return the column by which other tables name the person: the one most foreign keys point to."""
    pointed = [k.referenced_columns[-1] for k in catalog.foreign_keys if k.referenced == table.name]
    single = [*pointed, *table.primary_key[-1:], table.columns[0].name]
    return max(dict.fromkeys(single), key=single.count)


def identifiers(table: Table) -> tuple[str, ...]:
    """Return the text columns whose values name the person."""
    texts = [c.name for c in table.columns if family(c.type) == "text"]
    return tuple(n for n in texts if _IDENTIFIER.match(n.lower()) and not _SECRET.search(n))


def _score(catalog: Catalog, table: Table) -> int:
    pointed = sum(
        k.referenced == table.name and k.table != table.name for k in catalog.foreign_keys
    )
    named, mail = _named(table), 30 * _has_mail(table)
    return named + mail + min(30, 3 * pointed) if table.primary_key and (named or mail) else 0


def _named(table: Table) -> int:
    words = _singular(table.relname.lower()).split("_")
    return _PEOPLE.get(_singular(words[-1]), 0)


def _has_mail(table: Table) -> bool:
    return any(re.search(r"(^|_)e?_?mail(_address)?$", c.name.lower()) for c in table.columns)


def _singular(word: str) -> str:
    if word.endswith("people"):
        return word.removesuffix("people") + "person"
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    return word.removesuffix("s") if not word.endswith("ss") else word


def _always(catalog: Catalog, table: str, columns: tuple[str, ...]) -> bool:
    found = [catalog.tables[table].column(name) for name in columns]
    return all(column is not None and column.not_null for column in found)
