"""The SQL statement with which a draft looks into JSON: under which paths people stand. Paths and counts come home."""

from collections.abc import Sequence

from psycopg import sql

from lifecycle.policy.statements import QUOTING, ROWS
from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import sql_name

DEEP = 4
"""So many steps are gone into JSON."""

# A step is a key that is written like a name in a program, or any element of a list: what else is a key may be a value.
_WALK = sql.SQL(r"""
    with recursive s as materialized (
        select row_number() over () as row, r.{column}::jsonb as j
          from (select {column} from {table} where {column} is not null limit {rows}) as r),
    walk (row, path, v, deep) as (
        select s.row, '$', s.j, 0 from s
        union all
        select w.row, w.path || n.step, n.v, w.deep + 1
          from walk as w cross join lateral (
               select '.' || e.key as step, e.value as v
                 from jsonb_each(case when jsonb_typeof(w.v) = 'object' then w.v else '{{}}' end) as e
                where e.key ~ '^[A-Za-z_][A-Za-z0-9_]{{0,40}}$'
               union all
               select '[*]', e.value
                 from jsonb_array_elements(case when jsonb_typeof(w.v) = 'array' then w.v else '[]' end) as e) as n
         where w.deep < {deep}),
    said (path, row, value) as materialized (
        select w.path, w.row, w.v #>> '{{}}' from walk as w where jsonb_typeof(w.v) in ('string', 'number')),
    keys (value) as materialized (select {key}::text from {people} limit {people_rows}),
    mails (value) as materialized ({mails})
    select p.path, p.rows, p.values,
           (select count(distinct s.value) from said as s join keys as k on k.value = s.value where s.path = p.path),
           (select count(distinct s.value) from said as s join mails as m on m.value = lower(btrim(s.value))
             where s.path = p.path)
      from (select path, count(distinct row) as rows, count(distinct value) as values from said
             group by path having count(distinct value) >= {some} order by 2 desc, 1 limit 40) as p
""")


def people_in(
    table: Table, column: str, people: Table, key: str, mail: str | None, some: int
) -> sql.Composed:
    """Return the query of each path with `some` different values: (path, rows, values, people's keys, addresses)."""
    mails = (
        sql.SQL("select lower(btrim({mail}::text)) from {people} limit {rows}").format(
            mail=sql.Identifier(mail), people=sql_name(people.name), rows=sql.Literal(ROWS)
        )
        if mail
        else sql.SQL("select null::text").format()
    )
    return _WALK.format(
        column=sql.Identifier(column),
        table=sql_name(table.name),
        rows=sql.Literal(QUOTING),
        deep=sql.Literal(DEEP),
        key=sql.Identifier(key),
        people=sql_name(people.name),
        people_rows=sql.Literal(ROWS),
        mails=mails,
        some=sql.Literal(some),
    )


def images_in(
    table: Table,
    column: str,
    columns: Sequence[str],
    names: Sequence[str],
    texts: Sequence[str],
    words: Sequence[str],
) -> sql.Composed:
    """Return the query of one row: how many rows have JSON, and how many an image of a row with most of `columns`.

    Then for each of `names` in how many it has a value, and for each of `texts` the one of our `words` beside them.
    """
    there = sql.SQL("count(*) filter (where s.j ->> {name} is not null)")
    any_ = sql.SQL("s.j ?| {names}::text[]").format(names=sql.Literal(list(names)))
    whole = sql.SQL(
        "count(*) filter (where 2 * (select count(*) from unnest({columns}::text[]) as c(name) where s.j ? c.name)"
        " >= {many})"
    ).format(columns=sql.Literal(list(columns)), many=sql.Literal(len(columns)))
    spelled = sql.SQL(
        "min(s.{text}::text) filter (where {any_} and s.{text}::text = any ({words}::text[]))"
    )
    counts = [
        sql.SQL("count(*)"),
        whole,
        *(there.format(name=sql.Literal(name)) for name in names),
        *(
            spelled.format(text=sql.Identifier(text), any_=any_, words=sql.Literal(list(words)))
            for text in texts
        ),
    ]
    return sql.SQL(
        "select {counts} from (select r.*, case when jsonb_typeof(r.{column}::jsonb) = 'object' then r.{column}::jsonb"
        " else '{{}}' end as j from {table} as r where r.{column} is not null limit {rows}) as s"
    ).format(
        counts=sql.SQL(", ").join(counts),
        column=sql.Identifier(column),
        table=sql_name(table.name),
        rows=sql.Literal(2 * QUOTING),
    )
