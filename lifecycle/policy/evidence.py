"""What a look at some rows says about whose they are: how many people a column names, whether its values are anybody's.

Reads a sample of each table within a time in all, counts it inside the database, and brings home numbers only. What it
could not read it leaves out: whoever listens then knows nothing about that table, and asks a person.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.policy import called, guess, habits, inside, leads, statements
from lifecycle.policy.asking import Ask, asking
from lifecycle.policy.leads import Known
from lifecycle.policy.lookalikes import family
from lifecycle.policy.reference import Reference
from lifecycle.policy.seen import Both, Evidence, Seen
from lifecycle.postgres.catalog import Catalog, Table

BUDGET = timedelta(seconds=10)
"""How long all samples of one database may take together."""

_COUNTED = ("smallint", "integer", "bigint", "uuid", "text")
"""Types of keys. Only PostgreSQL's own: to compare values of another type calls code of its owner.

Texts are counted only where they are keys: to sort long ones takes the time of all others.
"""

JSON = ("jsonb", "json")

_QUOTING = ("text", "jsonb", "json", "xml", "text[]")


def read(
    conn: Connection[TupleRow],
    catalog: Catalog,
    people: Table,
    key: str,
    budget: timedelta = BUDGET,
) -> Evidence:
    """Sample every table of the database, the smallest first, for as long as the budget lasts."""
    end = clock.monotonic() + budget.total_seconds()
    of_people = (people, *guess.logins(catalog, people))
    who, kinds = called.people(conn, of_people, key, end), leads.kinds(conn, catalog, end)
    known = Known(catalog, people, key, who, kinds)
    parts: list[Evidence] = []
    for table in sorted(catalog.tables.values(), key=lambda t: (t.estimated_rows, t.name)):
        left = timedelta(seconds=end - clock.monotonic())
        if left <= timedelta(0):
            break
        try:
            with asking(conn, table.owner, left) as ask:
                parts.append(_of_table(ask, known, table))
        except psycopg.Error:
            continue  # no right, no time, a foreign server that is away: nothing is known of it
    return Evidence(
        rows={name: n for part in parts for name, n in part.rows.items()},
        columns={column: seen for part in parts for column, seen in part.columns.items()},
        quoting={name: n for part in parts for name, n in part.quoting.items()},
        references={name: said for part in parts for name, said in part.references.items()},
        both={pair: both for part in parts for pair, both in part.both.items()},
        forms={at: form for one in (who, *parts) for at, form in one.forms.items()},
        images={name: found for part in parts for name, found in part.images.items()},
    )


def _of_table(ask: Ask, known: Known, table: Table) -> Evidence:
    """Return what a sample of this table shows. Raise psycopg.Error as it comes."""
    keys = [k for k in known.catalog.foreign_keys if k.table == table.name]
    referring = [c.name for c in table.columns if any(c.name in k.columns for k in keys)]
    counted = _sample(ask, known, table, referring)
    to_people = (known.people.name, (known.key,))
    sides = [k.columns[0] for k in keys if (k.referenced, k.referenced_columns) == to_people]
    related = any(k.referenced == known.people.name for k in keys)
    quotes = {} if related else _quoting(ask, table, known.who.names)
    looked = list(leads.looked(ask, known, table, counted, quoting=any(quotes.values())))
    led = {name: said for name, said in looked if said}
    if any(quotes.values()) and (wrote := {name for name in led if habits.writer(name)}):
        quotes = _quoting(ask, table, known.who.names, wrote)
    if more := leads.texts(table, led, referring):
        counted = _sample(ask, known, table, [*referring, *more])
    counted |= _telling(ask, known, table, counted)
    forms = _forms(ask, table, counted)
    json = _telling_json(table, counted)
    images = tuple(called.images(ask, table, json, known.people, known.who))
    if not related and not any(_to_people(known, said) for said in led.values()):
        led |= inside.looked(ask, known, table, _telling_json(table, counted), counted[""].filled)
    counted |= leads.apart(ask, table, [n for n, said in looked if not said], counted)
    return Evidence(
        rows={table.name: counted.pop("", Seen(0, 0)).filled},
        columns={(table.name, name): seen for name, seen in counted.items()},
        quoting=quotes,
        references={table.name: led} if led else {},
        both=_both(ask, table, tuple(dict.fromkeys(sides))),
        forms=forms,
        images={table.name: images} if images else {},
    )


def _forms(ask: Ask, table: Table, counted: dict[str, Seen]) -> called.Forms:
    """Return how columns are written, of a table with addresses or numbers; put down where names stand in it."""
    if not any(seen.alike >= statements.ENOUGH for seen in counted.values()):
        return {}
    texts = [c.name for c in table.columns if family(c.type) == "text"]
    forms, names = called.of_table(ask, table, texts)
    counted |= called.named(counted, names)
    return forms


def _to_people(known: Known, said: Reference) -> bool:
    return any(to.table == known.people.name for _, to in said.targets())


def _telling_json(table: Table, counted: Mapping[str, Seen]) -> list[str]:
    """Return the JSON in which somebody may stand, as a key in it is called so."""
    json = [c.name for c in table.columns if family(c.type) in JSON]
    return [name for name in json if counted.get(name, Seen(0, 0)).telling]


def _both(ask: Ask, table: Table, columns: Sequence[str]) -> dict[tuple[str, str, str], Both]:
    """Return who stands in two of these columns, of each two of them."""
    pairs = list(combinations(columns, 2))
    counts = iter((ask(statements.common(table, pairs)) or [()])[0] if pairs else ())
    return {
        (table.name, *pair): Both(*two)
        for pair, two in zip(pairs, zip(counts, counts, strict=True), strict=False)
    }


def _quoting(
    ask: Ask, table: Table, names: Sequence[tuple[str, str]], but: Collection[str] = ()
) -> dict[str, int]:
    """Return in how many rows people are quoted, `but` for columns of which is known whom they name."""
    texts = [c.name for c in table.columns if family(c.type) in _QUOTING and c.name not in but]
    if not names or not texts:
        return {} if texts else {table.name: 0}
    query = statements.quoting(table, texts, names)
    [(count,)] = ask(query)
    return {table.name: count}


def _telling(ask: Ask, known: Known, table: Table, counted: Mapping[str, Seen]) -> dict[str, Seen]:
    json = [c.name for c in table.columns if family(c.type) in JSON]
    alone = not any(table.name in (k.table, k.referenced) for k in known.catalog.foreign_keys)
    texts = [c.name for c in table.columns if alone and family(c.type) == "text"]
    texts = [name for name in texts if name not in table.primary_key]
    if not json + texts:
        return {}
    own = [n for t, n in known.who.names if t == known.people.name and habits.plain(n)]
    [counts] = ask(statements.telling(table, json, texts, own))
    return {
        name: replace(counted.get(name, Seen(0, 0)), telling=count)
        for name, count in zip((*json, *texts), counts, strict=True)
    }


def _sample(ask: Ask, known: Known, table: Table, referring: Sequence[str]) -> dict[str, Seen]:
    key_type = family(found.type) if (found := known.people.column(known.key)) else ""
    counted = {*_COUNTED[:-1], key_type}
    # A row's own number leads nowhere and is there once: it is the dearest column to count.
    own = {*table.primary_key} & {"id"} if len(table.primary_key) == 1 else set[str]()
    columns = [c for c in table.columns if c.name in referring or c.name not in own]
    keys = [
        c.name
        for c in columns
        if family(c.type) in counted or (c.name in referring and family(c.type) == "text")
    ]
    same = [
        c.name
        for c in columns
        if key_type in _COUNTED and family(c.type) == key_type and c.name not in referring
    ]
    told = [c.name for c in table.columns if family(c.type) == "text"]
    called = [name for name in told if name.lower().endswith("name")]
    query = statements.sample(table, keys, same, told, called, known.people, known.key)
    numbers = list((ask(query) or [()])[0])
    total, rest = numbers[0], numbers[1:]
    filled = dict(zip(keys, rest, strict=False))
    distinct = dict(zip(keys, rest[len(keys) :], strict=False))
    theirs = dict(zip(same, rest[2 * len(keys) :], strict=False))
    alike = dict(zip(told, rest[2 * len(keys) + len(same) :], strict=False))
    named = dict(zip(called, rest[len(rest) - len(called) :], strict=False))
    shown = {
        name: Seen(
            *(counts.get(name, 0) for counts in (filled, distinct, theirs, alike)),
            named=named.get(name, 0),
        )
        for name in {*keys, *same, *told}
    }
    return shown | {"": Seen(total, 0)}
