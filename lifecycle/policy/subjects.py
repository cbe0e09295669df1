"""Judges what a policy says about its people: where they are, what names them, who stands for whoever is gone.

Pure. `sense` needs no database, `truth` holds it against the catalog.
"""

import re
from collections.abc import Iterator, Mapping

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy
from lifecycle.policy.names import split_column
from lifecycle.policy.people import Identifier, Subject, Value
from lifecycle.postgres.catalog import Column

_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
_LENGTH = re.compile(r"character(?: varying)?\((\d+)\)")
_NUMBERS = ("smallint", "integer", "bigint", "numeric")


def sense(policy: Policy) -> Iterator[Mistake]:
    """Find what does not belong together."""
    for kind, subject in policy.subjects.items():
        table = policy.tables.get(subject.table)
        if table and (table.owner or {}).get(kind) != subject.key:
            yield Mistake(
                ("tables", subject.table),
                f"the table of subject {kind!r} is not owned by its own key",
                f"write `owner: {{{kind}: {subject.key}}}`",
            )
        named = [one.column for one in subject.names()]
        repeated = [
            c
            for one, c in zip(subject.names(), named, strict=True)
            if not (one.where or one.path) and named.count(c) > 1
        ]
        if repeated:
            where = ("subjects", kind, "identifiers")
            yield Mistake(where, f"column {repeated[0]!r} is there twice", "keep one of them")
        for index, one in enumerate(subject.names()):
            if one.column in (subject.key, f"{subject.table}.{subject.key}"):
                where = ("subjects", kind, "identifiers", index)
                what = f"{one.column} is the key, which is looked for anyway"
                yield Mistake(where, what, "take it out, or name what people call them by")
        if subject.tombstone is not None and subject.key not in subject.tombstone:
            instead = f"add `{subject.key}:` with a value that nobody has"
            yield Mistake(("subjects", kind, "tombstone"), "it has no key", instead)
        yield from _elsewhere(policy, kind, subject)
    yield from _alike(policy)


def _elsewhere(policy: Policy, kind: str, subject: Subject) -> Iterator[Mistake]:
    """Find identifiers in tables whose rows are not the person's, and earlier ones where those of today stand."""
    for index, one in enumerate(subject.names()):
        table = split_column(one.column)[0]
        entry = policy.tables.get(table)
        if table and entry and kind not in (entry.owner or {}):
            yield Mistake(
                ("subjects", kind, "identifiers", index),
                f"rows of {table} are no {kind}'s",
                f"say under `tables` whose they are: `{table}: {{owner: {{{kind}: ...}}}}`",
            )
        if one.earlier and one.path is None and table in ("", subject.table):
            yield Mistake(
                ("subjects", kind, "identifiers", index, "earlier"),
                f"{one.column} stands in the person's own row, which has what they go by now",
                "take `earlier` out, or name the table or the images with the values before",
            )


def _alike(policy: Policy) -> Iterator[Mistake]:
    """Find two kinds of people that are the same rows."""
    seen: dict[tuple[str, str], str] = {}
    for kind, subject in policy.subjects.items():
        first = seen.setdefault((subject.table, repr(sorted(subject.where.items()))), kind)
        if first != kind:
            what = f"the same rows of {subject.table} as subject {first!r}"
            instead = "say of both which rows they are, as `where: {role: patient}`"
            yield Mistake(("subjects", kind), what, instead)


def truth(look: Look) -> None:
    """Look up the columns that are named."""
    for kind, subject in look.policy.subjects.items():
        path: Where = ("subjects", kind)
        key = look.column((*path, "key"), subject.table, subject.key)
        if key and not key.not_null:
            what = f"{subject.table}.{subject.key} may be NULL"
            look.say((*path, "key"), what, "name a column that identifies every person")
        for index, one in enumerate(subject.names()):
            _identifier(look, path, index, subject, one)
        if subject.payer:
            look.column((*path, "payer", "column"), *split_column(subject.payer.column))
        _values(look, (*path, "where"), subject.table, subject.where)
        _values(look, (*path, "tombstone"), subject.table, subject.tombstone or {})


def _identifier(look: Look, path: Where, index: int, subject: Subject, one: Identifier) -> None:
    table, name = split_column(one.column)
    bare = isinstance(subject.identifiers[index], str)
    at: Where = (*path, "identifiers") if bare else (*path, "identifiers", index, "column")
    column = look.column(at, table or subject.table, name)
    if column and one.path and column.type not in ("json", "jsonb"):
        what = f"{name} is {column.type}, and a path leads into JSON"
        instead = "take `path` out, or name a JSON column"
        look.say((*path, "identifiers", index, "path"), what, instead)
    if column and one.path is None and column.type in ("json", "jsonb"):
        what = f"{name} is {column.type}, in which no value stands alone"
        instead = "say where it stands: `path: $.email`"
        look.say((*path, "identifiers", index), what, instead)
    if column and column.type.endswith("[]"):
        what = f"{name} is {column.type}, in which no value stands alone"
        instead = "name a table with one row for each value"
        look.say((*path, "identifiers", index), what, instead)
    if column and one.form == "email" and not may_be_mail(column):
        what = f"{name} is {column.type}, in which no address stands"
        instead = "take `form` out, or write `form: digits`"
        look.say((*path, "identifiers", index, "form"), what, instead)
    _values(look, (*path, "identifiers", index, "where"), table or subject.table, one.where)


def _values(
    look: Look, path: Where, table: str, said: Mapping[str, Value | tuple[Value, ...]]
) -> None:
    """Say so where a column is not there, or cannot have a value that is named."""
    for name, values in said.items():
        column = look.column((*path, name), table, name)
        for value in values if isinstance(values, tuple) else (values,):
            if column and not _can_be(column, value):
                what = f"{table}.{name} is {column.type}, which {value!r} is not"
                instead = "put texts in quotes, and write numbers, true and false without"
                look.say((*path, name), what, instead)
            elif column and not _has_room(column, value):
                what = f"{table}.{name} is {column.type}, and {value!r} is beyond it"
                look.say((*path, name), what, "write a value that fits into the column")


def may_be_mail(column: Column) -> bool:
    """Say whether an address can stand in such a column."""
    bare = column.type.partition("(")[0].partition(" with")[0]
    return bare not in (
        *_NUMBERS,
        "boolean",
        "real",
        "double precision",
        "date",
        "timestamp",
        "uuid",
    )


def _can_be(column: Column, value: Value) -> bool:
    if isinstance(value, bool):
        return column.type == "boolean"
    if isinstance(value, int):
        return column.type.partition("(")[0] in _NUMBERS
    return column.type not in ("boolean", *_NUMBERS)


def _has_room(column: Column, value: Value) -> bool:
    if isinstance(value, str):
        length = _LENGTH.fullmatch(column.type)
        return length is None or len(value) <= int(length[1])
    bits = _BITS.get(column.type)
    return bits is None or -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)
