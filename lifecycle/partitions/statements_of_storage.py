"""Where and how a partition lies: said while it is empty and nobody sees it yet."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:  # a plan is made of what these statements read
    from lifecycle.partitions.step import CreatePartition

MAY_USE = """
    select has_tablespace_privilege(%(owner)s, oid, 'create') from pg_tablespace where spcname = %(tablespace)s
"""

IS_METHOD = "select exists (select from pg_am where amname = %(method)s and amtype = 't')"


def put(step: "CreatePartition") -> Iterator[sql.Composed]:
    """Put it where the policy says, and so: after what it takes over from its parent, which may say otherwise."""
    table = sql.Identifier(step.schema, step.relname)
    if step.tablespace:
        place = sql.Identifier(step.tablespace)
        yield sql.SQL("alter table {} set tablespace {}").format(table, place)
    if step.access_method:
        method = sql.Identifier(step.access_method)
        yield sql.SQL("alter table {} set access method {}").format(table, method)
    if step.parameters:
        pairs = (
            sql.SQL("{}{} = {}").format(
                sql.SQL("toast." if name.startswith("toast.") else ""),
                sql.Identifier(name.removeprefix("toast.")),
                sql.Literal(value),
            )
            for name, value in step.parameters
        )
        yield sql.SQL("alter table {} set ({})").format(table, sql.SQL(", ").join(pairs))
