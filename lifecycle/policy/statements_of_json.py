"""The SQL statement with which a draft looks into JSON: under which paths people stand. Paths and counts come home."""

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
