"""Judges every foreign key that leads to a person's row: may the row that points there be in the way of an erasure?

Pure. The rule, for a key T.c -> R where R belongs to people (say `documents.confirmed_by -> users`):

    c names T's owner, or leads to a row that the same key proves to be the owner's   fine
    c is what T is owned `through`, or what R is `shared_by`                          fine
    c is under `mentions` of T, or cleared because T is kept or the audit log         fine: set to NULL first
    T is nobody's data                                                                mistake: say whose it is
    R is the table of persons, or c may be NULL                                       mistake: declare `mentions`
    T is owned too, c may not be NULL (`blood_markers.panel_id -> blood_panels`)      note

The last one cannot be decided from the schema: marker and panel should be one person's, and nothing proves it.
The erasure looks, before its first write, whether another person's marker hangs on a panel that is to go.
"""

from collections.abc import Iterator

from lifecycle.config.mistake import Mistake
from lifecycle.policy import graph
from lifecycle.policy.model import Policy, SharedBy, Table
from lifecycle.postgres.catalog import Catalog, ForeignKey
from lifecycle.words import counted


def judge(policy: Policy, catalog: Catalog) -> tuple[list[Mistake], list[str]]:
    """Return (mistakes, notes) about foreign keys between declared tables."""
    mistakes: list[Mistake] = []
    unproven: list[str] = []
    for key, kind in unexplained(policy, catalog):
        mistake = _mistake(policy, catalog, key, kind)
        if mistake:
            mistakes.append(mistake)
        else:
            unproven.append(_spelled(key))
    return mistakes, [*_unproven(unproven), *_notes(policy, catalog)]


def unexplained(policy: Policy, catalog: Catalog) -> Iterator[tuple[ForeignKey, str]]:
    """Yield (foreign key, subject kind) where a row of that kind's is pointed to and the policy does not say why."""
    for key in catalog.foreign_keys:
        target = policy.tables.get(key.referenced)
        if key.table in policy.tables and target and target.owner:
            yield from ((key, kind) for kind in target.owner if not _fine(policy, key, kind))


def may_be_null(catalog: Catalog, key: ForeignKey) -> str | None:
    """Return the last column of the key that may be NULL: to clear it ends the reference."""
    columns = [catalog.tables[key.table].column(name) for name in key.columns]
    free = [c.name for c in columns if c and not c.not_null and not c.generated]
    return free[-1] if free else None


def _fine(policy: Policy, key: ForeignKey, kind: str) -> bool:
    if graph.survives(policy, key):
        return True
    table, target = policy.tables[key.table], policy.tables[key.referenced]
    if table.keep or kind not in (table.owner or {}):
        return False
    own, theirs = (table.owner or {})[kind], (target.owner or {})[kind]
    if isinstance(theirs, SharedBy) and theirs.shared_by == f"{key.table}.{key.columns[0]}":
        return True
    if isinstance(own, str):
        # The same columns on both sides name the person, so both rows are one person's.
        pairs = dict(zip(key.columns, key.referenced_columns, strict=True))
        return own in pairs and pairs[own] == theirs
    return not isinstance(own, SharedBy) and set(key.columns) <= set(own.through)


def _mistake(policy: Policy, catalog: Catalog, key: ForeignKey, kind: str) -> Mistake | None:
    table = policy.tables[key.table]
    free = may_be_null(catalog, key)
    path = ("tables", key.table)
    what = f"foreign key {key.name} ({', '.join(key.columns)}) leads to {key.referenced}, "
    mention = f"add `mentions: {{{free}: set null}}`"
    if table.personal == "none":
        instead = (
            f"say whose it is with `owner:`, or {mention}"
            if free
            else "say whose it is with `owner:`"
        )
        return Mistake(
            path, what + f"which holds people ({kind}), from a table that is nobody's", instead
        )
    if table.keep:
        return Mistake(
            path, what + "and its rows are kept", f"add {key.columns[-1]} to `keep.clear`"
        )
    if free:
        return Mistake(path, what + f"to another {kind}'s row perhaps", mention)
    if _is_subject(policy, key, kind) or kind not in (table.owner or {}):
        instead = "make the column nullable and add it to `mentions`, or own the table by it"
        return Mistake(path, what + f"and would keep that {kind}'s row from being erased", instead)
    return None


def _is_subject(policy: Policy, key: ForeignKey, kind: str) -> bool:
    subject = policy.subjects.get(kind)
    return subject is not None and subject.table == key.referenced


def _unproven(keys: list[str]) -> Iterator[str]:
    if keys:
        yield _counted(
            keys,
            "between rows that nothing proves to be one person's; the erasure looks before it writes",
        )


def _notes(policy: Policy, catalog: Catalog) -> Iterator[str]:
    def into_people(key: ForeignKey) -> bool:
        return bool(policy.tables.get(key.referenced, Table.model_construct()).owner)

    silent = [_spelled(k) for k in catalog.foreign_keys if k.on_delete in "cnd" and into_people(k)]
    if silent:
        yield _counted(
            silent,
            "with ON DELETE CASCADE or SET NULL; the erasure ends those rows itself, counted",
        )
    unchecked = [_spelled(k) for k in catalog.foreign_keys if not k.validated]
    if unchecked:
        yield _counted(unchecked, "not validated, so old rows may point nowhere")


def _spelled(key: ForeignKey) -> str:
    return f"{key.table}.{'+'.join(key.columns)} -> {key.referenced}"


def _counted(keys: list[str], what: str) -> str:
    shown = ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")
    return f"{counted(len(keys), 'foreign key')} {what}: {shown}"
