"""Makes the planner forget what it sampled of rows that a rule deleted: ANALYZE, as the table's owner.

It does what it can and says nothing: what the planner still remembers afterwards, `copies.py` finds and names. Of a
table or leaf without rows ANALYZE keeps the former samples, and of a superuser's table nobody here is the owner.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing, suppress

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import LifecycleError
from lifecycle.postgres import names
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.owners import analyze, step_into
from lifecycle.system import System
from retention import statements
from retention.rules import Bound


def quoting(conn: Connection[TupleRow], bound: Bound, leaves: Iterable[str]) -> tuple[str, ...]:
    """Return which of these leaves, and of the tables above them, have samples that may quote what the rule ends.

    A column's samples may always: they do not tell how old the rows were. A row's were drawn with its date beside it.
    Raise psycopg.Error as it comes.
    """
    values = {
        "relation": names.sql_name(bound.table).as_string(conn),
        "leaves": [names.sql_name(leaf).as_string(conn) for leaf in leaves],
        "column": bound.column,
        "by": bound.by,
        "before": bound.before,
    }
    rows = conn.execute(statements.SAMPLED, values).fetchall()
    return tuple(
        names.policy_name(schema, name)
        for schema, name, young in rows
        if bound.column is not None or not young
    )


def forget(
    system: System, conn: Connection[TupleRow], catalog: Catalog, bounds: Iterable[Bound]
) -> None:
    """Have samples drawn anew that quote rows which these rules delete. `conn` looks; the DDL login analyses.

    Raise nothing: the rows are gone whatever becomes of this.
    """
    with suppress(psycopg.Error, LifecycleError):
        deleting = [bound for bound in bounds if bound.column is None]
        quoted = {bound.place: quoting(conn, bound, bound.leaves) for bound in deleting}
        owners = {
            name: owner
            for bound in deleting
            for name, owner in _owners(catalog.tables[bound.table]).items()
            if name in quoted[bound.place]
        }
        if owners:
            _analyse(system, owners)


def _owners(table: Table) -> dict[str, str]:
    return {table.name: table.owner} | {p.name: p.relation.owner for p in table.partitions}


def _analyse(system: System, owners: Mapping[str, str]) -> None:
    with closing(system.connect_ddl("retention.analyze")) as conn:
        for relation, owner in owners.items():
            with suppress(psycopg.Error), conn.transaction():
                conn.execute(step_into(owner))
                conn.execute(analyze(relation))
