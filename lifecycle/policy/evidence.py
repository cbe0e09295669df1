"""What a look at some rows says about whose they are: how many people a column names, whether its values are anybody's.

Reads a sample of each table within a time in all, counts it inside the database, and brings home numbers only. What it
could not read it leaves out: whoever listens then knows nothing about that table, and asks a person.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.policy import guess, statements
from lifecycle.policy.lookalikes import family
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.owners import step_into

BUDGET = timedelta(seconds=10)
"""How long all samples of one database may take together."""

_COUNTED = ("smallint", "integer", "bigint", "uuid", "text")
"""Types of keys. Only PostgreSQL's own: to compare values of another type calls code of its owner.

Texts are counted only where they are keys: to sort long ones takes the time of all others.
"""

_QUOTING = ("text", "jsonb", "json", "xml", "text[]")
_WEAK = re.compile(r"(?<!user)(?<!user_)name$")
"""Names that several people have, or that are written in several words."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A column in the sample: values that are not NULL, and how many different ones.

    `known`: how many of them are keys of the people's table, where no foreign key says so. `alike`: how many look like
    the e-mail address or telephone number of somebody, in tables without a foreign key to the people.
    """

    filled: int
    distinct: int
    known: int = 0
    alike: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Table -> rows of its sample, and (table, column) -> what was seen. Without a table: it was not read.

    `quoting`: table -> rows in whose texts an identifier of one of the people stands, where that was asked.
    """

    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    columns: Mapping[tuple[str, str], Seen] = field(default_factory=dict[tuple[str, str], Seen])
    quoting: Mapping[str, int] = field(default_factory=dict[str, int])

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
    key_type = family(found.type) if (found := people.column(key)) else ""
    names = _names(people, key, key_type)
    leading = {(k.table, k.referenced) for k in catalog.foreign_keys}
    keyed = {(k.table, c) for k in catalog.foreign_keys for c in k.columns}
    for table in sorted(catalog.tables.values(), key=lambda t: (t.estimated_rows, t.name)):
        left = timedelta(seconds=end - clock.monotonic())
        if left <= timedelta(0):
            break
        referring = [c.name for c in table.columns if (table.name, c.name) in keyed]
        theirs = (table.name, people.name) in leading
        try:
            with look(conn, table, left):
                counted = _sample(conn, table, people, key, key_type, referring, texts=not theirs)
                quotes = {} if theirs else _quoting(conn, table, people, names)
        except psycopg.Error:
            continue  # no right, no time, a foreign server that is away: nothing is known of it
        rows[table.name] = counted.pop("", Seen(0, 0)).filled
        columns |= {(table.name, name): seen for name, seen in counted.items()}
        quoting |= quotes
    return Evidence(rows, columns, quoting)


@contextmanager
def look(conn: Connection[TupleRow], table: Table, left: timedelta) -> Generator[None]:
    """Let a table be read within a time, and nothing else be done; by a superuser as its owner, whose code may run."""
    with conn.transaction():
        limit = max(1, int(left.total_seconds() * 1000))
        conn.execute(statements.LOOK_ONLY, {"limit": f"{limit}ms"})
        if conn.execute(statements.IS_SUPERUSER).fetchone() == (True,):
            # What is called so by now may be a view, with code of the owner's in it.
            conn.execute(step_into(table.owner))
        yield


def _names(people: Table, key: str, key_type: str) -> list[str]:
    """Return the columns whose values name one person and nobody else, wherever they stand."""
    strong = [n for n in guess.identifiers(people, bare=False) if not _WEAK.search(n.lower())]
    business = [
        c.name for c in people.columns if c.name in people.primary_key and family(c.type) == "text"
    ]
    return [*dict.fromkeys((*strong, *business)), *([key] if key_type == "uuid" else [])]


def _quoting(
    conn: Connection[TupleRow], table: Table, people: Table, names: Sequence[str]
) -> dict[str, int]:
    texts = [c.name for c in table.columns if family(c.type) in _QUOTING]
    if not names or not texts:
        return {} if texts else {table.name: 0}
    query = statements.quoting(table, texts, people, names)
    [(count,)] = conn.execute(query).fetchall()
    return {table.name: count}


def _sample(
    conn: Connection[TupleRow],
    table: Table,
    people: Table,
    key: str,
    key_type: str,
    referring: Sequence[str],
    *,
    texts: bool,
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
    told = [c.name for c in table.columns if family(c.type) == "text"] if texts else []
    query = statements.sample(table, keys, same, told, people, key)
    numbers = list(conn.execute(query).fetchone() or ())
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
