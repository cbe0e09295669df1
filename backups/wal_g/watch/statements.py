"""What the watch asks a managed server. A place in the log is a number, as everywhere here."""

SERVER = """
    select pg_is_in_recovery() as standby,
           case when current_setting('archive_mode') <> 'off'
                then extract(epoch from current_setting('archive_timeout')::interval)::int end as archive_timeout,
           pg_size_bytes(current_setting('wal_segment_size')) as segment_size,
           case when pg_is_in_recovery() then 0 else (pg_current_wal_lsn() - '0/0')::bigint end as lsn,
           case when pg_is_in_recovery() then '' else pg_walfile_name(pg_current_wal_lsn()) end as segment,
           last_archived_wal, last_archived_time, last_failed_wal, last_failed_time, failed_count,
           (select system_identifier from pg_control_system()) as identifier, clock_timestamp() as at
      from pg_stat_archiver
"""

MAY_LIST = "select has_function_privilege('pg_ls_archive_statusdir()', 'execute')"

# The server renames `.ready` to `.done`, which leaves the time: in both, when the segment was closed.
FILES = r"""
    select left(name, 24), right(name, 5) = '.done', modification
      from pg_ls_archive_statusdir()
     where name ~ '^[0-9A-F]{24}\.(ready|done)$'
"""

# How far this very database's log was when it was looked at: a row that says so came after that place, and whatever was
# written before the look began came before it. Of some ten days, and not what came with a dump from another server.
MOMENTS = """
    select started_at, (counts->>'timeline')::int, (counts->>'lsn')::bigint
      from (select r.started_at, r.counts from lifecycle.run r
             where r.system = %(system)s and r.job = %(job)s and r.state = 'finished'
             order by r.scheduled_for desc limit 3000) as looked
     where counts->>'identifier' = (select system_identifier::text from pg_control_system())
"""

KNOWN = """
    select first, last, because, said_by, until from lifecycle.gap_known where until > clock_timestamp() order by id
"""

SAY_KNOWN = """
    insert into lifecycle.gap_known (first, last, because, said_by, until, run_id)
    values (%(first)s, %(last)s, %(because)s, %(said_by)s, %(until)s, %(run)s)
"""
