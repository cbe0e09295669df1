"""Compresses chunks anew whose last batch has gone: the planner keeps the samples that it drew of such a relation.

ANALYZE draws none where no row is, and leaves the former ones: values that all rows of a batch had, the lowest and the
highest. Compressed anew, a chunk has another relation, and what was known of the former goes with it.
"""

from collections.abc import Iterable
from contextlib import closing, suppress

import psycopg

from lifecycle.partitions import owner
from lifecycle.partitions import statements as of_partitions
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.system import System
from lifecycle.timescale import statements, survey

_LATER = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.InsufficientPrivilege,
)


def anew(system: System, catalog: Catalog, relations: Iterable[str]) -> None:
    """Do it with those of these relations that hold batches of a chunk, and none now. Nobody is waited for long.

    What could not be done is found where it is looked for. Raise Unreachable and psycopg.Error as they come.
    """
    of = {name: table for table in catalog.tables.values() for name in table.batches}
    names = [name for name in relations if name in of]
    with system.snapshot("timescale.anew") as conn:
        empty = [
            name for name in names if conn.execute(statements.is_empty(name)).fetchone() == (True,)
        ]
        schema = survey.look(conn).place if empty else None
    if schema is None:
        return
    with closing(system.connect_ddl("timescale.anew")) as conn:
        for name in empty:
            place, relation = sql_parts(name)
            asked = {"schema": place, "name": relation}
            for chunk in conn.execute(statements.WHOSE_BATCHES, asked).fetchall():
                text = statements.compress(schema, policy_name(*chunk), again=True)
                with (
                    suppress(*_LATER),
                    conn.transaction(),
                    owner.enclosed(conn, of[name].owner, of[name].schema) as say,
                ):
                    say(text, within=of_partitions.HELD)
