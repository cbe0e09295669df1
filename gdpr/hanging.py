"""Which foreign keys may hold a row that stays onto a row that goes. Pure: policy and catalog only.

Rows that hang so are counted before anything is touched, and refused if there is one. Not asked of is a key by which a
row is the person's own: every row that it leads to them by goes as well.
"""

from typing import TYPE_CHECKING

from lifecycle.policy import graph, virtual, whole
from lifecycle.policy.model import Parties, Policy
from lifecycle.postgres.shape import ForeignKey

if TYPE_CHECKING:  # which is made with what is said here
    from gdpr.reach import Reach


def keys(found: "Reach") -> tuple[ForeignKey, ...]:
    """Return the foreign keys by which somebody else's row may hang on one that goes."""
    return tuple(
        key
        for key in found.catalog.foreign_keys
        if key.referenced in found.deleted
        and not graph.mentioned(found.policy, key)
        and not _of_party(found, key)
        and not _makes_theirs(found, key)
        and not (isinstance(key, virtual.Virtual) and _left(found.policy, key))
    )


def released(found: "Reach", key: ForeignKey) -> tuple[str, ...]:
    """Return the columns of this foreign key that are cleared in the person's own kept rows."""
    return tuple(set(key.columns) & set(found.cleared(key.table)))


def _of_party(found: "Reach", key: ForeignKey) -> bool:
    """Say whether this key names a party, who is taken out of a row that stays."""
    there = key.table in found.deleted or key.table in found.kept
    how = found.owner(key.table) if there else None
    return isinstance(how, Parties) and bool(virtual.names(key) & how.party.keys())


def _makes_theirs(found: "Reach", key: ForeignKey) -> bool:
    """Say whether every row that leads to the person by this key is theirs by it, and goes or lets go of them."""
    if not (key.table in found.deleted or released(found, key)):
        return False
    subject, owner = found.subject, found.owner(key.table)
    if not isinstance(owner, str):
        return key in found.ways(key.table)
    own = (key.columns, key.referenced, key.referenced_columns)
    if own != ((owner,), subject.table, (subject.key,)) or isinstance(key, virtual.Virtual):
        return False
    # As PostgreSQL compares it with the person's key: a column of another type or collation is compared otherwise.
    return found.owner(subject.table) == subject.key and virtual.alike(
        found.column(key.table, owner), found.key()
    )


def _left(policy: Policy, key: virtual.Virtual) -> bool:
    """Say whether a reference stays as it is, or is emptied with the log: PostgreSQL holds no row by it."""
    ignored = key.name in policy.tables[key.table].ignore
    return ignored or bool(whole.cleared(policy, key.table) & {*key.columns})
