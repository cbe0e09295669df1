"""Holds a policy against the live database: every table declared, every column there and fit for its part.

Pure: the catalog is handed in. `foreign_keys.py` judges the keys, and each section its own part.
A mistake means that nothing may be started;
a note is for a person to know.
"""

from dataclasses import dataclass

from lifecycle.config.mistake import Mistake, Where
from lifecycle.errors import Refused
from lifecycle.policy import (
    edges,
    foreign_keys,
    graph,
    lookalikes,
    one_person,
    subjects,
    taken_off,
    tombstone,
    triggers,
    virtual,
    whole,
)
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy, SharedBy, Through
from lifecycle.policy.names import split_column
from lifecycle.postgres.catalog import Catalog, Column
from lifecycle.words import counted, did_you_mean


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found."""

    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...]


def compare(policy: Policy, catalog: Catalog) -> Compared:
    """Return every mistake and note about the policy on this database."""
    policy = taken_off.declared(policy, catalog)
    look = Look(policy, virtual.joined(policy, catalog), [], [])
    _database(look)
    _tables(look)
    _inheriting(look)
    subjects.truth(look)
    tombstone.truth(look)
    _owners(look)
    one_person.truth(look)
    _columns_kept(look)
    edges.truth(look)
    for section, said in whole.present(policy):
        section.truth(said, look)
    _lookalikes(look)
    triggers.truth(look)
    mistakes, notes = foreign_keys.judge(policy, look.catalog)
    return Compared((*look.mistakes, *mistakes), (*look.notes, *notes))


def must_fit(policy: Policy, catalog: Catalog, *, but_for: str = "") -> None:
    """Raise Refused when the policy does not fit: whatever destroys asks first.

    Who does not know what one table holds does not know what hangs on the rows of another. `but_for` names a
    section whose entries the caller judges one by one.
    """
    mistakes = [m for m in compare(policy, catalog).mistakes if m.path[0] != but_for]
    if mistakes:
        raise Refused(
            f"the policy does not fit the database in {counted(len(mistakes), 'place')}, first: {mistakes[0]}",
            hint="Nothing was touched. `lifecycle policy check --live` lists them, with what to write instead.",
        )


def _database(look: Look) -> None:
    if look.policy.database != look.catalog.database:
        what = f"the policy is for {look.policy.database!r}, and this is {look.catalog.database!r}"
        look.say(("database",), what, "correct it, or the dsn")


def _tables(look: Look) -> None:
    declared, there = look.policy.tables, look.catalog.tables
    for name in there:
        if name not in declared:
            look.mistakes.append(not_declared(name))
    parents = {p.name: t.name for t in there.values() for p in t.partitions}
    for name in declared:
        if name in parents:
            what = f"{name} is a partition of {parents[name]}"
            look.say(("tables", name), what, f"declare {parents[name]} alone")
        elif name in look.catalog.views and declared[name].copy_of:
            continue
        elif name in look.catalog.views:
            look.say(("tables", name), f"{name} is a view", "declare the tables under it")
        elif name not in there:
            missing = [t for t in there if t not in declared]
            look.say(
                ("tables", name),
                f"table {name} is not in database {look.catalog.database}",
                did_you_mean(name, missing, "take it out, or create the table"),
            )


def not_declared(name: str) -> Mistake:
    """Return the mistake that a table is not in the file."""
    what = f"table {name} is in the database and not declared"
    return Mistake(("tables",), what, f"add `{name}:` with `owner:`, or `personal: none` and why")


def _inheriting(look: Look) -> None:
    children = [name for name, table in look.catalog.tables.items() if table.inherits]
    if children:
        what = "an erasure takes each by its own line; any other statement on the parent changes its rows too"
        look.notes.append(f"{', '.join(children)} inherit from another table: {what}")


def _owners(look: Look) -> None:
    without: list[str] = []
    for name, table in look.policy.tables.items():
        for kind, how in (table.owner or {}).items():
            path: Where = ("tables", name, "owner", kind)
            if isinstance(how, Through):
                _through(look, path, name, kind, how)
            elif isinstance(how, SharedBy):
                _shared_by(look, path, name, how)
            elif (
                isinstance(how, str)
                and _owner_column(look, path, how)
                and name in graph.deleted(look.policy, kind)
            ):
                without.append(f"{name}.{how}")
        for column in table.objects:
            look.column(("tables", name, "objects"), name, column)
    if without:
        look.notes.append(
            f"rows without an owner are nobody's and stay: {', '.join(without)} may be NULL"
        )


def _owner_column(look: Look, path: Where, name: str) -> bool:
    """Look at the column that names the person; say whether it may be NULL."""
    column = look.column(path, str(path[1]), name)
    return (
        column is not None and _same_type(look, path, str(path[3]), column) and not column.not_null
    )


def _same_type(look: Look, path: Where, kind: str, column: Column) -> bool:
    subject = look.policy.subjects.get(kind)
    people = look.catalog.tables.get(subject.table) if subject else None
    key = people.column(subject.key) if subject and people else None
    if subject is None or key is None or virtual.alike(key, column):
        return True
    here, there = virtual.typed_as(column), virtual.typed_as(key)
    what = f"{column.name} is {here}, and {subject.table}.{subject.key} is {there}"
    instead = (
        f"name the column that holds the key, or add `references: {{{column.name}: {{to: ..., form: ...}}}}` and own "
        f"the table `through: [{column.name}]`"
    )
    look.say(path, what, instead)
    return False


def _through(look: Look, path: Where, name: str, kind: str, how: Through) -> None:
    if name not in look.catalog.tables:
        return
    keys = graph.ways(look.policy, look.catalog, name, kind)
    covered = {word for key in keys for word in virtual.names(key)}
    loose = [word for word in edges.ways_named(look, path, name, how) if word not in covered]
    if loose:
        what = f"no foreign key over {', '.join(loose)} leads to a table that belongs to a {kind}"
        look.say(
            path,
            what,
            "name a foreign key's columns, say under `references` what these lead to, or own it by a column",
        )
    elif graph.goes_round(look.policy, look.catalog, name, kind):
        look.say(
            path, "goes round in a circle and reaches nobody", "own one of these tables by a column"
        )


def _shared_by(look: Look, path: Where, name: str, how: SharedBy) -> None:
    table, column = split_column(how.shared_by)
    if look.column(path, table, column) and not any(
        (key.table, key.columns, key.referenced) == (table, (column,), name)
        for key in look.catalog.foreign_keys
    ):
        look.say(
            path,
            f"{how.shared_by} has no foreign key to {name}",
            "name the column that points here",
        )


def _columns_kept(look: Look) -> None:
    for name, table in look.policy.tables.items():
        for column in table.keep.clear if table.keep else ():
            look.clearable(("tables", name, "keep", "clear"), name, column)


def _lookalikes(look: Look) -> None:
    for name, column, kind in lookalikes.undeclared(look.policy, look.catalog):
        look.mistakes.append(looks_like(name, column, kind))


def looks_like(name: str, column: str, kind: str) -> Mistake:
    """Return the mistake that a column of a table that is nobody's looks like a person."""
    return Mistake(
        ("tables", name),
        f"column {column} looks like a {kind}, in a table that is nobody's",
        f"say whose it is with `owner:`, or name {column} in `because:` with what it is",
    )
