"""Every value of a sample that would give a person away, for tests that search for leaks.

Knows how all samples mark their values, with a tag of "qzvelin" and three digits, and finds the columns in the
catalog, so that a new one cannot be forgotten. Never changes anything.
"""

from typing import Any, LiteralString

from psycopg import Connection, sql

_SHORTEST = 8
"""Characters; anything shorter would be found by accident."""


def canaries(conn: Connection[Any], identifying: LiteralString) -> frozenset[str]:
    """Return the personal texts in the database, each at least 8 characters long and unmistakable.

    These are all texts with a person's tag (names, addresses, notes, tokens, serial numbers, file
    names, strings inside arrays and JSON), and what the query `identifying` finds. Call it before anything is
    erased, on a connection that sees all rows.
    """
    found = {value for (value,) in conn.execute(identifying)}
    columns = conn.execute(_COLUMNS).fetchall()
    searches = sql.SQL(" union ").join(
        _SEARCHES[kind].format(column=sql.Identifier(column), table=sql.Identifier(table))
        for table, column, kind in columns
    )
    found |= {value for (value,) in conn.execute(searches)}
    return frozenset(value for value in found if len(value) >= _SHORTEST)


_COLUMNS = """
select relname, attname,
       case when format_type(atttypid, null) = 'character varying' then 'text'
            when format_type(atttypid, null) = 'json' then 'jsonb'
            else format_type(atttypid, null) end as kind
  from pg_attribute
  join pg_class on pg_class.oid = attrelid
 where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
   and attnum > 0 and not attisdropped
   and format_type(atttypid, null) in ('text', 'character varying', 'text[]', 'json', 'jsonb')
 order by relname, attnum
"""

_SEARCHES = {
    "text": sql.SQL("select {column}::text from {table} where {column} ~* 'qzvelin[0-9]{{3}}'"),
    "text[]": sql.SQL(
        """
        select item
          from {table}, unnest({column}) as item
         where item ~* 'qzvelin[0-9]{{3}}'
        """
    ),
    "jsonb": sql.SQL(
        """
        select item #>> '{{}}'
          from (select distinct {column}::jsonb as content
                  from {table}
                 where {column}::text ~* 'qzvelin[0-9]{{3}}') as tagged,
               jsonb_path_query(content, 'strict $.** ? (@.type() == "string")') as item
         where item::text ~* 'qzvelin[0-9]{{3}}'
        """
    ),
}
