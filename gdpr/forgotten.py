"""Whom this room has erased: for whoever brings rows back, so that nobody returns who was promised to be gone."""

from datetime import datetime
from functools import partial

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import ledger, notes
from gdpr.section import SECTION
from lifecycle.errors import Refused
from lifecycle.forgotten import Forgotten
from lifecycle.outside.keys import reference_key
from lifecycle.system import System
from lifecycle.words import counted


def since(system: System, moment: datetime) -> tuple[str, ...]:
    """Return the erasures proven after this moment, each in a line, by the ledger in the bucket.

    Raise NotFound without such a bucket, Refused where lines of an earlier release do not say whose they are, and as
    `objects` does.
    """
    if SECTION.of(system.policy) is None:
        return ()
    lines = ledger.proven_after(system, moment)
    if earlier := ledger.proven_before(system, moment):
        raise Refused(
            f"{counted(len(earlier), 'erasure')} written down by an earlier release, which did not say whose: "
            f"{'; '.join(earlier)}",
            hint="Repeat these by hand.",
        )
    return lines


def missing(conn: Connection[TupleRow], system: System) -> tuple[str, ...]:
    """Return the lines of the ledger in the bucket that this database does not remember. Raise as `objects` does."""
    if SECTION.of(system.policy) is None or not ledger.kept(system):
        return ()
    return tuple(line.name for line in ledger.unknown(system, conn))


def forgotten(conn: Connection[TupleRow], system: System) -> Forgotten | None:
    """Return whose erasure was begun or proven; None where the policy erases nobody. Raise InputError without a key."""
    erasure = SECTION.of(system.policy)
    if erasure is None:
        return None
    marks, unmarked = notes.marks(conn)
    key = reference_key(system.settings.reference_key)
    return Forgotten(erasure.subject, marks, unmarked, partial(notes.whose, key))
