"""Which requests were given more time than the law's first month, by `intake/extend.py`, and until when. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr.notes import Begun
from lifecycle.outside.keys import ReferenceKey
from lifecycle.system import System

_EXTENDED = """
    select reference, person, asked, extended_to from lifecycle.asked
     where system = %(system)s and extended_to is not null order by asked_id desc
"""


def extensions(conn: Connection[TupleRow], system: System) -> tuple[tuple[Begun, datetime], ...]:
    """Return the requests that were given more time than the law's first month, each with until when."""
    rows = conn.execute(_EXTENDED, {"system": system.name}).fetchall()
    return tuple((Begun(*of), to) for *of, to in rows)


def extended_to(
    longer: Sequence[tuple[Begun, datetime]],
    key: ReferenceKey,
    reference: str,
    person: str | None,
    asked: datetime | None,
) -> datetime | None:
    """Return until when this request was given more time, None where it was not."""
    return next((to for one, to in longer if one.is_of(key, reference, person, asked)), None)
