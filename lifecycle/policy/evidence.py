"""What a look at some rows says about whose they are: how many people a column names, whether its values are anybody's.

Reads a sample of each table within a time in all, counts it inside the database, and brings home numbers only. What it
could not read it leaves out: whoever listens then knows nothing about that table, and asks a person.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.policy import guess, statements, unkeyed
from lifecycle.policy.asking import Ask, asking
from lifecycle.policy.lookalikes import family
from lifecycle.policy.reference import Reference
from lifecycle.policy.unkeyed import Proposal
from lifecycle.postgres.catalog import Catalog, Table

BUDGET = timedelta(seconds=10)
"""How long all samples of one database may take together."""

_COUNTED = ("smallint", "integer", "bigint", "uuid", "text")
"""Types of keys. Only PostgreSQL's own: to compare values of another type calls code of its owner.

Texts are counted only where they are keys: to sort long ones takes the time of all others.
"""

JSON = ("jsonb", "json")

_QUOTING = ("text", "jsonb", "json", "xml", "text[]")
_WEAK = re.compile(r"(?<!user)(?<!user_)name$")
"""Names that several people have, or that are written in several words."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A column in the sample: values that are not NULL, and how many different ones.

    `known`: how many of them are keys of the people's table, where no foreign key says so. `alike`: how many look like
    the e-mail address or telephone number of somebody. `telling`: how many may tell of somebody in another way: JSON by
    what a key in it is called, or a list of numbers; a text by being no words, of a table that no key leads from or to.
    """

    filled: int
    distinct: int
    known: int = 0
    alike: int = 0
    telling: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Table -> rows of its sample, and (table, column) -> what was seen. Without a table: it was not read.

    `quoting`: table -> rows in whose texts an identifier of one of the people stands, where that was asked.
    `references`: table -> what a column leads to, where all its values were found there and no foreign key says so.
    """

    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    columns: Mapping[tuple[str, str], Seen] = field(default_factory=dict[tuple[str, str], Seen])
    quoting: Mapping[str, int] = field(default_factory=dict[str, int])
    references: Mapping[str, Mapping[str, Reference]] = field(
        default_factory=dict[str, Mapping[str, Reference]]
    )

    def of(self, table: str, column: str) -> Seen:
        """Return what was seen of a column; nothing, where it was not read."""
        return self.columns.get((table, column), Seen(0, 0))


NOTHING = Evidence()


def read(
    conn: Connection[TupleRow],
    catalog: Catalog,
    people: Table,
    key: str,
    budget: timedelta = BUDGET,
) -> Evidence:
    """Sample every table of the database, the smallest first, for as long as the budget lasts."""
    end = clock.monotonic() + budget.total_seconds()
    rows: dict[str, int] = {}
    columns: dict[tuple[str, str], Seen] = {}
    quoting: dict[str, int] = {}
    references: dict[str, Mapping[str, Reference]] = {}
    key_type = family(found.type) if (found := people.column(key)) else ""
    of_people = (people, *guess.logins(catalog, people))
    names, kinds = _names(conn, of_people, key, end), _kinds(conn, catalog, end)
    leading = {(k.table, k.referenced) for k in catalog.foreign_keys}
    keyed = {(k.table, c) for k in catalog.foreign_keys for c in k.columns}
    for table in sorted(catalog.tables.values(), key=lambda t: (t.estimated_rows, t.name)):
        left = timedelta(seconds=end - clock.monotonic())
        if left <= timedelta(0):
            break
        referring = [c.name for c in table.columns if (table.name, c.name) in keyed]
        try:
            with asking(conn, table.owner, left) as ask:
                counted = _sample(ask, table, people, key, key_type, referring)
                quotes = {} if (table.name, people.name) in leading else _quoting(ask, table, names)
                named = names if any(quotes.values()) else []
                led = dict(_led(ask, catalog, people, key, table, counted, named, kinds))
                if more := _texts(table, led, referring):
                    counted = _sample(ask, table, people, key, key_type, [*referring, *more])
                counted |= _telling(ask, catalog, table, counted)
        except psycopg.Error:
            continue  # no right, no time, a foreign server that is away: nothing is known of it
        rows[table.name] = counted.pop("", Seen(0, 0)).filled
        columns |= {(table.name, name): seen for name, seen in counted.items()}
        quoting |= quotes
        references |= {table.name: led} if led else {}
    return Evidence(rows, columns, quoting, references)


def _led(
    ask: Ask,
    catalog: Catalog,
    people: Table,
    key: str,
    table: Table,
    counted: Mapping[str, Seen],
    names: Sequence[tuple[str, str]],
    kinds: unkeyed.Kinds,
) -> Iterator[tuple[str, Reference]]:
    """Yield each column that leads somewhere without a foreign key, with where."""
    own = table.name in {people.name, *(t.name for t in guess.logins(catalog, people))}
    addresses = [name for name, seen in counted.items() if name and seen.alike and not own]
    for proposed in (
        *unkeyed.proposals(catalog, people, key, table, kinds),
        *unkeyed.mails((people, *guess.logins(catalog, people)), addresses),
        *unkeyed.together(catalog, table),
        *unkeyed.numbers(catalog, table, names),
    ):
        asked = _of_types_there(ask, table, proposed) if proposed.type else proposed
        if asked.goals:
            filled, *found = (ask(statements.found(table, asked)) or [(0,)])[0]
            if said := unkeyed.believed(asked, table, people, filled, found):
                yield asked.name, said


