"""What a policy says about one key that leads to people: the sentence, and where it stands. Pure.

owner     the row goes with the person                       owner: {patient: patient_id}
shared    it goes with the last of them                      owner: {patient: {shared_by: patients.family_id}}
party     it stays while another party stays                 owner: {patient: {party: {sender_id: [], reader_id: []}}}
author    they wrote it, and it is about somebody else       author: {nurse_id: tombstone}
mention   it stays, and names nobody                         mentions: {referred_by: set null}
keep      it is theirs and stays, without what names them    keep: {clear: [patient_id], because: ...}
ignore    it is left as it is                                ignore: {import_id: why}
"""

from collections.abc import Iterator
from typing import NamedTuple

from lifecycle.config.mistake import Where
from lifecycle.policy import virtual, whole
from lifecycle.policy.model import Parties, Policy, SharedBy, Table, Through
from lifecycle.postgres.catalog import ForeignKey


class Sentence(NamedTuple):
    """One word about a key, and the place in the policy that says it."""

    word: str
    path: Where


def of(policy: Policy, key: ForeignKey, kind: str) -> tuple[Sentence, ...]:
    """Return what is said about a key to a row of this kind of people: one sentence, if the policy is whole."""
    table = policy.tables.get(key.table)
    if table is None:
        return ()
    said = tuple(dict.fromkeys(_aside(policy, table, key)))
    if table.keep:
        return said or _beside(policy, table, key, kind)
    if said and whole.cleared(policy, key.table):
        return said  # an audit log: whose a row is, its section empties
    return (*_owning(policy, table, key, kind, proves=not said), *said)


def _beside(policy: Policy, table: Table, key: ForeignKey, kind: str) -> tuple[Sentence, ...]:
    """Return what `keep` says of a key to a row that stays as well: that one names nobody by then."""
    there = policy.tables.get(key.referenced)
    both = kind in (table.owner or {}) and there is not None and there.keep is not None
    return (Sentence("keep", ("tables", key.table, "keep")),) if both else ()


def _aside(policy: Policy, table: Table, key: ForeignKey) -> Iterator[Sentence]:
    """Yield what is said about the key besides whose the row is."""
    of_key, path = virtual.names(key), ("tables", key.table)
    for word, entry, at in (
        ("mention", table.mentions, "mentions"),
        ("author", table.author, "author"),
        ("ignore", table.ignore, "ignore"),
    ):
        if found := sorted(of_key & entry.keys()):
            yield Sentence(word, (*path, at, found[0]))
    cleared = set(table.keep.clear) if table.keep else set[str]()
    if (cleared | whole.cleared(policy, key.table)) & set(key.columns):
        yield Sentence("keep", (*path, "keep", "clear"))


def _owning(
    policy: Policy, table: Table, key: ForeignKey, kind: str, *, proves: bool
) -> Iterator[Sentence]:
    """Yield whose the row is, where this key says so. A key that `proves` it by the way says it too."""
    own = (table.owner or {}).get(kind)
    theirs = (policy.tables[key.referenced].owner or {}).get(kind)
    path = ("tables", key.table, "owner", kind)
    if isinstance(theirs, SharedBy) and theirs.shared_by == f"{key.table}.{key.columns[0]}":
        yield Sentence("shared", ("tables", key.referenced, "owner", kind, "shared_by"))
        return
    match own:
        case str(column):
            # The same columns on both sides name the person, so both rows are one person's.
            pairs = dict(zip(key.columns, key.referenced_columns, strict=True))
            if column in pairs and pairs[column] == theirs and (proves or len(pairs) == 1):
                yield Sentence("owner", path)
        case Through() if virtual.names(key) <= set(own.through):
            yield Sentence("owner", (*path, "through"))
        case Parties() if virtual.names(key) & own.party.keys():
            yield Sentence("party", (*path, "party"))
        case _:
            pass
