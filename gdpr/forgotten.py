"""Whom this room has erased: for whoever brings rows back, so that nobody returns who was promised to be gone."""

from datetime import datetime
from functools import partial

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import answer, notes
from gdpr.section import SECTION
from lifecycle.forgotten import Forgotten
from lifecycle.outside.keys import reference_key
from lifecycle.system import System


def since(system: System, moment: datetime) -> tuple[str, ...]:
    """Return the erasures proven after this moment, each in a line, by the copy of the ledger in the bucket.

    Raise NotFound where the settings name no such bucket, and as `objects` does.
    """
    return () if SECTION.of(system.policy) is None else answer.proven_after(system, moment)


def forgotten(conn: Connection[TupleRow], system: System) -> Forgotten | None:
    """Return whose erasure was begun or proven; None where the policy erases nobody. Raise InputError without a key."""
    erasure = SECTION.of(system.policy)
    if erasure is None:
        return None
    marks, unmarked = notes.marks(conn)
    key = reference_key(system.settings.reference_key)
    return Forgotten(erasure.subject, marks, unmarked, partial(notes.whose, key))
