"""What `changed.py` asks about its own session. All names are PostgreSQL's own."""

COUNTS = "select current_setting('track_counts')::bool"

# The number of a table to which this very transaction, or a later one, may have given its name: its row is as new.
_NEW = """
    case when (c.xmin::text::bigint - pg_current_xact_id()::text::bigint) & 4294967295 < 2147483648
           or (n.xmin::text::bigint - pg_current_xact_id()::text::bigint) & 4294967295 < 2147483648
         then c.oid::bigint end
"""

# Rows this session has added, and updated or deleted, by table, the ledger's too: also those that a cascade or a
# trigger changed. What TimescaleDB notes down for itself is nobody's row; a chunk of it is known by the oid of whom it
# inherits from.
# What pg_stat_xact_user_tables shows is asked without it: it adds up each index of each table in the database first.
CHANGED = f"""
    with counted (relid, added, ended) as materialized (
        select t.oid, pg_stat_get_xact_tuples_inserted(t.oid),
               pg_stat_get_xact_tuples_updated(t.oid) + pg_stat_get_xact_tuples_deleted(t.oid)
          from pg_class as t where t.relkind in ('r', 't', 'm', 'p'))
    select n.nspname, c.relname, sum(s.added)::bigint, sum(s.ended)::bigint,
           case when not c.relispartition then i.inhparent end,
           max({_NEW}), c.oid
      from counted as s
      join pg_class as c on c.oid = coalesce(pg_partition_root(s.relid), s.relid)
      join pg_namespace as n on n.oid = c.relnamespace
      left join pg_inherits as i on i.inhrelid = c.oid and i.inhseqno = 1
     where s.added + s.ended > 0
       and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
       and not exists (select from pg_depend e join pg_extension x on x.oid = e.refobjid
                        where (e.classid, e.objid, e.deptype) = ('pg_class'::regclass, c.oid, 'e')
                          and x.extname = 'timescaledb')
     group by 1, 2, 5, 7
"""  # noqa: S608 - put together from constants only

# Which of these are hypertables.
HYPERTABLES = """
    select c.oid, n.nspname, c.relname
      from _timescaledb_catalog.hypertable h
      join pg_namespace n on n.nspname = h.schema_name
      join pg_class c on c.relnamespace = n.oid and c.relname = h.table_name
     where c.oid = any (%(oids)s::oid[])
"""

# Which of these hold batches of the rows of compressed chunks, and of which hypertable.
BATCHES = """
    select c.oid, h.schema_name, h.table_name
      from _timescaledb_catalog.chunk x
      join _timescaledb_catalog.chunk k on k.compressed_chunk_id = x.id
      join _timescaledb_catalog.hypertable h on h.id = k.hypertable_id
      join pg_namespace n on n.nspname = x.schema_name
      join pg_class c on c.relnamespace = n.oid and c.relname = x.table_name
     where c.oid = any (%(oids)s::oid[])
"""

# Whoever truncates, alters or makes a table holds it against everybody until the transaction ends; whoever places or
# releases a legal hold has their table for himself among those who do. Rows that are sent to another server are counted
# nowhere: the lock on the foreign table tells, but for one that is a part of a table, whose rows are ours to end.
REWRITTEN = f"""
    select n.nspname, c.relname, {_NEW}
      from pg_locks as l
      join pg_class as c on c.oid = l.relation
      join pg_namespace as n on n.oid = c.relnamespace
     where l.locktype = 'relation' and l.pid = pg_backend_pid()
       and (l.mode = 'AccessExclusiveLock' or n.nspname = 'lifecycle' and l.mode = 'ShareUpdateExclusiveLock'
            or c.relkind = 'f' and l.mode = 'RowExclusiveLock'
               and not exists (select from pg_inherits i where i.inhrelid = c.oid))
       and l.database = (select oid from pg_database where datname = current_database())
       and c.relkind in ('r', 'p', 'm', 'f') and n.nspname !~ '^pg_(temp|toast)'
"""  # noqa: S608 - put together from constants only
