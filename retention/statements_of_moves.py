"""What moves rows into an archive table: the deletion and what is put in are one statement. The leaf is called `t`."""

from psycopg import sql

from lifecycle.holds.gate import Held
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import count_and_digest
from retention import statements_of_rows as of_rows
from retention.rules import Bound


def move(leaf: str, bound: Bound, held: Held, *, pass_over: bool) -> sql.Composed:
    """Move the fixed rows from slot %(since)s to before %(to)s, but for those that are kept.

    (rows that are to go, those of them not locked, rows deleted and a digest of them, rows put in and a digest).
    """
    fixed, free = of_rows.due(bound), of_rows.free(bound, held)
    which = sql.SQL("t.ctid = any (array(select ctid from chosen)) and {} ").format(
        of_rows.overdue(bound)
    )
    locks = sql.SQL(" for update of t skip locked")
    columns = bound.columns
    return sql.SQL("""
        with there as (select count(*) as rows from only {leaf} as t where {fixed}{free}),
        chosen as materialized (select t.ctid from only {leaf} as t where {fixed}{free}{locks}),
        gone as (delete from only {leaf} as t where {which}{free} returning {returned}),
        came as (insert into {to} ({columns}) overriding system value select {columns} from gone returning {columns})
        select (select rows from there), (select count(*) from chosen), deleted.*, put.*
          from (select {of_gone} from gone) as deleted, (select {of_came} from came) as put
    """).format(
        leaf=sql_name(leaf),
        to=sql_name(bound.rule.to or ""),
        fixed=fixed,
        free=free,
        locks=locks if pass_over else sql.SQL(""),
        which=which if pass_over else fixed,
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        returned=sql.SQL(", ").join(sql.Identifier("t", name) for name in columns),
        of_gone=count_and_digest("gone", columns),
        of_came=count_and_digest("came", columns),
    )
