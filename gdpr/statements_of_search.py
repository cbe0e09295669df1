"""What this room asks a managed database in order to find a person: which places there are, and what stands in them."""

from collections.abc import Mapping, Sequence

from psycopg import sql

from audit.statements import holds
from lifecycle.postgres.catalog import Column
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import whole_row

_COUNT = sql.SQL("select count(*) from {table} as t where {rows}")


def holding(table: str, searched: Sequence[Column]) -> sql.Composed:
    """Return the count of rows in which %(pattern)s is found."""
    return _COUNT.format(table=sql_name(table), rows=holds(_text(searched)))


def candidates(
    table: sql.Composable,
    searched: Sequence[Column],
    needles: int,
    gone: sql.Composable | None = None,
    emptied: Mapping[str, sql.Composable] | None = None,
) -> sql.Composed:
    """Return the query of (rows, texts of those that contain %(needle_0)s ..., as parts of words too).

    Rows for which `gone` holds are passed over, and so is a column's value in rows for which its `emptied` does.
    """
    contains = [
        sql.SQL("strpos(low, lower({})) > 0").format(sql.Placeholder(f"needle_{number}"))
        for number in range(needles)
    ]
    return sql.SQL("""
        select count(*), coalesce(array_agg(whole) filter (where {contains}), '{{}}')
          from (select whole, lower(whole) as low
                  from (select {text} as whole from {table} as t where {gone} is not true offset 0) as every
                offset 0) as lowered""").format(
        contains=sql.SQL(" or ").join([*contains, sql.SQL("false")]),
        text=_text(searched, emptied or {}),
        table=table,
        gone=gone or sql.SQL("false"),
    )


# What stores rows, in every schema but PostgreSQL's own. `ours`: a table of this product, which belongs to whoever
# owns its schema and holds counts, digests and sealed notes only.
STORED = """
    select n.nspname, c.relname, c.relkind::text, n.nspname = 'lifecycle' and c.relowner = n.nspowner
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'f') and c.relpersistence <> 't' and c.relispopulated
       and n.nspname <> all (array['pg_catalog', 'information_schema', 'pg_toast']) and n.nspname !~ '^pg_temp_'
     order by 1, 2
"""
TYPED = """
    select distinct n.nspname, c.relname, a.attname, format_type(a.atttypid, null)
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_type y on y.oid = a.atttypid
     where y.typtype <> 'e' and c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition
       and a.attnum > 0 and not a.attisdropped
       and n.nspname <> all (array['pg_catalog', 'information_schema', 'pg_toast', 'lifecycle'])
       and n.nspname !~ '^pg_temp_'
     order by 1, 2, 3
"""
LARGE_OBJECTS = "select count(*) from pg_largeobject_metadata"
EXTENDED = "select count(*) from pg_statistic_ext"
PREPARED = "select count(*) from pg_prepared_xacts where database = current_database()"
# When another's transaction began is shown to members of its role alone: what is not shown counts as earlier.
OLDER = """
    select count(*) from pg_stat_activity
     where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid()
       and coalesce(xact_start, '-infinity') < transaction_timestamp()
"""

MATVIEWS = """
    select n.nspname, c.relname, has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' and c.relispopulated and n.nspname <> 'lifecycle'
"""
AGGREGATES = """
    select a.view_schema, a.view_name, n.nspname, m.relname,
           has_schema_privilege(n.oid, 'usage') and has_table_privilege(m.oid, 'select'),
           array(select array[k.nspname::text, c.relname::text]
                   from pg_inherits i join pg_class c on c.oid = i.inhrelid
                   join pg_namespace k on k.oid = c.relnamespace
                  where i.inhparent = m.oid)
      from timescaledb_information.continuous_aggregates a
      join pg_namespace n on n.nspname = a.materialization_hypertable_schema
      join pg_class m on m.relnamespace = n.oid and m.relname = a.materialization_hypertable_name
     order by 1, 2
"""
STATISTICS = """
    select schemaname, tablename,
           concat_ws(E'\\n', most_common_vals::text, histogram_bounds::text, most_common_elems::text)
      from pg_stats
     where schemaname not in ('pg_catalog', 'information_schema', 'lifecycle')
       and exists (select from unnest(%(needles)s::text[]) as n
                    where strpos(lower(concat_ws(E'\\n', most_common_vals::text, histogram_bounds::text,
                                                 most_common_elems::text)), lower(n)) > 0)
"""


# Of what an index works out of a row the planner keeps samples, too, and shows them to nobody but the table's owner.
# In a number or a time no name can stand.
WORKED_OUT = """
    select n.nspname, t.relname, c.relname
      from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'i' and i.indexprs is not null
       and exists (select from pg_attribute a join pg_type y on y.oid = a.atttypid
                    where a.attrelid = c.oid and i.indkey[a.attnum - 1] = 0
                      and y.typcategory not in ('N', 'D', 'B', 'T'))
       and n.nspname <> all (array['pg_catalog', 'information_schema', 'pg_toast', 'lifecycle'])
       and n.nspname !~ '^pg_temp_'
     order by 1, 3
"""


# What a batch of compressed rows shows beside them: the value that all have, the lowest and the highest.
SHOWN = """
    select a.attname
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where (n.nspname, c.relname) = (%(schema)s, %(name)s) and a.attnum > 0 and not a.attisdropped
       and format_type(a.atttypid, null) <> '_timescaledb_internal.compressed_data'
     order by a.attnum
"""


def shown(schema: str, name: str, columns: Sequence[str]) -> sql.Composed:
    """Return the query of what these columns show of the batches in which any of %(needles)s stands there."""
    text = sql.SQL("concat_ws(E'\\n', {})").format(
        sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(one)) for one in columns)
    )
    return sql.SQL("""
        select {text} from {table} as t
         where exists (select from unnest(%(needles)s::text[]) as n (needle)
                        where strpos(lower({text}), lower(n.needle)) > 0)""").format(
        text=text, table=sql.Identifier(schema, name)
    )


def whole_rows(schema: str, view: str) -> sql.Composed:
    """Return the query of the rows of a materialized view that contain any of %(needles)s."""
    return sql.SQL("""
        select to_jsonb({row})::text from {view} as t
         where exists (select from unnest(%(needles)s::text[]) as n (needle)
                        where strpos(lower(to_jsonb({row})::text), lower(n.needle)) > 0)""").format(
        row=whole_row("t"), view=sql.Identifier(schema, view)
    )


def _text(
    searched: Sequence[Column], emptied: Mapping[str, sql.Composable] | None = None
) -> sql.Composed:
    """Return all these columns as one text; through jsonb, which spells escapes in one way."""
    through = {"json": sql.SQL("::jsonb")}
    texts: list[sql.Composable] = []
    for column in searched:
        value = sql.SQL("coalesce(t.{}{}::text, '')").format(
            sql.Identifier(column.name), through.get(column.type, sql.SQL(""))
        )
        unless = (emptied or {}).get(column.name)
        case = sql.SQL("case when {} then '' else {} end")
        texts.append(value if unless is None else case.format(unless, value))
    return sql.SQL("({})").format(sql.SQL(" || E'\\n' || ").join(texts))
