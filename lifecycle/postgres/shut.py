"""Which tables another session has for itself, so that whoever looks at one of them would wait.

A migration, a CLUSTER, an owner's open transaction: one such table must cost itself alone. Who looks at many leaves it
out and names it. Never waits for a lock.
"""

import time
from collections.abc import Collection
from datetime import timedelta
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.coverage import Reason
from lifecycle.postgres.names import policy_name

PATIENCE = timedelta(seconds=2)
"""How long is waited for tables that somebody has for himself: most that do so, do it for an instant."""

_LOOK = 0.1
"""Seconds between two looks."""

WHY = Reason(
    "another session has it, or a partition of it, for itself",
    "The next run looks at it. pg_locks says who holds an AccessExclusiveLock on it: a migration, or a transaction "
    "that somebody left open.",
)

# Who only waits for such a lock shuts the table, too: whoever comes later waits behind him.
# A table is as shut as what hangs below it, and as its indexes: who reads it, or asks how large it is, opens these.
_SHUT: LiteralString = """
    with recursive held (oid) as (
        select coalesce(i.indrelid, l.relation)
          from pg_locks l left join pg_index i on i.indexrelid = l.relation
         where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock'
           and l.pid is distinct from pg_backend_pid()
           and l.database = (select oid from pg_database where datname = current_database())
         union
        select p.inhparent from held join pg_inherits p on p.inhrelid = held.oid)
    select n.nspname, c.relname
      from held join pg_class c on c.oid = held.oid join pg_namespace n on n.oid = c.relnamespace
"""


def now(conn: Connection[TupleRow]) -> frozenset[str]:
    """Return the tables that others have for themselves now, or wait to, and those above. Raise psycopg.Error."""
    return frozenset(policy_name(schema, name) for schema, name in conn.execute(_SHUT))


def still(conn: Connection[TupleRow], wanted: Collection[str]) -> frozenset[str]:
    """Return those of the wanted tables that stay shut for a moment. Raise psycopg.Error as it comes."""
    began = clock.monotonic()
    while shut := now(conn) & frozenset(wanted):
        if clock.monotonic() - began > PATIENCE.total_seconds():
            break
        time.sleep(_LOOK)
    return shut
