"""Where people's data changes without the audit log hearing of it. Looks at every leaf: rows fire a leaf's triggers."""

import json
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from audit import statements
from audit.section import SECTION
from lifecycle.policy.model import Policy
from lifecycle.postgres.names import policy_name, sql_parts


class Unheard(NamedTuple):
    """A relation of which the log does not hear, and the table of the policy it belongs to."""

    table: str
    relation: str


def of_people(policy: Policy) -> tuple[str, ...]:
    """Return the tables with somebody's data, the log left out."""
    log = SECTION.of(policy)
    return tuple(
        name
        for name, table in policy.tables.items()
        if table.owner is not None and (log is None or name != log.table)
    )


def coverage(conn: Connection[TupleRow], policy: Policy) -> tuple[Unheard, ...]:
    """Return the tables and leaves with somebody's data of which the log does not hear, sorted.

    Captured is a leaf on which triggers that the policy says `audits` of are enabled for each row of every insert,
    update and delete. What such a trigger writes is the application's business. Empty when the policy has no `audit:`.
    """
    if SECTION.of(policy) is None:
        return ()
    tables = {name: sql_parts(name) for name in of_people(policy)}
    audits = {
        name: [
            trigger
            for trigger, said in policy.tables[name].triggers.items()
            if said.does == "audits"
        ]
        for name in tables
    }
    asked = {
        "names": list(tables),
        "schemas": [schema for schema, _ in tables.values()],
        "tables": [relname for _, relname in tables.values()],
        "audits": json.dumps(audits),
    }
    found = conn.execute(statements.UNHEARD, asked).fetchall()
    return tuple(sorted(Unheard(name, policy_name(*leaf)) for name, *leaf in found))
