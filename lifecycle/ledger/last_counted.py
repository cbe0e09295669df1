"""Tells monitors what the last run of a job counted. One of a table alone counts for none of the others."""

from collections.abc import Iterator, Mapping
from typing import LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.figure import Value
from lifecycle.ledger.plans import NARROWED

LAST_COUNTED: LiteralString = f"""
    select r.finished_at, r.counts
      from lifecycle.run r
     where r.system = %(system)s and r.job = %(job)s and r.state = 'finished' and r.counts ? %(key)s
       and not {NARROWED}
     order by r.scheduled_for desc
     limit 1
"""  # noqa: S608 - a condition of ours


def values(
    conn: Connection[TupleRow], system: str, job: str, at: str, counted: Mapping[str, str]
) -> Iterator[Value]:
    """Yield the figure `at`, when that run ended, and those of `counted`, figure -> what the run calls it.

    The first of these stands in whatever run counted at all. Nothing where none has.
    """
    asked = {"system": system, "job": job, "key": next(iter(counted.values()))}
    row = conn.execute(LAST_COUNTED, asked).fetchone()
    if row is None:
        return
    ended, counts = row
    yield Value(at, ended)
    for figure, key in counted.items():
        yield Value(figure, counts.get(key, 0))
