"""The plans that people were shown: by them `apply HASH` knows what was seen, and says what has changed since."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from lifecycle.plan import Plan, Step

_REMEMBER = """
    insert into lifecycle.plan (system, hash, room, document)
    values (%(system)s, %(hash)s, %(room)s, %(document)s)
        on conflict (system, hash) do nothing
"""
_FIND = """
    select document from lifecycle.plan where system = %(system)s and hash = %(hash)s and room = %(room)s
"""


def remember(conn: Connection[TupleRow], plan: Plan[Step]) -> None:
    """Note that this plan was shown."""
    values = {"system": plan.system, "hash": plan.hash, "room": plan.room}
    conn.execute(_REMEMBER, values | {"document": Jsonb(plan.document())})


def find(
    conn: Connection[TupleRow], system: str, room: str, wanted: str
) -> Mapping[str, Any] | None:
    """Return the document of the plan with this hash, or None when nobody was shown it."""
    values = {"system": system, "room": room, "hash": wanted}
    row = conn.execute(_FIND, values).fetchone()
    return row[0] if row else None
