"""Makes the rows of a sample: SQL files in one transaction, with functions that give the same rows for the same seed.

Knows `setup.sql`, which all samples build on: a clock that stands still, ids and chances drawn from the seed, and
triggers and foreign keys at rest until a file says otherwise. Never reads a clock.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from psycopg import Connection, sql

_SETUP = Path(__file__).parent / "setup.sql"


@dataclass(frozen=True, slots=True)
class Story:
    """Who has a part in the story of a sample; keys as text."""

    due: str
    due_request: str
    not_yet: str
    not_yet_request: str
    rows: Mapping[str, int]
    """Number of rows by table."""


@contextmanager
def making(conn: Connection[Any], *, seed: int, now: datetime) -> Generator[None]:
    """Give the block one transaction in which `run` makes rows. Raise ValueError if `now` has no time zone."""
    if now.tzinfo is None:
        raise ValueError("the sample needs a `now` with a time zone")
    with conn.transaction():
        conn.execute(
            """
            select set_config('sample.seed', %(seed)s, true),
                   set_config('sample.now', %(now)s, true)
            """,
            {"seed": str(seed), "now": now.isoformat()},
        )
        conn.execute(_SETUP.read_bytes())
        yield


def run(conn: Connection[Any], folder: Path, *names: str) -> None:
    """Execute files of a system's `rows/` in this order."""
    for name in names:
        conn.execute((folder / "rows" / f"{name}.sql").read_bytes())


def story(conn: Connection[Any]) -> Story:
    """End a sample whose files left a table `story` of parts, people and requests: count, and say who is who."""
    parts = {
        part: (person, request)
        for part, person, request in conn.execute("select part, person, request from pg_temp.story")
    }
    conn.execute("analyze")
    return Story(*parts["due"], *parts["not_yet"], MappingProxyType(counts(conn)))


def counts(conn: Connection[Any]) -> dict[str, int]:
    """Count the rows of every table; a partitioned table is counted once, through its parent."""
    names = conn.execute(
        """
        select relname
          from pg_class
         where relnamespace = 'public'::regnamespace
           and relkind in ('r', 'p')
           and not relispartition
         order by relname
        """
    ).fetchall()
    counted = sql.SQL(" union all ").join(
        sql.SQL("select {}, count(*) from {}").format(sql.Literal(name), sql.Identifier(name))
        for (name,) in names
    )
    return dict(conn.execute(counted).fetchall())
