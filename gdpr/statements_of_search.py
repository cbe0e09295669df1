"""What this room asks a managed database in order to find a person: which places there are, and what stands in them."""

from collections.abc import Mapping, Sequence
from typing import LiteralString

from psycopg import sql

# Reading a large relation takes as long as it takes; the run has its own limit.
BEGAN: LiteralString = "select transaction_timestamp()"
NO_HURRY: LiteralString = "select set_config('statement_timeout', '12h', true)"

# What stores rows, in every schema but PostgreSQL's own, whether we may read it, and in which of its columns something
# else than a number, a time or a truth can stand: `regrole` and its kin are numbers to PostgreSQL, and print names.
# Left out are this product's own tables, which belong to whoever owns its schema and hold counts, digests and sealed
# notes only; and of a batch of compressed rows what is compressed, which is read with its hypertable.
STORED: LiteralString = """
    select n.nspname, c.relname, c.relkind::text,
           has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'),
           array(select a.attname::text
                   from pg_attribute a join pg_type y on y.oid = a.atttypid
                   left join pg_type e on e.oid = y.typelem and y.typcategory = 'A'
                  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                    and (coalesce(e.typcategory, y.typcategory) not in ('N', 'D', 'B', 'T')
                         or coalesce(e.typoutput, y.typoutput)::text ~ '^reg.*out$')
                    and format_type(y.oid, null) <> '_timescaledb_internal.compressed_data'
                  order by a.attnum)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'f') and c.relpersistence <> 't' and c.relispopulated
       and n.nspname <> all (array['pg_catalog', 'information_schema', 'pg_toast']) and n.nspname !~ '^pg_temp_'
       and not (n.nspname = 'lifecycle' and c.relowner = n.nspowner)
     order by 1, 2
"""

# What an ALTER TABLE or a TRUNCATE has written anew since the caller's snapshot, to which it is empty from then on: the
# snapshot's catalog says where the rows were, the function where they are.
WRITTEN_ANEW: LiteralString = """
    select n.nspname, c.relname
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and c.relfilenode <> pg_relation_filenode(c.oid)
"""

# The columns of what stores rows, by type: of an array, a domain or a domain over an array that of its elements.
TYPED: LiteralString = """
    select distinct n.nspname, c.relname, a.attname, format_type(coalesce(e.oid, b.oid, y.oid), null),
           coalesce(e.typtype, b.typtype, y.typtype)::text, coalesce(e.typcategory, b.typcategory, y.typcategory)::text
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_type y on y.oid = a.atttypid
      left join pg_type b on b.oid = y.typbasetype
      left join pg_type e on e.oid = coalesce(b.typelem, y.typelem) and coalesce(b.typcategory, y.typcategory) = 'A'
     where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition and a.attnum > 0 and not a.attisdropped
       and n.nspname <> all (array['pg_catalog', 'information_schema', 'pg_toast', 'lifecycle'])
       and n.nspname !~ '^pg_temp_'
     order by 1, 2, 3
"""
LARGE_OBJECTS: LiteralString = "select oid from pg_largeobject_metadata order by oid"
PIECE: LiteralString = "select lo_get(%(oid)s::oid, %(offset)s::bigint, %(size)s::int)"
PREPARED: LiteralString = (
    "select count(*) from pg_prepared_xacts where database = current_database()"
)
# When another's transaction began is shown to members of its role alone: what is not shown counts as earlier. What is
# nobody's at all is the server's own, autovacuum's above all, which writes no row of a table.
OLDER: LiteralString = """
    select count(*) from pg_stat_activity
     where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid() and usesysid is not null
       and coalesce(xact_start, '-infinity') < %(since)s
"""

AGGREGATES: LiteralString = """
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

# What the planner keeps of rows: samples of columns, and of several columns or expressions together. The first two
# columns say of which table. By the names of what is outside PostgreSQL's schemas first: the view asks else for each
# column of PostgreSQL's own whether it may be read, which takes longer than all that is found.
SAMPLES = sql.SQL("""
    select schemaname, tablename, most_common_vals::text, histogram_bounds::text, most_common_elems::text
      from pg_stats where schemaname not in ('pg_catalog', 'information_schema', 'lifecycle')
       and tablename = any (array(
           select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname not in ('pg_catalog', 'information_schema', 'lifecycle')))
    union all
    select schemaname, tablename, most_common_vals::text, null, null
      from pg_stats_ext where schemaname not in ('pg_catalog', 'information_schema', 'lifecycle')
    union all
    select schemaname, tablename, most_common_vals::text, histogram_bounds::text, most_common_elems::text
      from pg_stats_ext_exprs where schemaname not in ('pg_catalog', 'information_schema', 'lifecycle')
""").format()
SAMPLED_FROM = 2
"""The first column of these in which a sample stands."""

# Of extended statistics those hold values that know common ones (m) or expressions (e), and PostgreSQL shows them to
# the table's owner only, where they were ever made.
EXTENDED_UNSEEN: LiteralString = """
    select count(*)
      from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace
     where s.stxkind && '{m,e}'::"char"[]
       and not exists (select from pg_stats_ext v
                        where (v.statistics_schemaname, v.statistics_name) = (n.nspname, s.stxname))
"""

# Of what an index works out of a row the planner keeps samples, too, and shows them to nobody but the table's owner.
# In a number or a time no name can stand.
WORKED_OUT: LiteralString = """
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


NUMBERED = sql.SQL("t.ctid = any(%(numbers)s::tid[])")
"""The condition that a row is one of some: PostgreSQL goes to them, and reads nothing else."""


def printed(
    source: sql.Composable,
    columns: Sequence[str],
    emptied: Mapping[str, sql.Composable] | None = None,
    rows: sql.Composable | None = None,
    *,
    numbered: bool = False,
) -> sql.Composed:
    """Return the query of these columns of a relation, `t`: of `rows` alone, without what is `emptied` there.

    `numbered`: the number of each row comes before them.
    """
    found: list[sql.Composable] = [sql.SQL("t.ctid")] if numbered else []
    for column in columns:
        value, unless = sql.Identifier("t", column), (emptied or {}).get(column)
        case = sql.SQL("case when {} then null else {} end")
        found.append(value if unless is None else case.format(unless, value))
    return sql.SQL("select {columns} from {source} as t where {rows}").format(
        columns=sql.SQL(", ").join(found), source=source, rows=rows or sql.SQL("true")
    )
