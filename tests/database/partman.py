"""Stands for an installed pg_partman, whose files no test may need: its tables, and the extension they belong to."""

# The columns of pg_partman 4.7.2, as its extension makes them.
TABLES = """
    create schema partman; grant usage on schema partman to public;
    create table partman.part_config (
        parent_table text primary key, control text not null, partition_type text not null default 'native',
        partition_interval text not null, constraint_cols text[], premake integer not null default 4,
        optimize_trigger integer not null default 4, optimize_constraint integer not null default 30,
        epoch text not null default 'none', inherit_fk boolean not null default true, retention text,
        retention_schema text, retention_keep_table boolean not null default true,
        retention_keep_index boolean not null default true, infinite_time_partitions boolean not null default false,
        datetime_string text, automatic_maintenance text not null default 'on', jobmon boolean not null default true,
        undo_in_progress boolean not null default false, template_table text);
    create table partman.part_config_sub (sub_parent text primary key);
    grant select on partman.part_config, partman.part_config_sub to public;
"""

# `create extension` reads a control file out of the server's own directory. What it leaves behind is a row, which a
# superuser can write, and what belongs to it, which PostgreSQL then notes by itself.
EXTENSION = """
    set allow_system_table_mods = on;
    insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        select pg_nextoid('pg_extension', 'oid', 'pg_extension_oid_index'), 'pg_partman', nspowner, oid, false, '4.7.2'
          from pg_namespace where nspname = 'partman';
    alter extension pg_partman add table partman.part_config;
    alter extension pg_partman add table partman.part_config_sub;
    reset allow_system_table_mods;
"""

# A table that it looks after by the month.
LOG = """
    set role shop_owner;
    create table log (at timestamptz not null, word text) partition by range (at);
    create table log_p2026_11 partition of log for values from ('2026-11-01Z') to ('2026-12-01Z');
    reset role;
    insert into partman.part_config (parent_table, control, partition_interval, premake, retention, datetime_string)
        values ('public.log', 'at', '1 mon', 2, '90 days', 'YYYY_MM');
"""

PARTMAN = TABLES + EXTENSION + LOG
