"""How many lockers were emptied in a period: a toy with something of its own to read, and a block of each kind."""

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
    """Count what the catalog has of their name."""
    row = conn.execute("select count(*) from pg_class where relname = 'lockers'").fetchone()
    return {"lockers": row[0] if row else None}


def chapter(facts: Facts, own: Mapping[str, Any]) -> Chapter:
    """Return what the evidence says, and what was read."""
    emptied = sum(line.counts["rows"] for line in facts.evidence if line.event == "lockers.emptied")
    rows = ({"locker": "north <1>", "keys": own.get("lockers"), "is": mark("good", "empty")},)
    columns = (
        Column("locker", "Locker", "name"),
        Column("keys", "keys", "count"),
        Column("is", "it is", "mark"),
    )
    return Chapter(
        "lockers",
        "Lockers",
        f"{emptied} lockers were emptied.",
        (
            Note("smell", "Some smelled of cheese.", "warn"),
            Table("emptied", "Each of them", columns, rows),
            Table("lost", "Lost keys", columns, (), "No key was lost."),
            Bars("took", "How long it took", (("open", 30), ("sweep", 70))),
        ),
        not_proven=("That nobody put something back.",),
    )
