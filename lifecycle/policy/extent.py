"""Says how far the words of two policies reach: whose rows a way leads to, who is of a kind, who is erased. Pure.

A sentence may stay as it is and mean other rows: `through: [about_id]` is written alike whether about_id leads to
visits or to people. `difference.py` asks here for what is meant by words that both files have.
"""

from collections.abc import Iterator

from lifecycle.policy import graph, virtual, whole
from lifecycle.policy.model import Owner, Parties, Policy, SharedBy, Through
from lifecycle.policy.names import split_column
from lifecycle.policy.people import Subject


def newly(old: Policy, new: Policy) -> Iterator[str]:
    """Yield what `new` destroys and `old` does not, by sentences that both have. Turned round: what no longer goes."""
    for kind in sorted(whole.erased(new) - whole.erased(old)):
        yield f"whoever is a {kind} is erased when they ask"
    for kind in new.subjects.keys() & old.subjects.keys():
        yield from _people(kind, old.subjects[kind], new.subjects[kind])
    for name in new.tables.keys() & old.tables.keys():
        for kind, how in (new.tables[name].owner or {}).items():
            before = (old.tables[name].owner or {}).get(kind)
            if before is not None and name in graph.deleted(new, kind):
                yield from _ways(old, new, name, kind, how, before)


def _people(kind: str, old: Subject, new: Subject) -> Iterator[str]:
    if (old.table, old.key) != (new.table, new.key) or not _within(new, old):
        said = [
            f"{column} is {' or '.join(map(str, _values(new, column)))}" for column in new.where
        ]
        which = f" in which {' and '.join(said)}" if said else ""
        yield f"{new.table}: a {kind} is each row{which}, by {new.key}"
    if new.payer and new.payer != old.payer:
        yield f"when a {kind} goes: the customer that {new.payer.column} names goes at Stripe"


def _within(one: Subject, other: Subject) -> bool:
    """Say whether everybody of `one` is of `other` too."""
    return all(
        column in one.where
        and {*map(repr, _values(one, column))} <= {*map(repr, _values(other, column))}
        for column in other.where
    )


def _values(subject: Subject, column: str) -> tuple[object, ...]:
    said = subject.where[column]
    return said if isinstance(said, tuple) else (said,)


def _ways(
    old: Policy, new: Policy, name: str, kind: str, how: Owner, before: Owner
) -> Iterator[str]:
    table, words = _words(new, name, kind, how)
    if table not in old.tables:
        return
    for word in words:
        if word in _words(old, name, kind, before)[1]:
            come = [
                to for to in _led(new, table, word, kind) if to not in _led(old, table, word, kind)
            ]
            yield from (f"{name}: when a {kind} goes: rows by {table}.{word}, {to}" for to in come)


def _words(policy: Policy, name: str, kind: str, how: Owner) -> tuple[str, tuple[str, ...]]:
    """Return (table, columns and references of it) by which rows of a table are somebody's."""
    match how:
        case str(column):
            return name, (column,)
        case Through():
            return name, how.through
        case Parties():
            return name, tuple(how.party)
        case SharedBy():
            subject = policy.subjects.get(kind)
            return subject.table if subject else name, (split_column(how.shared_by)[1],)


def _led(policy: Policy, table: str, word: str, kind: str) -> list[str]:
    """Return whereto a reference leads among the rows of this kind of people; nothing of what is no reference."""
    said = policy.tables[table].references.get(word)
    found: list[str] = []
    for value, target in said.targets() if said else ():
        there = policy.tables.get(target.table)
        if said and there and kind in (there.owner or {}):
            here = ", ".join(virtual.columns(word, said))
            typed = f" where {said.type} is {value}" if said.type else ""
            at = f" at {said.path}" if said.path else ""
            form = f" as {said.form}" if said.form != "text" else ""
            to = f"{target.table}({', '.join(target.columns)})"
            found.append(f"{here}{at}{typed} leads{form} to {to}")
    return found
