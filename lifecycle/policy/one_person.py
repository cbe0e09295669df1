"""Judges whether what the policy takes for a person's key is one person's: of that kind, and nobody else's.

Pure. A key is compared by its value, and a value says nothing of its table: 1 is a patient, a nurse and a profile. So
an owner's column that has keys leads by one of them to the key of that kind of people; one without any key is believed
where it is said of one kind alone; and what rows are found by is unique where it leads.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from lifecycle.config.mistake import Where, dotted
from lifecycle.policy import lookalikes, virtual
from lifecycle.policy.look import Look
from lifecycle.policy.people import Subject
from lifecycle.policy.reference import Reference, Target
from lifecycle.postgres.catalog import ForeignKey

Place = tuple[str, str]
"""A table and a column of it."""

Leads = Mapping[Place, tuple[Place, ...]]
"""Place -> the places whose values it has; a column by whose value alone nothing is found leads to none of them."""


def truth(look: Look) -> None:
    """Hold it against the catalog, which has the references among its keys."""
    leads = _leads(look.catalog.foreign_keys)
    for kind, subject in look.policy.subjects.items():
        _key(look, ("subjects", kind, "key"), subject)
    for name, table in look.policy.tables.items():
        if name not in look.catalog.tables:
            continue
        named = {
            kind: how
            for kind, how in (table.owner or {}).items()
            if isinstance(how, str) and _owner(look, leads, name, kind, how)
        }
        _kinds(look, leads, name, named)
        for reference, said in table.references.items():
            if reference not in table.ignore:
                for value, target in said.targets():
                    _unique(look, name, reference, said, value, target)
        _two_ends(look, leads, name)


def may_name(look: Look, kind: str, table: str, column: str) -> bool:
    """Say whether the values of a column are keys of this kind of people, or nobody says whose keys they are."""
    leads, place = _leads(look.catalog.foreign_keys), (table, column)
    return not leads.get(place) or _names(look, leads, kind, place)


def _leads(keys: Iterable[ForeignKey]) -> Leads:
    found: defaultdict[Place, list[Place]] = defaultdict(list)
    for key in keys:
        plain = not isinstance(key, virtual.Virtual) or key.said.plain
        for own, theirs in zip(key.columns, key.referenced_columns, strict=True):
            found[key.table, own].extend([(key.referenced, theirs)] if plain else [])
    return {place: tuple(there) for place, there in found.items()}


def _meaning(look: Look, leads: Leads, kind: str, place: Place) -> set[Place]:
    """Return the columns whose values stand in this one, however far its keys lead: two that share one mean the same.

    Where a row's owner of this kind stands without any key, it is that kind's own.
    """
    found, waiting = {place}, [place]
    while waiting:
        table, column = here = waiting.pop()
        subject, entry = look.policy.subjects.get(kind), look.policy.tables.get(table)
        owns = entry is not None and (entry.owner or {}).get(kind) == column
        by_value = subject and here not in leads and owns
        there = ((subject.table, subject.key),) if subject and by_value else leads.get(here, ())
        waiting += set(there) - found
        found |= set(there)
    return found


def _names(look: Look, leads: Leads, kind: str, place: Place) -> bool:
    subject = look.policy.subjects[kind]
    own = _meaning(look, leads, kind, (subject.table, subject.key))
    return not own.isdisjoint(_meaning(look, leads, kind, place))


def _key(look: Look, path: Where, subject: Subject) -> None:
    people = look.catalog.tables.get(subject.table)
    if people and people.column(subject.key) and not people.tells_apart([subject.key]):
        what = f"several people can have the same {subject.table}.{subject.key}: "
        what += "no unique index of all rows is over it alone"
        instead = (
            f"name one that is unique, or `create unique index on {subject.table} ({subject.key})`"
        )
        look.say(path, what, instead)


def _owner(look: Look, leads: Leads, table: str, kind: str, column: str) -> bool:
    """Say so where the keys of an owner's column lead elsewhere; return whether it names a person."""
    subject = look.policy.subjects.get(kind)
    if (table, column) not in leads:
        _another_key(look, leads, table, kind, column)
        return True
    if not subject or _names(look, leads, kind, (table, column)):
        return True
    key = next(k for k in look.catalog.foreign_keys if k.table == table and column in k.columns)
    there = dict(zip(key.columns, key.referenced_columns, strict=True))[column]
    what, by = f"{column} leads to {key.referenced}.{there}", ", ".join(sorted(virtual.names(key)))
    target = look.policy.tables.get(key.referenced)
    instead = f"name the column that holds {subject.table}.{subject.key}"
    if isinstance(key, virtual.Virtual) and not key.said.plain:
        how = f"where {key.said.type} says so" if key.said.type else "as the reference says"
        what, instead = f"{what} only {how}", f"own it `through: [{by}]`"
    else:
        what += f", which is no {kind}'s key ({subject.table}.{subject.key})"
        if target and kind in (target.owner or {}):
            instead = f"where the row is theirs whose that one is, own it `through: [{by}]`"
    look.say(("tables", table, "owner", kind), what, instead)
    return False


