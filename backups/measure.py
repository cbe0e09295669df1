"""Measures what a database holds: every table's rows and a digest of their content, within one snapshot.

The same statements run on the source and on its restored copy; equal answers are the proof. Reads every
row once on the server and brings two numbers per table here, so memory stays flat.
"""

from datetime import timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from backups import statements
from backups.manifest import Content, Locale, Source
from lifecycle.errors import NotFound
from lifecycle.postgres.names import policy_name, sql_name


def pin(conn: Connection[TupleRow], limit: timedelta) -> None:
    """Fix, for the current transaction, how values are printed, and allow each statement `limit`."""
    conn.execute(
        statements.PIN, {"milliseconds": str(round(limit.total_seconds() * 1000))}
    ).fetchone()


def tables(conn: Connection[TupleRow]) -> dict[str, Content]:
    """Return what each table holds, by its name as policies spell it. Call `pin` first, in a transaction."""
    found = dict[str, Content]()
    for schema, relname, kind in conn.execute(statements.TABLES).fetchall():
        row = conn.execute(statements.content(schema, relname, kind)).fetchone()
        assert row is not None
        found[policy_name(schema, relname)] = Content(rows=row[0], digest=row[1])
    return found


def table(conn: Connection[TupleRow], name: str) -> Content:
    """Return what this table holds. Call `pin` first, in a transaction. Raise NotFound where it is none."""
    spelled = {"relation": sql_name(name).as_string(conn)}
    there = conn.execute(statements.ONE, spelled).fetchone()
    if there is None:
        raise NotFound(
            f"{name} is not among the tables of the dump", hint="Spell it as the policy does."
        )
    row = conn.execute(statements.content(*there)).fetchone()
    assert row is not None
    return Content(rows=row[0], digest=row[1])


def names(conn: Connection[TupleRow]) -> tuple[str, ...]:
    """Return the tables whose rows a dump carries, by their names as policies spell them."""
    rows = conn.execute(statements.TABLES).fetchall()
    return tuple(policy_name(schema, relname) for schema, relname, _ in rows)


def of_extensions(conn: Connection[TupleRow]) -> tuple[str, ...]:
    """Return the tables of extensions that hold rows, or may not be read, by their names as policies spell them."""
    found: list[str] = []
    for schema, relname, readable in conn.execute(statements.EXTENSION_TABLES).fetchall():
        row = conn.execute(statements.any_row(schema, relname)).fetchone() if readable else None
        if row is None or row[0]:
            found.append(policy_name(schema, relname))
    return tuple(found)


def source(conn: Connection[TupleRow]) -> Source:
    """Return which database this is and what a server needs in order to take its dump."""
    row = conn.execute(statements.SOURCE).fetchone()
    spoken = conn.execute(statements.LOCALE).fetchone()
    assert row is not None
    assert spoken is not None
    provider, collate, ctype, name, rules, version = spoken
    extensions = conn.execute(statements.EXTENSIONS).fetchall()
    return Source(
        database=row[0],
        system_identifier=row[1],
        server_version=row[2],
        major=row[3],
        encoding=row[4],
        locale=Locale(
            provider=provider, collate=collate, ctype=ctype, name=name, rules=rules, version=version
        ),
        database_bytes=row[5],
        snapshot_lsn=row[6],
        timeline=row[7],
        extensions={name: version for name, version, _ in extensions},
        extension_schemas={name: schema for name, _, schema in extensions},
        roles=tuple(role for (role,) in conn.execute(statements.ROLES)),
    )
