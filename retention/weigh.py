"""Weighs tables of which a rule keeps so many bytes: what hangs on them, and what was taken off and stands alone."""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.partitions import ends
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog
from retention import alone
from retention.amount import Weighed
from retention.section import SECTION


def tables(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, only: str | None
) -> Mapping[str, tuple[Weighed, ...]]:
    """Return, by table, what it is made of. Raise psycopg.Error as it comes, Unreachable when the server goes away."""
    wanted = {
        rule.table: catalog.tables[rule.table].branches[0].children
        for rule in SECTION.of(policy)
        if rule.size and only in (None, rule.table) and rule.table in catalog.tables
        if catalog.tables[rule.table].kind == "p"
    }
    if not wanted:
        return {}
    off = [one for one in ends.read(conn, ()).standing if one.parent in wanted]
    names = [name for children in wanted.values() for name, _ in children]
    size = alone.sizes(conn, [*names, *(one.called or one.name for one in off)])
    return {
        table: (
            *(Weighed(bound, size.get(name, 0), attached=True) for name, bound in children),
            *(
                Weighed(one.bound, size.get(one.called or one.name, 0), attached=False)
                for one in off
                if one.parent == table
            ),
        )
        for table, children in wanted.items()
    }
