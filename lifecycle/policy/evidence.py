"""What a look at some rows says about whose they are: how many people a column names, whether its values are anybody's.

Reads a sample of each table within a time in all, counts it inside the database, and brings home numbers only. What it
could not read it leaves out: whoever listens then knows nothing about that table, and asks a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.policy import statements
from lifecycle.policy.lookalikes import family
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.owners import step_into

BUDGET = timedelta(seconds=10)
"""How long all samples of one database may take together."""

_COUNTED = ("smallint", "integer", "bigint", "uuid", "text")
"""Types of keys. Only PostgreSQL's own: to compare values of another type calls code of its owner.

Texts are counted only where the people's key is one: to sort long ones takes the time of all others.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A column in the sample: values that are not NULL, and how many different ones.

    `known`: how many of them are keys of the people's table, where that was asked. `alike`: how many look like the
    e-mail address or telephone number of somebody.
    """

    filled: int
    distinct: int
    known: int = 0
    alike: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Table -> rows of its sample, and (table, column) -> what was seen. Without a table: it was not read."""

    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    columns: Mapping[tuple[str, str], Seen] = field(default_factory=dict[tuple[str, str], Seen])

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
    key_type = family(found.type) if (found := people.column(key)) else ""
    for table in sorted(catalog.tables.values(), key=lambda t: (t.estimated_rows, t.name)):
        left = end - clock.monotonic()
        if left <= 0:
            break
        try:
            counted = _sample(conn, table, people, key, key_type, timedelta(seconds=left))
        except psycopg.Error:
            continue  # no right, no time, a foreign server that is away: nothing is known of it
        rows[table.name] = counted.pop("", Seen(0, 0)).filled
        columns |= {(table.name, name): seen for name, seen in counted.items()}
    return Evidence(rows, columns)


def _sample(
    conn: Connection[TupleRow],
    table: Table,
    people: Table,
    key: str,
    key_type: str,
    left: timedelta,
) -> dict[str, Seen]:
    keys = [c.name for c in table.columns if family(c.type) in {*_COUNTED[:-1], key_type}]
    same = [c.name for c in table.columns if key_type in _COUNTED and family(c.type) == key_type]
    texts = [c.name for c in table.columns if family(c.type) == "text"]
    with conn.transaction():
        conn.execute(
            statements.LOOK_ONLY, {"limit": f"{max(1, int(left.total_seconds() * 1000))}ms"}
        )
        if conn.execute(statements.IS_SUPERUSER).fetchone() == (True,):
            # What is called so by now may be a view, with code of the owner's in it.
            conn.execute(step_into(table.owner))
        query = statements.sample(table, keys, same, texts, people, key)
        numbers = list(conn.execute(query).fetchone() or ())
    total, rest = numbers[0], numbers[1:]
    filled = dict(zip(keys, rest, strict=False))
    distinct = dict(zip(keys, rest[len(keys) :], strict=False))
    known = dict(zip(same, rest[2 * len(keys) :], strict=False))
    alike = dict(zip(texts, rest[2 * len(keys) + len(same) :], strict=True))
    found = {
        name: Seen(*(counts.get(name, 0) for counts in (filled, distinct, known, alike)))
        for name in {*keys, *same, *texts}
    }
    return found | {"": Seen(total, 0)}
