"""What this folder says to a managed server, and to the copy that a drill recovers."""

from psycopg import sql

SNAPSHOT = "select pg_current_snapshot()::text"

# Places in the log are numbers everywhere here, as WAL-G lists them.
POINT = "select (pg_create_restore_point(%(name)s) - '0/0')::bigint"

SWITCH = "select pg_switch_wal()"

FACTS = """
    select pg_walfile_name('0/0'::pg_lsn + %(lsn)s::numeric) as segment,
           (select system_identifier from pg_control_system()) as identifier,
           current_setting('server_version_num')::int as version,
           case when current_setting('archive_mode') <> 'off'
                then extract(epoch from current_setting('archive_timeout')::interval)::int end as archive_timeout,
           pg_size_bytes(current_setting('wal_segment_size')) as segment_size
"""

# Whoever takes a base backup holds this until he is gone: of two at once neither is wanted.
ALONE = "select pg_try_advisory_lock(7, 20190407)"

SERVER = "select (select system_identifier from pg_control_system()), pg_is_in_recovery()"

MAY_POINT = """
    select has_function_privilege('pg_create_restore_point(text)', 'execute')
       and has_function_privilege('pg_switch_wal()', 'execute')
"""

ARCHIVE_TIMEOUT = """
    select case when current_setting('archive_mode') <> 'off'
                then extract(epoch from current_setting('archive_timeout')::interval)::int end
"""

# A hot standby must have at least what its primary had.
LIMITS = """
    select name, setting::int from pg_settings
     where name in ('max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions',
                    'max_locks_per_transaction')
"""

SOURCE = """
    select pg_get_userbyid(10), array(select extname::text from pg_extension)
"""

HAS_LEDGER = """
    select to_regclass('lifecycle.evidence') is not null
       and has_table_privilege(to_regclass('lifecycle.evidence'), 'select')
"""

RECOVERED = """
    select pg_get_wal_replay_pause_state() = 'paused', (pg_last_wal_replay_lsn() - '0/0')::bigint,
           (select system_identifier from pg_control_system())
"""
RESUME = "select pg_wal_replay_resume()"

PROMOTED = "select not pg_is_in_recovery()"

# Of the timeline that recovery opened: from which one it came, and where.
HISTORY = """
    with own as (select left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline)
    select regexp_split_to_array(rtrim(pg_read_file('pg_wal/' || timeline || '.history'), e'\\n'), e'\\n') from own
"""

# What the log holds of transactions that the counts did not see: they committed before the point all the same.
UNSEEN = """
    select count(*)
      from (select unnest(%(in_progress)s::bigint[]) as xid
             union select generate_series(%(xmax)s::bigint,
                                          pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)) as candidate
     where pg_xact_status(xid::text::xid8) = 'committed'
"""

ARCHIVES = "select current_setting('archive_mode')"

# PostgreSQL's own, and nothing of an extension's.
STRANGERS = """
    select backend_type from pg_stat_activity
     where backend_type not in (
           'client backend', 'checkpointer', 'background writer', 'walwriter', 'startup', 'archiver', 'io worker',
           'logical replication launcher', 'autovacuum launcher', 'autovacuum worker', 'slotsync worker',
           'walsummarizer', 'parallel worker', 'TimescaleDB Background Worker Launcher')
"""

READER = "lifecycle_drill_reader"
CREATE_READER = """
    create role lifecycle_drill_reader login nosuperuser bypassrls in role pg_read_all_data
"""

# A full index of each table by itself: what it counts without the table has to be what the table counts.
INDEXED = """
    select n.nspname, c.relname
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and exists (select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am a on a.oid = x.relam
                    where i.indrelid = c.oid and i.indisvalid and i.indpred is null and a.amname = 'btree')
     order by 1, 2
"""
BY_INDEX = """
    select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('enable_indexonlyscan', 'on', true), set_config('max_parallel_workers_per_gather', '0', true)
"""
BY_TABLE = """
    select set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true),
           set_config('enable_indexonlyscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""


def counted(schema: str, relname: str) -> sql.Composed:
    """Return what counts the rows of this table itself."""
    return sql.SQL("select count(*) from only {}").format(sql.Identifier(schema, relname))


def explained(schema: str, relname: str) -> sql.Composed:
    """Return what says by which way they would be counted."""
    return sql.SQL("explain (costs off) {}").format(counted(schema, relname))
