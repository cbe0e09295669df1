"""What of a database stores rows, and how each is read: by itself, or with the hypertable whose chunk it is.

Read afresh from the catalog at each search, all schemas but PostgreSQL's own and the ledger. Of a relation those
columns are printed in which something else than numbers and times can stand. Reads no row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from gdpr import aggregates
from gdpr import statements_of_search as statements
from lifecycle.coverage import Place, Reason
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name

Sort = Literal["table", "view", "aggregate", "batches"]


@dataclass(frozen=True, slots=True)
class Relation:
    """Something that stores rows. `table` is what a person calls it: of a leaf its table, of an aggregate its view.

    `reads`: the relations whose rows come with it. `numbered`: its rows have numbers by which they are found again.
    `why_not`: why it is not read.
    """

    name: str
    table: str
    sort: Sort
    schema: str
    relname: str
    columns: tuple[str, ...]
    reads: tuple[str, ...]
    only: bool = True
    numbered: bool = True
    why_not: Reason | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """Return the places that are looked at when it is read."""
        return tuple(Place("relation", name) for name in self.reads)

    @property
    def source(self) -> sql.Composed:
        """Return it as a statement reads it: without what inherits from it, which is read by itself."""
        only = sql.SQL("only {}" if self.only else "{}")
        return only.format(sql.Identifier(self.schema, self.relname))

    def query(self, *, numbered: bool = False) -> sql.Composed:
        """Return the query of all that it prints, with `numbered` behind the number of each row."""
        return statements.printed(self.source, self.columns, numbered=numbered)


def there(conn: Connection[TupleRow], catalog: Catalog) -> tuple[Relation, ...]:
    """Return everything that stores rows. Raise psycopg.Error as it comes."""
    roots, wholes = _roots(catalog), _wholes(conn, catalog)
    within = {part for whole in wholes.values() for part in whole.reads if part != whole.name}
    found: list[Relation] = []
    for schema, relname, kind, readable, columns in conn.execute(statements.STORED).fetchall():
        name = policy_name(schema, relname)
        if name in within:
            continue
        sort, table = roots.get(name, ("view" if kind == "m" else "table", name))
        one = Relation(name, table, sort, schema, relname, tuple(columns), (name,))
        one = replace(one, numbered=kind != "f")  # a foreign server may know of no numbers
        if name in wholes:
            whole = wholes[name]
            one = replace(one, table=whole.table, sort=whole.sort, reads=whole.reads)
            one = replace(one, only=False, numbered=False)  # nor do compressed rows have any
        found.append(replace(one, why_not=_why_not(one, kind, readable, foreign=name in roots)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A hypertable, which is read as a whole: its chunks may be compressed, and show nothing by themselves."""

    name: str
    table: str
    sort: Sort
    reads: tuple[str, ...]


def _wholes(conn: Connection[TupleRow], catalog: Catalog) -> Mapping[str, _Whole]:
    found = {
        name: _Whole(name, name, "table", (name, *(part.name for part in table.partitions)))
        for name, table in catalog.tables.items()
        if table.kind == "h"
    }
    for one in aggregates.there(conn):
        stored = one.relations[0]
        found[stored] = _Whole(stored, one.view, "aggregate", one.relations)
    return found


def _roots(catalog: Catalog) -> Mapping[str, tuple[Sort, str]]:
    """Return by name of a part what it is, and whose."""

    def each() -> Iterator[tuple[str, tuple[Sort, str]]]:
        for name, table in catalog.tables.items():
            yield name, ("table", name)
            for part in table.partitions:
                yield part.name, ("table", name)
            for batch in table.batches:
                yield batch, ("batches", batch)

    return dict(each())


def _why_not(one: Relation, kind: str, readable: bool, *, foreign: bool) -> Reason | None:
    if kind == "f" and not foreign:
        look = "Look there by hand for the person, or take the place out of the database."
        return Reason(
            "a foreign table that is no part of a declared one is not read", look, "limit"
        )
    if not readable:
        name = one.table if one.sort == "aggregate" else f"{one.schema}.{one.relname}"
        return Reason("this role may not read it", f"grant select on {name} to lifecycle;")
    return None
