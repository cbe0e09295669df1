"""Which continuous aggregates of TimescaleDB's there are: copies that no deletion reaches before their next refresh.

What one shows stands in a hypertable of its own, which who may read the view may read. Reads only.
"""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_search as search
from lifecycle.postgres import hypertables
from lifecycle.postgres.names import policy_name

AGAIN = (
    "As its owner: `call refresh_continuous_aggregate('{view}', null, null);` makes it anew of the rows that are left. "
    "Of dropped chunks it then shows nothing: to keep what it shows of those, delete the person's rows in {stored} "
    "instead. The request stays open; then `lifecycle run gdpr.erase` proves it."
)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A continuous aggregate: its view, the hypertable with what it shows, whether we may read it, and its chunks."""

    view: str
    schema: str
    stored: str
    readable: bool
    chunks: tuple[str, ...]

    @property
    def relations(self) -> tuple[str, ...]:
        """Return what is read when its hypertable is."""
        return (policy_name(self.schema, self.stored), *self.chunks)


def there(conn: Connection[TupleRow]) -> tuple[Aggregate, ...]:
    """Return all of this database. Raise psycopg.Error as it comes."""
    if not hypertables.there(conn):
        return ()
    return tuple(
        Aggregate(
            policy_name(view_schema, view),
            schema,
            stored,
            readable,
            tuple(policy_name(*chunk) for chunk in chunks),
        )
        for view_schema, view, schema, stored, readable, chunks in conn.execute(search.AGGREGATES)
    )
