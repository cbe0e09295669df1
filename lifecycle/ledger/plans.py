"""The plans that people were shown: by them `apply HASH` knows what was seen, and says what has changed since."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from lifecycle.plan import Plan, Step

NARROWED = """(r.plan is not null and exists (
    select from lifecycle.plan shown
     where shown.system = r.system and shown.hash = r.plan and shown.document ->> 'only' is not null))"""
"""The condition of a run `r` whose plan was narrowed to one thing: it says nothing of the whole job."""

_REMEMBER = """
    insert into lifecycle.plan (system, hash, room, document)
    values (%(system)s, %(hash)s, %(room)s, %(document)s)
        on conflict (system, hash) do nothing
"""
_FIND = """
    select document from lifecycle.plan where system = %(system)s and hash = %(hash)s and room = %(room)s
"""
_OF_RUN = """
    select plan.document from lifecycle.run join lifecycle.plan on plan.system = run.system and plan.hash = run.plan
     where run.id = %(run)s
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


def of_run(conn: Connection[TupleRow], run: int) -> Mapping[str, Any] | None:
    """Return the document of the one plan that this run may carry out, or None when it does what is due."""
    row = conn.execute(_OF_RUN, {"run": run}).fetchone()
    return row[0] if row else None
