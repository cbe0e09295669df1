"""Names the tables whose owner the service must not act as, and the statements that give them another one.

Only an owner attaches partitions, refreshes views and has the planner forget its samples. The service steps into owners
for that, and never into a superuser or somebody who could become the ledger's owner (`Catalog.barred`). Who drafts a
policy hears it first: else `init` would refuse, or the first erasure stay open.
"""

from collections.abc import Iterator
from textwrap import wrap

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.policy import statements_of_owners
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import sql_parts
from lifecycle.words import counted


def sentence(catalog: Catalog) -> str:
    """Return whose tables the service must not touch as their owner, and what nobody does then; empty if none."""
    names = _names(catalog)
    if not names:
        return ""
    divided = [n for n in names if n in catalog.tables and catalog.tables[n].kind == "p"]
    views = [n for n in names if n in catalog.materialized]
    left = [f"makes the partitions of {', '.join(divided)}"] if divided else []
    left += [f"refreshes {', '.join(views)}"] if views else []
    left.append("has the planner forget who is erased")
    verb = "belongs" if len(names) == 1 else "belong"
    whose = f"{counted(len(names), 'table')} {verb} to {', '.join(_owners(catalog))}"
    return (
        f"{whose}, and the service must not act for a superuser or for somebody who could become the ledger's owner: "
        f"nobody {' or '.join(left)}"
    )


def hidden(conn: Connection[TupleRow], catalog: Catalog) -> str:
    """Return in which tables rows are hidden from the service where this login cannot help it; empty if in none."""
    names = [table.name for table in catalog.tables.values() if table.rls]
    if not names or conn.execute(statements_of_owners.SEES_ALL).fetchone() == (True,):
        return ""
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return (
        f"row security hides rows of {counted(len(names), 'table')} ({shown}), and no erasure is done until a "
        "superuser has said `alter role lifecycle bypassrls`, which this login may not"
    )


def lines(system: str, catalog: Catalog) -> Iterator[str]:
    """Yield the sentence and the statements as comments of a draft; nothing where there is no such table."""
    if not (said := sentence(catalog)):
        return
    remedy = "As an administrator, give them an owner of their own, and draft this file again:"
    yield from (f"# {line}" for line in wrap(f"First of all: {said}. {remedy}", 115))
    schemas = sorted({sql_parts(name)[0] for name in _names(catalog)})
    new = f"{system}_owner".replace("-", "_")
    statements = statements_of_owners.give(new, _owners(catalog), schemas)
    yield from (f"#   {line}" for line in statements.as_string().splitlines())


def _names(catalog: Catalog) -> list[str]:
    every = (*catalog.tables, *catalog.materialized)
    return [name for name in every if catalog.owner(name) in catalog.barred]


def _owners(catalog: Catalog) -> list[str]:
    return sorted({catalog.owner(name) for name in _names(catalog)})
