"""A budget of waiting: DDL in a busy database, and nobody waits for us longer than a moment.

A statement that waits for a lock holds up everybody who comes after it, readers too. So nothing is tried while
another session holds what it needs: the lock table is looked at until the way is clear. Then one try is made, in
which no lock is waited for longer than WAIT. What the looking costs is charged to each object that was in the way,
and an object has PATIENCE for a whole run: six tables that reference one busy table do not wait six times.
"""

import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, LiteralString, NamedTuple

from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.postgres.names import policy_name, sql_parts

WAIT = timedelta(milliseconds=150)
"""How long one try waits for one lock: with its own work, nobody behind it waits longer than 250 ms."""

LIMIT = f"{WAIT // timedelta(milliseconds=1)} ms"
"""The same, as PostgreSQL and people read it."""

PATIENCE = timedelta(seconds=15)
"""How long a run waits for one object, however many steps need it."""

_LOOK = 0.05
"""Seconds between two looks at the lock table, with up to as much again at random."""

Mode = Literal[
    "ShareUpdateExclusiveLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"
]

# The manual's table of conflicting lock modes (PostgreSQL 13.3, table 13.2). Who waits for a lock counts as well:
# what comes after him waits behind him.
_HOLDERS: LiteralString = """
    select n.nspname, c.relname, coalesce(l.pid, 0)
      from unnest(%(schemas)s::text[], %(tables)s::text[], %(modes)s::text[]) as need (schema, name, mode)
      join pg_namespace n on n.nspname = need.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = need.name
      join pg_locks l on l.locktype = 'relation' and l.relation = c.oid
                     and l.database = (select oid from pg_database where datname = current_database())
     where l.pid is distinct from pg_backend_pid()
       and (need.mode = 'AccessExclusiveLock'
            or l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock',
                          'ShareUpdateExclusiveLock')
            or need.mode = 'ShareRowExclusiveLock' and l.mode = 'RowExclusiveLock'
            or need.mode = 'ExclusiveLock' and l.mode <> 'AccessShareLock')
     order by 1, 2, 3
"""


class Need(NamedTuple):
    """A lock that a step takes: on which table, in which mode."""

    table: str
    mode: Mode


class InTheWay(Exception):
    """The way did not become clear: `table` is what others hold, `pids` who does (0: a prepared transaction)."""

    def __init__(self, table: str, pids: tuple[int, ...]) -> None:
        """Say what is held, and by whom."""
        super().__init__(table)
        self.table, self.pids = table, pids


@dataclass(slots=True)
class Budget:
    """What is left of a run's patience, per object."""

    _spent: dict[str, float] = field(default_factory=lambda: defaultdict[str, float](float))

    def when_clear(
        self, conn: Connection[TupleRow], needs: tuple[Need, ...], attempt: Callable[[], None]
    ) -> None:
        """Make the attempt, a transaction of its own, once nobody holds what it needs; again where it lost a race.

        The attempt sets `lock_timeout` to WAIT itself. Raise InTheWay when the patience with an object is spent;
        at once whatever else the attempt raises.
        """
        while True:
            began = clock.monotonic()
            found = _holders(conn, needs)
            if not found:
                try:
                    return attempt()
                except (LockNotAvailable, DeadlockDetected, QueryCanceled):
                    found = _holders(conn, needs) or {need.table: () for need in needs}
            time.sleep(_LOOK * (1 + random.random()))  # noqa: S311 - jitter
            for table in found:
                self._spent[table] += clock.monotonic() - began
            spent = [table for table in found if self._spent[table] > PATIENCE.total_seconds()]
            if spent:
                raise InTheWay(spent[0], found[spent[0]])


def _holders(conn: Connection[TupleRow], needs: tuple[Need, ...]) -> dict[str, tuple[int, ...]]:
    """Return the tables on which others hold what conflicts, with their process ids."""
    parts = [sql_parts(need.table) for need in needs]
    asked = {
        "schemas": [schema for schema, _ in parts],
        "tables": [name for _, name in parts],
        "modes": [need.mode for need in needs],
    }
    held: dict[str, set[int]] = {}
    for schema, name, pid in conn.execute(_HOLDERS, asked):
        held.setdefault(policy_name(schema, name), set()).add(pid)
    return {name: tuple(sorted(pids)) for name, pids in held.items()}
