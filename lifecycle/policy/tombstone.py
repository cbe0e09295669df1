"""The row that stands for whoever is gone, where a reference may not be NULL: what it needs, and which row it is. Pure.

`lifecycle init` makes it, `doctor` looks after it, and neither an erasure nor a rule ends it.
"""

from collections.abc import Iterator

from psycopg import sql

from lifecycle.config.mistake import Where
from lifecycle.policy import virtual
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy
from lifecycle.policy.people import Subject, Value
from lifecycle.policy.statements_of_rows import holds
from lifecycle.postgres.catalog import ForeignKey, Table


def of(policy: Policy, table: str) -> tuple[tuple[str, Value], ...]:
    """Return (column, value) of the key of each tombstone that stands in this table."""
    stones = (s for s in policy.subjects.values() if s.table == table and s.tombstone)
    return tuple(dict.fromkeys((s.key, (s.tombstone or {})[s.key]) for s in stones))


def needed(look: Look, path: Where, what: str, kind: str) -> None:
    """Say so where nobody stands for a person of this kind who is gone."""
    subject = look.policy.subjects.get(kind)
    if subject and subject.tombstone is None:
        instead = (
            f"add `tombstone: {{{subject.key}: ...}}` to subject {kind}, with a key that nobody has"
        )
        look.say(path, f"{what} needs somebody to name when a {kind} is gone", instead)


def names(
    look: Look,
    path: Where,
    key: ForeignKey,
    kind: str,
    instead: str = "write `set null`, with columns that may be NULL",
) -> None:
    """Say so where a reference cannot hold the tombstone: it is over several columns, or leads to no value of it."""
    subject = look.policy.subjects.get(kind)
    if subject is None or subject.tombstone is None:
        return
    what = f"{virtual.spelled(key)} leads to {key.referenced} ({', '.join(key.referenced_columns)})"
    if key.referenced != subject.table:
        what += f", and the tombstone of a {kind} is a row of {subject.table}"
        look.say(path, what, instead)
    elif len(key.columns) > 1:
        look.say(path, what + ", and a tombstone is named by one column alone", instead)
    elif key.referenced_columns[0] not in subject.tombstone:
        instead = f"add `{key.referenced_columns[0]}:` to the tombstone, with a value nobody has"
        look.say(path, what + ", of which the tombstone has no value", instead)


def stands(look: Look, path: Where, table: str, column: str, instead: str) -> None:
    """Say so where rows of two who are gone could not both name the tombstone in this column, or would move by it."""
    unique, said = look.catalog.tables[table].unique, list[frozenset[str]]()
    if look.catalog.tables[table].divided_by(column):
        what = f"{table} is partitioned by {column}: a row that names the tombstone would move to another part"
        look.say(path, what, "own the rows by it, or partition the table by another column")
    for rule in look.catalog.tables[table].apart:
        one, told_apart = rule.columns, any(other <= rule.own - {column} for other in unique)
        if column in one and not told_apart and one not in said:
            said.append(one)
            what = f"{', '.join(sorted(one))} is unique, and rows of two who are gone would both name the tombstone"
            look.say(path, what, instead)


def truth(look: Look) -> None:
    """Say so where a row cannot be made as the policy has it: a column of it is missing."""
    for kind, subject in look.policy.subjects.items():
        table = look.catalog.tables.get(subject.table)
        if table is None or subject.tombstone is None:
            continue
        for column in table.columns:
            filled = column.has_default or column.generated or column.identity
            if column.not_null and not filled and column.name not in subject.tombstone:
                what = f"{table.name}.{column.name} may not be NULL, and the tombstone has no value for it"
                look.say(
                    ("subjects", kind, "tombstone"), what, f"add `{column.name}:` with a value"
                )


def its_own(table: Table, subject: Subject) -> sql.Composed:
    """Return the condition that a row `s` has the tombstone's key."""
    key = table.column(subject.key)
    stone = subject.tombstone
    return holds(key, stone[subject.key]) if key and stone else sql.SQL("false").format()


def differs(table: Table, subject: Subject) -> Iterator[sql.Composable]:
    """Yield by what a row `s` with the tombstone's key is another one: a value that is not as said, or a name."""
    said = subject.tombstone or {}
    for name, value in said.items():
        column = table.column(name)
        if column and name != subject.key:
            yield sql.SQL("({}) is not true").format(holds(column, value))
    for name in subject.own_identifiers:
        if name not in said:
            yield sql.SQL("s.{} is not null").format(sql.Identifier(name))
