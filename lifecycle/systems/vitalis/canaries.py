"""Every value of the sample that would give a person away, for tests that search for leaks.

Knows how the sample marks its values, and finds the columns in the catalog, so that a new one
cannot be forgotten. Never changes anything.
"""

from typing import Any

from psycopg import Connection, sql

_SHORTEST = 8
"""Characters; anything shorter would be found by accident."""


def canaries(conn: Connection[Any]) -> frozenset[str]:
    """Return the personal texts in the database, each at least 8 characters long and unmistakable.

    These are all texts with a person's tag (names, addresses, notes, tokens, serial numbers, file
    names, strings inside arrays and JSON), object keys, customer ids, IP addresses and the users'
    UUIDs. Call it before anything is erased, on a connection that sees all rows.
    """
    found = {value for (value,) in conn.execute(_NAMED)}
    columns = conn.execute(_COLUMNS).fetchall()
    searches = sql.SQL(" union ").join(
        _SEARCHES[kind].format(column=sql.Identifier(column), table=sql.Identifier(table))
        for table, column, kind in columns
    )
    found |= {value for (value,) in conn.execute(searches)}
    return frozenset(value for value in found if len(value) >= _SHORTEST)


_COLUMNS = """
select relname, attname, format_type(atttypid, null)
  from pg_attribute
  join pg_class on pg_class.oid = attrelid
 where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
   and attnum > 0 and not attisdropped
   and format_type(atttypid, null) in ('text', 'text[]', 'jsonb')
   and relname not in ('biomarker_dictionary', 'exercise_dictionary')
 order by relname, attnum
"""

_SEARCHES = {
    "text": sql.SQL("select {column} from {table} where {column} ~* 'qzvelin[0-9]{{3}}'"),
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
          from (select distinct {column} as content
                  from {table}
                 where {column}::text ~* 'qzvelin[0-9]{{3}}') as tagged,
               jsonb_path_query(content, 'strict $.** ? (@.type() == "string")') as item
         where item::text ~* 'qzvelin[0-9]{{3}}'
        """
    ),
}

_NAMED = """
select user_id::text from users
 union
select stripe_customer_id from accounts where stripe_customer_id is not null
 union
select s3_key from documents
 union
select s3_key from photos
 union
select s3_thumbnail_key from photos
 union
select s3_key from data_export_requests
 union
select host(ip_address) from audit_log where ip_address is not null
"""
