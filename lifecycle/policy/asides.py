"""Says in a draft what becomes of keys to people that do not own the row: whoever stands beside its owner.

Pure. Who wrote the row is an `author`, as its name or the rows say; anybody else is mentioned. Where the column may
not be NULL it names the tombstone afterwards, a row that is nobody and that the draft proposes.
"""

import re
from collections.abc import Mapping

from lifecycle.policy import foreign_keys, habits, virtual
from lifecycle.policy.check import DECIDE
from lifecycle.policy.drafting import Draft
from lifecycle.policy.lookalikes import family
from lifecycle.policy.model import Parties, Policy
from lifecycle.policy.virtual import WHOLE
from lifecycle.postgres.catalog import Catalog, Column, ForeignKey

_NOBODY = {"uuid": "00000000-0000-0000-0000-000000000000", "text": "erased"}
_MAIL = "erased@example.invalid"


def said(policy: Policy, catalog: Catalog, looked: Draft | None) -> Policy:
    """Return the policy with a word for every key to somebody's row that ownership does not explain.

    But for those that may not be NULL and lead to a part of what is somebody's: of these nothing can be said.
    """
    for key, kind in list(foreign_keys.unexplained(policy, catalog)):
        if foreign_keys.explained(policy, key):
            continue
        if column := foreign_keys.may_be_null(catalog, key):
            word = key.name if isinstance(key, virtual.Virtual) else column
            aside = {word: "set null"}
            wrote = looked is not None and _wrote(looked, key)
            policy = _add(policy, key.table, **{"author" if wrote else "mentions": aside})
        elif looked and looked.to_people(key) and _settled(policy, looked, key):
            policy = _after_them(policy, key, kind, tombstone(looked))
    return _after_parties(policy, looked) if looked else policy


def _after_parties(policy: Policy, looked: Draft) -> Policy:
    """Return the policy with a tombstone, where one of two parties may not be NULL."""
    named = {
        kind
        for name, entry in policy.tables.items()
        for kind, how in (entry.owner or {}).items()
        if isinstance(how, Parties) and any(looked.filled(name, side) for side in how.party)
    }
    stone = tombstone(looked)
    subjects = {
        kind: said.model_copy(update={"tombstone": said.tombstone or stone or None})
        if kind in named
        else said
        for kind, said in policy.subjects.items()
    }
    return policy.model_copy(update={"subjects": subjects})


def _after_them(
    policy: Policy, key: ForeignKey, kind: str, stone: Mapping[str, str | int | bool]
) -> Policy:
    """Return the policy in which a column that may not be NULL names the tombstone, where one can be proposed."""
    subject = policy.subjects[kind]
    if not stone and not subject.tombstone:
        return policy
    said = subject.model_copy(update={"tombstone": subject.tombstone or stone})
    policy = policy.model_copy(update={"subjects": policy.subjects | {kind: said}})
    return _add(policy, key.table, author={virtual.words(key)[0]: "tombstone"})


def tombstone(looked: Draft) -> Mapping[str, str | int | bool]:
    """Return the row that stands for whoever is gone; nothing where no value can be proposed for its key."""
    key = looked.people.column(looked.key)
    values = {c.name: _value(c) for c in looked.people.columns if c is key or c.not_null}
    known = {name: value for name, value in values.items() if value is not None}
    return known if looked.key in known else {}


def _value(column: Column) -> str | int | bool | None:
    if column.type in WHOLE:
        return 0
    if column.type == "boolean":
        return False
    value = _NOBODY.get(family(column.type))
    if value and (length := re.search(r"\((\d+)\)", column.type)):
        value = value[: int(length[1])]
    return _MAIL if value == "erased" and "mail" in column.name.lower() else value


def _wrote(looked: Draft, key: ForeignKey) -> bool:
    column = key.columns[-1]
    if virtual.loose(key) or key.referenced not in looked.selves:
        return False
    return habits.writer(column) or looked.wrote(key.table, column)


def _settled(policy: Policy, looked: Draft, key: ForeignKey) -> bool:
    """Say whether no answer changes whom a key names: its line is no question, or as few as a staff stand there."""
    asked = (policy.tables[key.table].because or "").startswith(DECIDE)
    return not asked or looked.rare(key.table, key.columns[-1])


def _add(policy: Policy, table: str, **words: Mapping[str, str]) -> Policy:
    entry = policy.tables[table]
    more = {word: {**getattr(entry, word), **said} for word, said in words.items()}
    return policy.model_copy(
        update={"tables": {**policy.tables, table: entry.model_copy(update=more)}}
    )
