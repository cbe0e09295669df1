"""Which rows an archive is of, and what they come to now: the columns, how many, by which digest. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.errors import NotFound, Refused
from lifecycle.postgres import names
from lifecycle.returning import staging
from lifecycle.returning import statements as of_return
from retention.archive import manifest, statements
from retention.archive.manifest import Column, Content, Description


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one relation, a table or a leaf of it: all of them, or those of a condition with its values.

    The condition names columns behind `returning.statements.ROW`, and may ask a temporary table of this session.
    `bounds` are those of a partition that was taken off: PostgreSQL knows them no more. By the clock of their rule all
    rows are from before `before`, where one says so.
    """

    table: str
    leaf: str
    where: sql.Composable = field(default_factory=lambda: of_return.ALL)
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    bounds: str | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """What a relation is now. `size` in bytes."""

    bounds: str | None
    database: str
    system_identifier: str
    server_version: str
    primary_key: tuple[str, ...]
    size: int
    columns: tuple[Column, ...]


def relation(conn: Connection[TupleRow], name: str, *, all_text: bool = False) -> Relation:
    """Return what a relation is. Raise NotFound when it is gone, Refused when it has no column."""
    spelled = {"relation": names.sql_name(name).as_string(conn)}
    row = conn.execute(statements.RELATION, spelled).fetchone()
    if row is None:
        raise NotFound(
            f"{name} is not there any more", hint="Look at `lifecycle partitions status`."
        )
    columns = tuple(
        Column(
            name=column,
            type=type_name,
            not_null=not_null,
            default=default,
            generated=generated,
            identity=identity,
            kept=manifest.kept(type_name, all_text=all_text),
        )
        for column, type_name, not_null, default, generated, identity in conn.execute(
            of_return.COLUMNS, spelled
        )
    )
    if not columns:
        raise Refused(f"{name} has no column", hint="There is nothing in it to archive: drop it.")
    bounds, database, identifier, version, key, size = row
    return Relation(bounds, database, identifier, version, tuple(key), size, columns)


def describe(system: str, rows: Rows, seen: Relation, content: Content) -> Description:
    """Return what an archive of these rows says about itself."""
    return Description(
        system=system,
        database=seen.database,
        system_identifier=seen.system_identifier,
        server_version=seen.server_version,
        table=rows.table,
        leaf=rows.leaf,
        bounds=rows.bounds or seen.bounds,
        primary_key=seen.primary_key,
        columns=seen.columns,
        content=content,
    )


def content(conn: Connection[TupleRow], rows: Rows, columns: Sequence[Column]) -> Content:
    """Return what these rows come to now, with the columns of `relation`. Within `reading`, or after `pin`."""
    asked = statements.content(names.sql_name(rows.leaf), rows.where, columns)
    found = conn.execute(asked, dict(rows.values)).fetchone()
    assert found is not None
    return Content(rows=found[0], digest=found[1], hashed="binary")


def count(conn: Connection[TupleRow], rows: Rows) -> int:
    """Return how many rows these are now, which costs a fraction of their digest. Within `reading`, or after `pin`."""
    counting = statements.count(names.sql_name(rows.leaf), rows.where)
    found = conn.execute(counting, dict(rows.values)).fetchone()
    assert found is not None
    return found[0]


def staged(conn: Connection[TupleRow], described: Description) -> Content:
    """Return what was loaded of all columns of an archive, hashed as it is. Within `reading` or `loading`."""
    if described.content.hashed == "text":
        many, digest = staging.content(conn)
        return Content(rows=many, digest=digest)
    asked = statements.content(of_return.STAGED, of_return.ALL, described.columns)
    found = conn.execute(asked).fetchone()
    assert found is not None
    return Content(rows=found[0], digest=found[1], hashed="binary")


def staged_blocks(conn: Connection[TupleRow]) -> int:
    """Return how many pages the loaded rows take."""
    found = conn.execute(statements.STAGED_BLOCKS).fetchone()
    assert found is not None
    return found[0]
