"""What is asked of a private server and of the managed database when one table comes back."""

from collections.abc import Sequence

from psycopg import sql

from lifecycle.policy import joins
from lifecycle.postgres.catalog import ForeignKey
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import count_and_digest, row_as_text
from lifecycle.returning.statements import ALL, ROW, STAGED

There = tuple[str, str, str]
"""A table by its schema and name, and of which kind it is, as `pg_class` has it."""


def of_key(column: str, key: str) -> sql.Composed:
    """Return the condition of a row whose column has this value, for a private server: there it is logged nowhere."""
    return sql.SQL("{} = {}").format(sql.Identifier(ROW, column), sql.Literal(key))


def copy_out(there: There, columns: Sequence[str], where: sql.Composable) -> sql.Composed:
    """Rows as CSV. All but nulls is quoted: no text begins with a mark."""
    return sql.SQL(
        "copy (select {columns} from {table} where {where}) to stdout (format csv, force_quote *)"
    ).format(
        columns=sql.SQL(", ").join(sql.Identifier(ROW, name) for name in columns),
        table=_table(there),
        where=where,
    )


def content(there: There, columns: Sequence[str], where: sql.Composable) -> sql.Composed:
    """Count these rows, with a digest of these columns of each that does not depend on their order."""
    return sql.SQL("select {counted} from {table} where {where}").format(
        counted=count_and_digest(ROW, columns), table=_table(there), where=where
    )


def _table(there: There) -> sql.Composed:
    schema, relname, kind = there
    only = sql.SQL("" if kind == "p" else "only")
    return sql.SQL("{only} {table} as {alias}").format(
        only=only, table=sql.Identifier(schema, relname), alias=sql.Identifier(ROW)
    )


def differences(target: str, key: Sequence[str], columns: Sequence[str], of: str | None) -> sql.Composed:  # fmt: skip
    """Count the rows that the table lacks, has otherwise, and has beside the copy's: each with a digest of their keys.

    `of` is the column whose value is %(key)s in the rows that were asked for.
    """
    mine = ALL if of is None else sql.SQL("{} = %(key)s").format(sql.Identifier("t", of))
    return sql.SQL("""
        select a.*, b.*, c.*
          from (select {of_staged} from {staged} as s where not exists (select from {target} as t where {same})) as a,
               (select {of_staged} from {staged} as s join {target} as t on {same} where {theirs} <> {ours}) as b,
               (select {of_table} from {target} as t
                 where {mine} and not exists (select from {staged} as s where {same})) as c
    """).format(
        of_staged=count_and_digest("s", key),
        of_table=count_and_digest("t", key),
        staged=STAGED,
        target=sql_name(target),
        same=_same(key),
        theirs=row_as_text("t", columns),
        ours=row_as_text("s", columns),
        mine=mine,
    )


def astray(target: str, key: Sequence[str], led: ForeignKey) -> sql.Composed:
    """Count the rows that the table lacks and that lead by this key to a row that is nowhere, nor comes with them."""
    among = sql.SQL("")
    if led.table == led.referenced:
        among = sql.SQL(" and not exists (select from {staged} as t1 where {on})").format(
            staged=STAGED, on=joins.on(led, "s", "t1")
        )
    return sql.SQL("""
        select count(*) from {staged} as s
         where {leads} and not exists (select from {target} as t where {same})
           and not exists (select from {referenced} as t1 where {on}){among}
    """).format(
        staged=STAGED,
        leads=sql.SQL(" and ").join(
            sql.SQL("{} is not null").format(sql.Identifier("s", column)) for column in led.columns
        ),
        target=sql_name(target),
        same=_same(key),
        referenced=sql_name(led.referenced),
        on=joins.on(led, "s", "t1"),
        among=among,
    )


def _same(key: Sequence[str]) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier("t", name), sql.Identifier("s", name))
        for name in key
    )
