"""Judges every key that leads to a person's row: may the row that points there be in the way of an erasure?

Pure. A key is a foreign key or a reference of the policy. The rule, for T.c -> R where R belongs to people (say
`documents.confirmed_by -> users`): the policy has exactly one sentence about it (`sentences.py`).

    two sentences                                                                     mistake: which holds?
    none, and T is nobody's data                                                      mistake: say whose it is
    none, and R is the table of persons, or c may be NULL, or it is a reference       mistake: say one
    none, and T is owned too, c may not be NULL (`markers.panel_id -> panels`)        note
    one for another kind of people in R's table (`visits.patient_id -> users`)        note

These two cannot be decided from the schema: marker and panel should be one person's, the patient of a visit should be
no nurse, and nothing proves it. The erasure looks, before its first write, whether such a row is in its way.
"""

from collections.abc import Iterator

from lifecycle.config.mistake import Mistake, dotted
from lifecycle.policy import graph, sentences, virtual, whole
from lifecycle.policy.model import Policy, Table
from lifecycle.postgres.catalog import Catalog, ForeignKey
from lifecycle.words import counted


def judge(policy: Policy, catalog: Catalog) -> tuple[list[Mistake], list[str]]:
    """Return (mistakes, notes) about keys between declared tables. `catalog` has the references of the policy."""
    mistakes = [*_contradictions(policy, catalog), *_ignored(policy, catalog)]
    unproven: list[str] = []
    for key, kind in unexplained(policy, catalog):
        found = mistake(policy, catalog, key, kind)
        if found:
            mistakes.append(found)
        else:
            unproven.append(_spelled(key))
    return mistakes, [*_unproven(unproven), *_notes(policy, catalog)]


def into_people(policy: Policy, catalog: Catalog) -> Iterator[tuple[ForeignKey, str]]:
    """Yield (key, subject kind) for every key between declared tables that leads to rows of that kind of people."""
    for key in catalog.foreign_keys:
        target = policy.tables.get(key.referenced)
        if key.table in policy.tables and target and target.owner:
            yield from ((key, kind) for kind in target.owner)


def unexplained(policy: Policy, catalog: Catalog) -> Iterator[tuple[ForeignKey, str]]:
    """Yield (key, subject kind) where a row of that kind's is pointed to and the policy does not say why."""
    for key, kind in into_people(policy, catalog):
        if not sentences.of(policy, key, kind):
            yield key, kind


def explained(policy: Policy, key: ForeignKey) -> bool:
    """Say whether the policy has a sentence about this key for any kind of people in the table it leads to."""
    return any(sentences.of(policy, key, k) for k in policy.tables[key.referenced].owner or ())


def _contradictions(policy: Policy, catalog: Catalog) -> Iterator[Mistake]:
    for key, kind in into_people(policy, catalog):
        said = sentences.of(policy, key, kind)
        if len(said) > 1:
            words = " and ".join(f"{s.word} ({dotted(s.path)})" for s in said)
            what = f"{virtual.spelled(key)} to {key.referenced} has two sentences: {words}"
            yield Mistake(said[-1].path, what, "keep the one that holds, and take the other out")


def _ignored(policy: Policy, catalog: Catalog) -> Iterator[Mistake]:
    """Yield foreign keys that are to be left as they are, from rows that stay to rows that go: PostgreSQL refuses."""
    erased = whole.erased(policy)
    for key, kind in into_people(policy, catalog):
        going = graph.deleted(policy, kind)
        named = sorted(virtual.names(key) & policy.tables[key.table].ignore.keys())
        real = named and not isinstance(key, virtual.Virtual) and kind in erased
        if real and key.referenced in going and key.table not in going:
            column = named[0]
            what = f"{virtual.spelled(key)} holds the {kind}'s row in {key.referenced}, so nobody named here is erased"
            free = may_be_null(catalog, key)
            instead = (
                f"write `mentions: {{{column}: set null}}`"
                if free
                else f"make {column} nullable and write `mentions: {{{column}: set null}}`"
            ) + f", or drop the foreign key and say under `references` what {column} leads to"
            yield Mistake(("tables", key.table, "ignore", column), what, instead)


def may_be_null(catalog: Catalog, key: ForeignKey) -> str | None:
    """Return the last column of the key that may be NULL: to clear it ends the reference."""
    columns = [catalog.tables[key.table].column(name) for name in key.columns]
    free = [c.name for c in columns if c and not c.not_null and not c.generated]
    return free[-1] if free else None


def mistake(policy: Policy, catalog: Catalog, key: ForeignKey, kind: str) -> Mistake | None:
    """Return what is wrong with a key that `unexplained` yields; None where it is explained or cannot be decided."""
    return None if explained(policy, key) else _mistake(policy, catalog, key, kind)


def _mistake(policy: Policy, catalog: Catalog, key: ForeignKey, kind: str) -> Mistake | None:
    table = policy.tables[key.table]
    free = may_be_null(catalog, key)
    path = ("tables", key.table)
    what = f"{virtual.spelled(key)} leads to {key.referenced}, "
    declared = isinstance(key, virtual.Virtual)
    mention = f"add `mentions: {{{key.name if declared else free}: set null}}`"
    if table.personal == "none":
        instead = "say whose it is with `owner:`" + (f", or {mention}" if free else "")
        if policy.tables[key.referenced].keep:
            instead += (
                ", or say under `ignore` why it may stay: that row stays too, and names nobody"
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
        column = key.columns[-1]
        instead = (
            "make the column nullable and add it to `mentions`, or own the table by it, or, where they wrote it about "
            f"somebody else, add `author: {{{column}: tombstone}}`"
        )
        return Mistake(path, what + f"and would keep that {kind}'s row from being erased", instead)
    if declared:
        instead = f"own the table `through: [{key.name}]`, or say under `ignore` why it may stay"
        return Mistake((*path, "references", key.name), what + "and nothing says why", instead)
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
    def theirs(key: ForeignKey) -> bool:
        return bool(policy.tables.get(key.referenced, Table.model_construct()).owner)

    silent = [_spelled(k) for k in catalog.foreign_keys if k.on_delete in "cnd" and theirs(k)]
    if silent:
        yield _counted(
            silent,
            "with ON DELETE CASCADE or SET NULL; the erasure ends those rows itself, counted",
        )
    real = (k for k in catalog.foreign_keys if not isinstance(k, virtual.Virtual))
    unchecked = [_spelled(k) for k in real if not k.validated]
    if unchecked:
        yield _counted(unchecked, "not validated, so old rows may point nowhere")


def _spelled(key: ForeignKey) -> str:
    return f"{key.table}.{'+'.join(key.columns)} -> {key.referenced}"


def _counted(keys: list[str], what: str) -> str:
    shown = ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")
    return f"{counted(len(keys), 'foreign key')} {what}: {shown}"
