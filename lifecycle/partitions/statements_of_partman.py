"""What is asked of pg_partman's own tables, and said to them. See partman.py: why it is asked in this way."""

from collections.abc import Iterable

from psycopg import sql

from lifecycle.postgres.names import sql_name

# The tables of the extension, in its own schema (it cannot be moved): of PostgreSQL's own types which columns, and
# what could let somebody else's code run when a row is changed: a trigger or a rule (who has TRIGGER makes one), and
# whoever could give the schema's name to a schema of his own meanwhile.
TABLES = """
    select c.relname, n.nspname, pg_get_userbyid(c.relowner),
           (select coalesce(jsonb_object_agg(a.attname, format_type(a.atttypid, null)), '{}')
              from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
               and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'integer'::regtype, 'boolean'::regtype)),
           array(select format('it has a trigger %I', t.tgname) from pg_trigger t
                  where t.tgrelid = c.oid and not t.tgisinternal
                 union all
                 select format('it has a rule %I', w.rulename) from pg_rewrite w where w.ev_class = c.oid
                 union all
                 select format('its schema belongs to %I, who could put another table in its place', r.rolname)
                   from pg_database d
                   join pg_roles r on r.oid = case n.nspowner when 'pg_database_owner'::regrole then d.datdba
                                                              else n.nspowner end
                  where d.datname = current_database() and r.oid <> c.relowner and not r.rolsuper
                 order by 1)
      from pg_extension e
      join pg_depend m on m.refclassid = 'pg_extension'::regclass and m.refobjid = e.oid and m.deptype = 'e'
      join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
      join pg_namespace n on n.oid = c.relnamespace
     where e.extname = 'pg_partman' and c.relnamespace = e.extnamespace and c.relkind = 'r'
       and c.relname in ('part_config', 'part_config_sub')
"""

# A view has code in it, and could have taken the table's name since. As pg_dump does, where the server knows this.
NO_VIEWS = """
    select set_config(name, 'view, foreign-table', true) from pg_settings
     where name = 'restrict_nonsystem_relation_kind'
"""

# As whole months, days and microseconds.
TIME = """
    select said::text, (extract(year from said) * 12 + extract(month from said))::integer,
           extract(day from said)::integer,
           ((extract(hour from said) * 3600 + extract(minute from said) * 60) * 1000000
            + extract(microseconds from said))::bigint
      from (select %(said)s::interval as said) as it
     where isfinite(said)
"""


def rows(table: str, columns: Iterable[str]) -> sql.Composed:
    """Ask for all rows. Without a cast, a comparison or an order: each could be a function of somebody's."""
    return sql.SQL("select {columns} from only {table}").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)), table=sql_name(table)
    )


def close(config: str) -> sql.Composed:
    """Let nobody change a row or make a trigger until the transaction ends. Waits for nobody, and so nobody for it."""
    return sql.SQL("lock table only {} in share row exclusive mode nowait").format(sql_name(config))


def rest(config: str, spelled: str) -> sql.Composed:
    """Tell pg_partman to leave this table alone."""
    return sql.SQL(
        "update only {config} set automatic_maintenance = 'off' where parent_table = {spelled}"
    ).format(config=sql_name(config), spelled=sql.Literal(spelled))
