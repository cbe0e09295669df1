"""How many lockers there are, as the report tells it: a toy with something of its own to read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.chapter import Bars, Chapter, Column, Facts, Note, Table, mark
from lifecycle.system import System


def gather(
    conn: Connection[TupleRow], _system: System, _since: datetime, _to: datetime
) -> dict[str, Any]:
    """Count them: here, what the catalog has of their name."""
    row = conn.execute("select count(*) from pg_class where relname = 'lockers'").fetchone()
    return {"lockers": row[0] if row else None}


def chapter(facts: Facts, own: Mapping[str, Any]) -> Chapter:
    """Say so in one block of each kind."""
    rows = ({"locker": "north <1>", "keys": own.get("lockers", 7), "is": mark("good", "empty")},)
    columns = (
        Column("locker", "Locker", "name"),
        Column("keys", "keys", "count"),
        Column("is", "it is", "mark"),
    )
    return Chapter(
        "lockers",
        "Lockers emptied",
        f"{len(rows)} locker of {facts.system} was emptied.",
        (
            Table("emptied", "Each of them", columns, rows),
            Table("lost", "Lost keys", columns, (), "No key was lost."),
            Note("broom", "The broom stands behind the door.", "warn"),
            Bars("took", "How long it took", (("open", 30), ("sweep", 70))),
        ),
        not_proven=("That nobody put something back.",),
    )
