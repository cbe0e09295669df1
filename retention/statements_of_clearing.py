"""What clears a column, and compares the rest of each row with what it was. The leaf is called `t`, and `was` before.

Which version of a row `t` is, its condition says (`due`): the same one that `was` is, by its place. Of a row that
somebody changes meanwhile that is true no more, and it is left alone.
"""

from psycopg import sql

from lifecycle.holds.gate import Held
from lifecycle.postgres.names import sql_name
from retention import statements_of_rows as of_rows
from retention.rules import Bound


def clear(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """Clear the fixed rows from slot %(since)s to before %(to)s: (rows, those empty now, those otherwise as before)."""
    return sql.SQL("with cleared as ({cleared}) select {counted} from cleared").format(
        cleared=_cleared(leaf, bound, of_rows.due(bound), held), counted=_COUNTED
    )


def clear_unlocked(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """The same, past the rows that somebody has locked: (rows that are to be cleared, those of them not locked, ...).

    The condition stands there twice: a row that changed between the choice and the deed is left alone.
    """
    fixed, free = of_rows.due(bound), of_rows.free(bound, held)
    which = sql.SQL("{} and t.ctid = any (array(select ctid from chosen))").format(fixed)
    return sql.SQL("""
        with there as (select count(*) as rows from only {leaf} as t where {fixed}{free}),
        chosen as materialized (
            select t.ctid from only {leaf} as t where {fixed}{free} for update of t skip locked),
        cleared as ({cleared})
        select (select rows from there), (select count(*) from chosen), {counted} from cleared
    """).format(
        leaf=sql_name(leaf),
        fixed=fixed,
        free=free,
        cleared=_cleared(leaf, bound, which, held),
        counted=_COUNTED,
    )


_COUNTED = sql.SQL("count(*), count(*) filter (where empty), count(*) filter (where same)")


def _cleared(leaf: str, bound: Bound, which: sql.Composed, held: Held) -> sql.Composed:
    """Compared is the rest of a row as it is stored, byte by byte: some types know no `=`, or one of their owner's."""
    then, now = (
        sql.SQL(", ").join(sql.Identifier(alias, name) for name in bound.columns)
        for alias in ("was", "t")
    )
    same = sql.SQL("record_image_eq(row({}), row({}))").format(then, now)
    return sql.SQL("""
        update only {leaf} as t set {column} = null from only {leaf} as was
         where was.ctid = t.ctid and {which}{free}
        returning t.{column} is null as empty, {same} as same
    """).format(
        leaf=sql_name(leaf),
        column=sql.Identifier(bound.column or ""),
        which=which,
        free=of_rows.free(bound, held),
        same=same if bound.columns else sql.SQL("true"),
    )