def _another_key(look: Look, leads: Leads, table: str, kind: str, column: str) -> None:
    """Say so where a column without any key is called as another table's key is: `visit_id`, and visits.visit_id."""
    subject, here = look.policy.subjects.get(kind), look.catalog.tables[table].column(column)
    people = look.catalog.tables.get(subject.table) if subject else None
    if not subject or not here or not people:
        return
    theirs = {name for name, _ in lookalikes.facts(kind, people, subject.key, ())}
    for other in look.catalog.tables.values():
        if column.lower() in theirs or other.name in (table, subject.table):
            continue
        key = lookalikes.key_called(other, here)
        if key and not _names(look, leads, kind, (other.name, key)):
            what = f"{column} is called as the key of {other.name} is, and no foreign key or reference says whose it is"
            instead = (
                f"write `references: {{{column}: {{to: {other.name}({key})}}}}` and own it `through: [{column}]`, or, "
                f"where it holds {subject.table}.{subject.key}, `references: {{{column}: {{to: "
                f"{subject.table}({subject.key})}}}}`"
            )
            look.say(("tables", table, "owner", kind), what, instead)
            return


def _kinds(look: Look, leads: Leads, table: str, columns: Mapping[str, str]) -> None:
    """Say so where one column names people of two tables: the same value is one of each."""
    for one, other in combinations(columns, 2):
        first, second = (look.policy.subjects.get(kind) for kind in (one, other))
        column = columns[one]
        if not first or not second or columns[other] != column:
            continue
        meant = [_meaning(look, leads, k, (s.table, s.key)) for k, s in ((one, first), (other, second))]  # fmt: skip
        if meant[0].isdisjoint(meant[1]):
            path = ("tables", table, "owner")
            what = f"{column} names a {one} as well ({dotted((*path, one))}): the same value is one of each"
            pairs = ", ".join(f"{s.table.title()}: {s.table}({s.key})" for s in (first, second))
            instead = (
                f"add `references: {{{column}: {{type: COLUMN, of: {{{pairs}}}}}}}` with the column that tells them "
                f"apart, and own it `through: [{column}]` for both"
            )
            look.say((*path, other), what, instead)


def _unique(
    look: Look, table: str, name: str, said: Reference, value: str | None, to: Target
) -> None:
    """Say so where rows of several people can have the values that a reference leads to.

    Of what is written in several forms no index says so: an erasure asks the rows themselves.
    """
    there, entry = look.catalog.tables.get(to.table), look.policy.tables.get(to.table)
    known = there and entry and entry.owner and all(there.column(c) for c in to.columns)
    if not there or not entry or not known or said.form != "text":
        return
    # Rows with one owner's key are one owner's, however many they are.
    one_owner = all(how in to.columns for how in (entry.owner or {}).values())
    if not one_owner and not there.tells_apart(to.columns):
        path: Where = ("tables", table, "references", name)
        columns = ", ".join(to.columns)
        what = f"rows of several people can have the same {columns} in {to.table}: "
        what += "no unique index of all rows is over it"
        instead = (
            f"lead to what is unique there, or `create unique index on {to.table} ({columns})`"
        )
        look.say((*path, "to") if value is None else (*path, "of", value), what, instead)


def _two_ends(look: Look, leads: Leads, table: str) -> None:
    """Say so where a number is led to two tables at once: the same number is a row of each."""
    for one, other in combinations(_numbers(look, table), 2):
        ends = [(key.referenced, key.referenced_columns[0]) for key in (one, other)]
        meant = [_meaning(look, leads, "", end) for end in ends]
        declared = next((k for k in (other, one) if isinstance(k, virtual.Virtual)), None)
        told_apart = _typed(one) and _typed(other)
        same = one.columns == other.columns and not told_apart
        if same and declared and meant[0].isdisjoint(meant[1]):
            first = one if declared is other else other
            what = (
                f"{one.columns[0]} leads to {first.referenced} as well ({virtual.spelled(first)})"
            )
            instead = "take one of them out, or say with `type` and `of` which rows lead where"
            look.say(("tables", table, "references", declared.name), what, instead)


def _numbers(look: Look, table: str) -> Iterator[ForeignKey]:
    """Yield the keys of one number each by which the policy finds rows."""
    ignored = look.policy.tables[table].ignore
    for key in look.catalog.foreign_keys:
        if key.table != table or len(key.columns) != 1:
            continue
        column = look.catalog.tables[table].column(key.columns[0])
        number = column is not None and column.type in (*virtual.WHOLE, "numeric")
        plain = not isinstance(key, virtual.Virtual) or key.said.plain or _typed(key)
        left = isinstance(key, virtual.Virtual) and key.name in ignored
        if number and plain and not left:
            yield key


def _typed(key: ForeignKey) -> bool:
    return isinstance(key, virtual.Virtual) and key.of_type is not None
