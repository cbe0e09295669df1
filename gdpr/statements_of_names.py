"""What is asked of a managed database about what people go by: in their own rows and in others that are theirs.

Values come home as text, to be sealed; none is in a statement but as a parameter.
"""

from collections.abc import Iterator, Mapping

from psycopg import sql

from gdpr.reach import Reach
from gdpr.rows import owned
from lifecycle.policy import joins
from lifecycle.policy.names import split_column
from lifecycle.policy.people import Identifier, Subject, Value
from lifecycle.postgres.names import sql_name

# A list stands for each value in it: PostgreSQL takes one that is no list as a list of one.
UNDER_PATH = sql.SQL(
    " cross join lateral jsonb_path_query({value}::jsonb, {path}::jsonpath, silent => true) as p (v)"
    " cross join lateral jsonb_path_query(p.v, '$[*]') as q (v)"
)
_NO_VALUE = sql.SQL("jsonb_typeof(q.v) in ('object', 'array')")
_ONE_VALUE = sql.SQL(" and jsonb_typeof(q.v) in ('string', 'number')")
_TAKEN = sql.SQL("""
    select v.value from unnest(%(values)s::text[], %(cases)s::text[]) as v (value, written)
     where exists (select from {table} as t where {same}{where} and {rows} is not true)
""")
_NOBODY = sql.SQL(
    "select v.value from unnest(%(values)s::text[], %(cases)s::text[]) as v (value, written) where false"
).format()
DIALLED = sql.SQL(" and v.written ~ '^[0-9 ()+./-]+$'")


def own_row(reach: Reach, *, of_kind: bool = True) -> sql.Composed:
    """Return the query of whether the person has a row of their own, as somebody `of_kind` or of any."""
    table = reach.subject.table
    return sql.SQL("select true from {table} as t where {rows}{kind}").format(
        table=sql_name(table),
        rows=owned(reach, table),
        kind=kind(reach) if of_kind else sql.SQL(""),
    )


def values(reach: Reach, one: Identifier) -> sql.Composed:
    """Return the query of what the person goes by according to one identifier of the policy: distinct texts."""
    table, column = place(reach, one)
    value = sql.Identifier("t", column)
    path = one.path is not None
    under = UNDER_PATH.format(value=value, path=sql.Literal(one.path)) if path else sql.SQL("")
    return sql.SQL(
        "select distinct {found} from {table} as t{under} where {value} is not null and {rows}{where}{single}"
    ).format(
        found=joins.FOUND if path else sql.SQL("{}::text").format(value),
        table=_relation(reach, table),
        under=under,
        value=value,
        rows=owned(reach, table),
        where=_and(one.where),
        single=_ONE_VALUE if path else sql.SQL(""),
    )


def unread(reach: Reach, one: Identifier) -> sql.Composed | None:
    """Return the query of how many objects or lists of lists the person has under the path of an identifier.

    None where it has none.
    """
    table, column = place(reach, one)
    if one.path is None:
        return None
    value = sql.Identifier("t", column)
    return sql.SQL("select count(*) from {table} as t{under} where {rows}{where} and {odd}").format(
        table=_relation(reach, table),
        under=UNDER_PATH.format(value=value, path=sql.Literal(one.path)),
        rows=owned(reach, table),
        where=_and(one.where),
        odd=_NO_VALUE,
    )


def others(reach: Reach) -> sql.Composed:
    """Return the query of those %(values)s that somebody else goes by in their own row: they prove nothing.

    %(cases)s: beside each value one way to write it; a value that is written in several ways comes several times. What
    is weak or stands elsewhere makes no value somebody's: else whoever adds a contact would hide the person it is of.
    """
    own = reach.subject.own_identifiers
    alike = [
        query
        for one in reach.subject.names()
        if one.column in own and not (one.weak or one.path)
        for query in _others(reach, one)
    ]
    return sql.SQL(" union ").join(alike or [_NOBODY])


def _others(reach: Reach, one: Identifier) -> Iterator[sql.Composed]:
    """Yield a query for each way in which two spellings are one: of both at once each value would read the table."""
    table, column = place(reach, one)
    here, written = sql.Identifier("t", column), sql.SQL("v.written")
    same = [sql.SQL("lower({}::text) = lower({})").format(here, written)]
    if one.form != "text":
        also = joins.alike(one.form, here, written)
        only = DIALLED if one.form != "email" else sql.SQL("")  # an address has digits, too
        same.append(sql.SQL("{}{}").format(also, only))
    for each in same:
        yield _TAKEN.format(
            table=_relation(reach, table),
            same=each,
            where=_and(one.where),
            rows=owned(reach, table),
        )


def kind(reach: Reach, alias: str = "t") -> sql.Composed:
    """Return the condition, behind others, that a row of the people's table is of this kind of people."""
    return _and(reach.subject.where, alias)


def place(reach: Reach, one: Identifier) -> tuple[str, str]:
    """Return (table, column) in which the values of an identifier stand."""
    return place_of(reach.subject, one)


def place_of(subject: Subject, one: Identifier) -> tuple[str, str]:
    """Return the same of an identifier of people of any kind."""
    table, column = split_column(one.column)
    return table or subject.table, column


def _relation(reach: Reach, table: str) -> sql.Composable:
    return sql_name(table) if table == reach.subject.table else reach.relation(table)


def only(where: Mapping[str, Value]) -> sql.Composed:
    """Return the condition, behind others, that a row's columns have these values."""
    return _and(where)


def _and(where: Mapping[str, Value | tuple[Value, ...]], alias: str = "t") -> sql.Composed:
    return sql.Composed(list(_each(where, alias)))


def _each(where: Mapping[str, Value | tuple[Value, ...]], alias: str) -> Iterator[sql.Composable]:
    for column, said in where.items():
        yield sql.SQL(" and {} in ({})").format(
            sql.Identifier(alias, column),
            sql.SQL(", ").join(map(sql.Literal, said if isinstance(said, tuple) else (said,))),
        )
