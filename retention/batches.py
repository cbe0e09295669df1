"""What is the same for all batches of one rule, and how long they wait for a row that somebody has locked."""

from collections.abc import Callable
from dataclasses import dataclass, field

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.holds.gate import Held
from lifecycle.holds.hold import Hold
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.code import Code
from retention.pace import Pace
from retention.rules import Bound
from retention.throttle import Throttle

TRIES = 4
"""How often a leaf is gone through for rows that somebody has locked."""

PAUSE = 0.5
"""Seconds between two tries."""

PATIENCE = sql.SQL("set local lock_timeout = '20ms'")
"""How long a batch waits for one row that somebody has locked, before it passes such rows over.

It waits for one after another, and others wait meanwhile for those that it has: so one must be short.
"""


@dataclass(frozen=True, slots=True)
class Batches:
    """What is the same for all batches of one rule. Declared triggers may add rows to the tables `adding`.

    `written` are the transactions in which this run cleared values of the table. `on_hold` says which of its rows holds
    keep. `throttle` is asked before each.
    """

    conn: Connection[TupleRow]
    claim: Claim
    code: Code
    bound: Bound
    adding: frozenset[str]
    written: list[str]
    on_hold: Callable[[tuple[Hold, ...]], Held]
    throttle: Throttle
    pace: Pace = field(default_factory=Pace)
