"""Looks at the server that a database is to be brought back to. Reads only."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from backups import statements as asked_of_any
from backups.way_back import statements


@dataclass(frozen=True, slots=True)
class There:
    """A server: its major version, who we are there, its databases with what is said of each, roles and extensions.

    `relations`: how many tables and the like are in the database that we came in by.
    """

    major: int
    me: str
    superuser: bool
    entrance: str
    databases: dict[str, str | None]
    roles: frozenset[str]
    extensions: frozenset[str]
    relations: int


def look(conn: Connection[TupleRow]) -> There:
    """Return what is there."""
    server = conn.execute(statements.SERVER).fetchone()
    relations = conn.execute(statements.RELATIONS).fetchone()
    assert server is not None
    assert relations is not None
    return There(
        *server,
        databases=dict(conn.execute(statements.DATABASES).fetchall()),
        roles=frozenset(name for (name,) in conn.execute(statements.ROLES)),
        extensions=frozenset(name for (name,) in conn.execute(asked_of_any.AVAILABLE_EXTENSIONS)),
        relations=relations[0],
    )
