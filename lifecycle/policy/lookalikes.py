"""Finds columns that look like a person and have no foreign key: `user_id`, `email`.

Pure. Names are judged together with types, so `user_id uuid` is found where the key is a uuid, and `user_id text`,
the id of some other program, is not. Four tables of one product were found outside its foreign keys this way.
"""

import re
from collections.abc import Iterator

from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog, Column, Table

_TEXT = re.compile(r"^(text|citext|character varying(\(\d+\))?|character\(\d+\))$")
_BARE = ("id", "uuid", "uid", "pk", "key", "guid")
"""Names of keys that say nothing about whose they are."""


def undeclared(policy: Policy, catalog: Catalog) -> Iterator[tuple[str, str, str]]:
    """Yield (table, column, subject kind) in tables declared as nobody's.

    A column that `because:` names has been looked at by a person; what has a sentence is dealt with.
    """
    keyed = {(k.table, column) for k in catalog.foreign_keys for column in k.columns}
    likely: dict[tuple[str, str], str] = {}
    for kind, subject in policy.subjects.items():
        people = catalog.tables.get(subject.table)
        if people and people.column(subject.key):
            for fact in facts(kind, people, subject.key, subject.own_identifiers):
                likely.setdefault(fact, kind)
    for name, declared in policy.tables.items():
        table = catalog.tables.get(name)
        if table is None or declared.personal != "none":
            continue
        looked_at = set(re.findall(r"\w+", declared.because or "")) | {
            *declared.mentions,
            *declared.author,
            *declared.ignore,
        }
        for column in table.columns:
            kind = likely.get((column.name.lower(), family(column.type)))
            if kind and column.name not in looked_at and (name, column.name) not in keyed:
                yield name, column.name, kind


def facts(
    kind: str, people: Table, key: str, identifiers: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield (column name in lower case, family of types) that would name a person in another table."""
    found = people.column(key)
    singular = people.relname.lower().removesuffix("s")
    # Tables of one application often have its name before theirs: accounts_user, and elsewhere user_id.
    last = kind.rpartition("_")[2]
    names = {f"{kind}_id", f"{singular}_id", f"{last}_id", f"{singular}_{key}".lower()}
    if key.lower() not in _BARE:
        names.add(key.lower())
    if found:
        yield from ((name, family(found.type)) for name in sorted(names))
    for name in identifiers:
        column = people.column(name)
        if column and "mail" in name.lower():
            yield name.lower(), family(column.type)


def key_called(table: Table, column: Column) -> str | None:
    """Return the key of this table, if such a column is called as what leads to it: `visit_id` for visits.id."""
    key = table.column(table.primary_key[0]) if len(table.primary_key) == 1 else None
    if key is None or family(key.type) != family(column.type):
        return None
    called = {*facts(table.relname.lower().removesuffix("s"), table, key.name, ())}
    return key.name if (column.name.lower(), family(column.type)) in called else None


def family(type_: str) -> str:
    """Return a type's name, one for all texts: an e-mail address is text here and varchar(320) there."""
    return "text" if _TEXT.match(type_) else type_