def _of_types_there(ask: Ask, table: Table, asked: Proposal) -> Proposal:
    """Return the proposal with the goals whose name stands in its type column. Only names of ours come home."""
    words = [goal.spelled for goal in asked.goals]
    rows = ask(statements.spelled(table, asked.type, words))
    there = {word for (word,) in rows}
    return replace(asked, goals=tuple(g for g in asked.goals if g.spelled in there))


def _kinds(conn: Connection[TupleRow], catalog: Catalog, end: float) -> unkeyed.Kinds:
    """Return what the tables that list types say of ours. Only names of ours come home."""
    found: dict[str, dict[str, str]] = {}
    names = {t.relname: t.name for t in catalog.tables.values()}
    for table in filter(unkeyed.lists, catalog.tables.values()):
        try:
            with asking(conn, table.owner, timedelta(seconds=end - clock.monotonic())) as ask:
                rows = ask(statements.kinds(table, list(names)))
        except psycopg.Error:
            continue  # as of any table that may not be read
        found[table.name] = {kind: names[name] for kind, name in rows}
    return found


def _names(
    conn: Connection[TupleRow], of_people: Sequence[Table], key: str, end: float
) -> list[tuple[str, str]]:
    """Return (table, column) whose values name one person and nobody else, wherever they stand.

    By the column's name; or as each of them has another one in it that is one word, as a number on a card.
    """
    found: dict[tuple[str, str], None] = {}
    for table in of_people:
        strong = [n for n in guess.identifiers(table, bare=False) if not _WEAK.search(n.lower())]
        found |= {(table.name, n): None for n in strong}
        texts = [
            c.name
            for c in table.columns
            if family(c.type) == "text" and c.name not in strong and not guess.secret(c.name)
        ]
        left = timedelta(seconds=end - clock.monotonic())
        try:
            with asking(conn, table.owner, left) as ask:
                each = (ask(statements.one_word_each(table, texts)) or [()])[0]
        except psycopg.Error:
            continue  # as of any table that may not be read
        keyed = {*table.primary_key, *(n for n, yes in zip(texts, each, strict=False) if yes)}
        found |= {(table.name, n): None for n in texts if n in keyed}
    key_column = of_people[0].column(key)
    if key_column and family(key_column.type) == "uuid":
        found[of_people[0].name, key] = None
    return list(found)


def _texts(table: Table, led: Mapping[str, Reference], counted: Sequence[str]) -> list[str]:
    """Return the texts that lead somewhere, as is known by now: others are not counted."""
    columns = [n for name, said in led.items() for n in said.columns or (name,)]
    texts = {c.name for c in table.columns if family(c.type) == "text"}
    return [n for n in columns if n in texts and n not in counted]


def _quoting(ask: Ask, table: Table, names: Sequence[tuple[str, str]]) -> dict[str, int]:
    texts = [c.name for c in table.columns if family(c.type) in _QUOTING]
    if not names or not texts:
        return {} if texts else {table.name: 0}
    query = statements.quoting(table, texts, names)
    [(count,)] = ask(query)
    return {table.name: count}


def _telling(
    ask: Ask, catalog: Catalog, table: Table, counted: Mapping[str, Seen]
) -> dict[str, Seen]:
    json = [c.name for c in table.columns if family(c.type) in JSON]
    alone = not any(table.name in (k.table, k.referenced) for k in catalog.foreign_keys)
    texts = [c.name for c in table.columns if alone and family(c.type) == "text"]
    texts = [name for name in texts if name not in table.primary_key]
    if not json + texts:
        return {}
    [counts] = ask(statements.telling(table, json, texts))
    return {
        name: replace(counted.get(name, Seen(0, 0)), telling=count)
        for name, count in zip((*json, *texts), counts, strict=True)
    }


def _sample(
    ask: Ask,
    table: Table,
    people: Table,
    key: str,
    key_type: str,
    referring: Sequence[str],
) -> dict[str, Seen]:
    counted = {*_COUNTED[:-1], key_type}
    keys = [
        c.name
        for c in table.columns
        if family(c.type) in counted or (c.name in referring and family(c.type) == "text")
    ]
    same = [
        c.name
        for c in table.columns
        if key_type in _COUNTED and family(c.type) == key_type and c.name not in referring
    ]
    told = [c.name for c in table.columns if family(c.type) == "text"]
    query = statements.sample(table, keys, same, told, people, key)
    numbers = list((ask(query) or [()])[0])
    total, rest = numbers[0], numbers[1:]
    filled = dict(zip(keys, rest, strict=False))
    distinct = dict(zip(keys, rest[len(keys) :], strict=False))
    known = dict(zip(same, rest[2 * len(keys) :], strict=False))
    alike = dict(zip(told, rest[2 * len(keys) + len(same) :], strict=True))
    found = {
        name: Seen(*(counts.get(name, 0) for counts in (filled, distinct, known, alike)))
        for name in {*keys, *same, *told}
    }
    return found | {"": Seen(total, 0)}
