"""Asks rows how people are called: addresses and numbers by how they are written, and what images of rows keep.

`member.mbr_eml` is an e-mail address because its values are; a column's name is asked only where no row is there.
Counts come home, and names of our own tables.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.policy import guess, habits, statements, unkeyed
from lifecycle.policy.asking import Ask, asking
from lifecycle.policy.lookalikes import family
from lifecycle.policy.people import Form, Identifier
from lifecycle.policy.seen import Seen
from lifecycle.policy.statements_of_json import images_in
from lifecycle.postgres.catalog import Table

_WEAK = re.compile(r"(?<!user)(?<!user_)name$")
"""Names that several people have, or that are written in several words."""

_NEARLY = 0.9
"""So many values must be written alike before a column has a form."""

_HALF = 0.5

Forms = Mapping[tuple[str, str], Form]


@dataclass(frozen=True, slots=True)
class Called:
    """What names the people.

    `names`: (table, column) whose values name one person and nobody else, wherever they stand. `forms`: how the columns
    of their own tables are written. `mails`: of each of these tables the column with the e-mail address.
    """

    names: list[tuple[str, str]]
    forms: Forms
    mails: Mapping[str, str] = field(default_factory=dict[str, str])


def people(conn: Connection[TupleRow], of_people: Sequence[Table], key: str, end: float) -> Called:
    """Return what names these people: in the first table by `key`, and in those of their logins."""
    found: dict[tuple[str, str], None] = {}
    forms: dict[tuple[str, str], Form] = {}
    for table in of_people:
        strong = [n for n in guess.identifiers(table, bare=False) if not _WEAK.search(n.lower())]
        found |= {(table.name, n): None for n in strong}
        texts = [c.name for c in table.columns if family(c.type) == "text"]
        texts = [n for n in texts if not guess.secret(n)]
        left = timedelta(seconds=end - clock.monotonic())
        try:
            with asking(conn, table.owner, left) as ask:
                more, _ = of_table(ask, table, texts)
                each = (ask(statements.one_word_each(table, texts)) or [()])[0]
        except psycopg.Error:
            continue  # as of any table that may not be read
        forms |= more
        keyed = {*table.primary_key, *(n for n, yes in zip(texts, each, strict=False) if yes)}
        found |= dict.fromkeys(more)
        found |= {(table.name, n): None for n in texts if n in keyed and n not in strong}
    key_column = of_people[0].column(key)
    if key_column and family(key_column.type) == "uuid":
        found[of_people[0].name, key] = None
    return Called(list(found), forms, dict(_mails(of_people, forms)))


def _mails(of_people: Sequence[Table], forms: Forms) -> Iterator[tuple[str, str]]:
    """Yield (table, column) of the first column with e-mail addresses, by its name or by its values."""
    for table in of_people:
        written = [c.name for c in table.columns if forms.get((table.name, c.name)) == "email"]
        named = [n for n in guess.identifiers(table) if "mail" in n.lower()]
        yield from ((table.name, name) for name in (*named, *written)[:1])


def of_table(ask: Ask, table: Table, texts: Sequence[str]) -> tuple[Forms, Mapping[str, int]]:
    """Return how columns are written, and in how many rows of each text somebody's name stands."""
    if not texts:
        return {}, {}
    counts = iter((ask(statements.forms(table, texts)) or [()])[0])
    forms: dict[tuple[str, str], Form] = {}
    named: dict[str, int] = {}
    for name, (filled, mails, phones, names) in zip(
        texts, zip(*[counts] * 4, strict=True), strict=False
    ):
        named[name] = names
        if mails > _NEARLY * filled or phones > _NEARLY * filled:
            forms[table.name, name] = "email" if mails > _NEARLY * filled else "phone"
    return forms, named


def named(counted: Mapping[str, Seen], names: Mapping[str, int]) -> dict[str, Seen]:
    """Return what was seen of columns, with those in which somebody's name stands, however they are called."""
    return {
        name: replace(counted[name], named=max(counted[name].named, count))
        for name, count in names.items()
        if name in counted
    }


def images(
    ask: Ask, table: Table, json: Sequence[str], of: Table, known: Called
) -> Iterator[Identifier]:
    """Yield what names a person in images of rows of `of`, their table, as a log of changes keeps in these columns."""
    names = [n for t, n in known.names if t == of.name and n not in of.primary_key]
    texts = [c.name for c in table.columns if family(c.type) == "text"]
    words = list(dict.fromkeys((of.name, *unkeyed.written(of.relname))))
    columns = [c.name for c in of.columns]
    for column in json if names else ():
        [(rows, whole, *counts)] = ask(images_in(table, column, columns, names, texts, words))
        having, spelled = counts[: len(names)], counts[len(names) :]
        kinds = {text: word for text, word in zip(texts, spelled, strict=True) if word}
        if not kinds and whole < _HALF * rows:
            continue  # nothing says whose rows these are images of
        where = dict(list(kinds.items())[:1])
        for name, count in zip(names, having, strict=True):
            if count >= statements.ENOUGH and habits.plain(name):
                form = known.forms.get((of.name, name), "text")
                yield Identifier(
                    column=f"{table.name}.{column}", path=f"$.{name}", form=form, earlier=True, where=where
                )  # fmt: skip
