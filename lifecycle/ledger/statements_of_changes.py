"""What `changed.py` asks about its own session. All names are PostgreSQL's own."""

COUNTS = "select current_setting('track_counts')::bool"

# Rows this session has added, and updated or deleted, by table: also those that a cascade or a trigger changed.
CHANGED = """
    select n.nspname, c.relname, sum(s.n_tup_ins)::bigint, sum(s.n_tup_upd + s.n_tup_del)::bigint
      from pg_stat_xact_user_tables as s
      join pg_class as c on c.oid = coalesce(
               pg_partition_root(s.relid),
               (select i.inhparent from pg_inherits i
                 where i.inhrelid = s.relid and s.schemaname = '_timescaledb_internal'),  -- a chunk
               s.relid)
      join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname not in ('lifecycle', '_timescaledb_catalog') and s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
     group by 1, 2
"""

# Whoever truncates, alters or makes a table holds it against everybody until the transaction ends; whoever places or
# releases a legal hold has their table for himself among those who do.
REWRITTEN = """
    select n.nspname, c.relname
      from pg_locks as l
      join pg_class as c on c.oid = l.relation
      join pg_namespace as n on n.oid = c.relnamespace
     where l.locktype = 'relation' and l.pid = pg_backend_pid()
       and (l.mode = 'AccessExclusiveLock' or n.nspname = 'lifecycle' and l.mode = 'ShareUpdateExclusiveLock')
       and l.database = (select oid from pg_database where datname = current_database())
       and c.relkind in ('r', 'p', 'm', 'f') and n.nspname !~ '^pg_(temp|toast)'
"""
