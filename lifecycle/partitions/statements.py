"""Every statement this room says to a managed database. Names enter as identifiers or as settings, never as text."""

from typing import TYPE_CHECKING

from psycopg import sql

from lifecycle.postgres.names import sql_name

if TYPE_CHECKING:  # a plan is made of what these statements read
    from lifecycle.partitions.step import CreatePartition

# Row security is an error in our sessions, never a filter. Here alone it may filter: ATTACH checks the foreign
# keys of an empty table, and a referenced table whose row security is forced would refuse that.
PREPARE = """
    select set_config('lock_timeout', %(limit)s, true), set_config('row_security', 'on', true)
"""

RESET_ROLE = "reset role"

LIMIT = (
    "select current_setting('statement_timeout'), set_config('statement_timeout', %(limit)s, true)"
)

HELD = "200ms"
"""How long ATTACH may take with what follows it: until then tables it references take no writes."""

# Made to be called once and dropped, for the owner could change it on the way. See owner.py.
_ENCLOSE = """
    create function {name}(commands text[]) returns void language plpgsql security definer
    set search_path = pg_catalog, pg_temp as $$
    declare
        command text;
    begin
        foreach command in array commands loop
            execute command;
        end loop;
        set constraints all immediate;
    end $$
"""

NAME_BOTH = """
    select set_config('lifecycle.parent', format('%%I.%%I', %(schema)s::text, %(parent)s::text), true),
           set_config('lifecycle.child', format('%%I.%%I', %(schema)s::text, %(child)s::text), true),
           set_config('lifecycle.parents', array[format('%%I.%%I', %(schema)s::text, %(parent)s::text)]::text, true),
           set_config('lifecycle.children', array[format('%%I.%%I', %(schema)s::text, %(child)s::text)]::text, true)
"""

# Of several partitions, each at the place of its parent.
NAME_ALL = """
    select set_config('lifecycle.parents', array_agg(format('%%I.%%I', %(schema)s::text, parent))::text, true),
           set_config('lifecycle.children', array_agg(format('%%I.%%I', %(schema)s::text, child))::text, true)
      from unnest(%(parents)s::text[], %(children)s::text[]) as pair (parent, child)
"""


def any_row(partition: str) -> sql.Composed:
    """Ask whether a partition holds a row."""
    return sql.SQL("select exists (select from only {partition})").format(
        partition=sql_name(partition)
    )


def create(step: "CreatePartition") -> sql.Composed:
    """Make the table, not yet a partition.

    Identity is left out: from 17 on a partition takes its parent's, and ATTACH refuses a table with one of its own.
    """
    return sql.SQL(
        "create table {child} (like {parent} including all excluding identity){by}"
    ).format(
        child=sql.Identifier(step.schema, step.relname),
        parent=sql.Identifier(step.schema, step.parent_relname),
        by=_partitioned(step.below[0]) if step.below else sql.SQL(""),
    )


def _partitioned(below: "CreatePartition") -> sql.Composed:
    way = sql.SQL(
        "hash" if below.strategy == "hash" else "list" if below.strategy == "list" else "range"
    )
    return sql.SQL(" partition by {} ({})").format(way, sql.Identifier(below.by))


def enclose(schema: str, name: str) -> sql.Composed:
    """Make a function of the current role's that says statements as nobody but that role."""
    return sql.SQL(_ENCLOSE).format(name=sql.Identifier(schema, name))


def enclosed(schema: str, name: str) -> sql.Composed:
    """Say the statements in %(commands)s through it."""
    return sql.SQL("select {}(%(commands)s)").format(sql.Identifier(schema, name))


def open_again(schema: str, name: str) -> sql.Composed:
    """Drop it."""
    return sql.SQL("drop function {}(text[])").format(sql.Identifier(schema, name))


def attach(step: "CreatePartition") -> sql.Composed:
    """Make it a partition: shares the parent with readers and writers, unlike PARTITION OF."""
    return sql.SQL("alter table {parent} attach partition {child} for values {bound}").format(
        parent=sql.Identifier(step.schema, step.parent_relname),
        child=sql.Identifier(step.schema, step.relname),
        bound=_bound(step),
    )


def _bound(step: "CreatePartition") -> sql.Composed:
    if not step.values:
        above = [sql.Literal(value) for _, value in step.above]
        rest = [sql.SQL("minvalue")] * step.behind
        ends = ([*above, sql.Literal(moment), *rest] for moment in (step.lower, step.upper))
        return sql.SQL("from ({}) to ({})").format(*(sql.SQL(", ").join(end) for end in ends))
    if step.strategy == "hash":
        modulus, remainder = map(int, step.values)
        return sql.SQL("with (modulus {}, remainder {})").format(
            sql.Literal(modulus), sql.Literal(remainder)
        )
    return sql.SQL("in ({})").format(sql.SQL(", ").join(map(sql.Literal, step.values)))


# Inside a sub-select PostgreSQL prints a policy's columns with the table's name before them. That name is replaced
# where it stands as a word of its own before a dot: in a text, in quotes, or behind a dot it is something else.
# What came of it is held against the parent's tree afterwards (policies.py).
_EDITED = r"""
    (select string_agg(case when word = quote_ident(of_parent.relname) and after = '.' and before is distinct from '.'
                            then quote_ident(of_child.relname) else word end, '' order by place)
       from (select m[1] as word, place, lag(m[1]) over (order by place) as before,
                    lead(m[1]) over (order by place) as after
               from regexp_matches(pg_get_expr(TREE, parent),
               '(E''(?:[^''\\]|\\.|'''')*''|''(?:[^'']|'''')*''|"(?:[^"]|"")*"|[A-Za-z_][A-Za-z0-9_$]*|.)', 'g')
                    with ordinality as words (m, place)) as words)
"""

# What LIKE does not bring, before anybody can see the tables. Runs as the owner, after NAME_BOTH or NAME_ALL.
_CARRY_OVER = r"""
do $$
declare
    parent regclass;
    child regclass;
    of_parent pg_class;
    of_child pg_class;
    found record;
begin
    for parent, child in
        select * from unnest(current_setting('lifecycle.parents')::regclass[],
                             current_setting('lifecycle.children')::regclass[])
    loop
        select * into strict of_parent from pg_class where oid = parent;
        select * into strict of_child from pg_class where oid = child;
        if of_parent.relrowsecurity then
            execute format('alter table %s enable row level security', child);
        end if;
        for found in
            select p.polname,
                   case when p.polpermissive then 'permissive' else 'restrictive' end as kind,
                   case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                 when 'd' then 'delete' else 'all' end as command,
                   (select string_agg(case when member = 0 then 'public'
                                           else quote_ident(pg_get_userbyid(member)) end, ', ')
                      from unnest(p.polroles) as member) as members,
                   EDITED(p.polqual) as visible, EDITED(p.polwithcheck) as allowed
              from pg_policy p
             where p.polrelid = parent
             order by p.polname
        loop
            execute format('create policy %I on %s as %s for %s to %s',
                           found.polname, child, found.kind, found.command, found.members)
                 || coalesce(' using (' || found.visible || ')', '')
                 || coalesce(' with check (' || found.allowed || ')', '');
        end loop;

        -- Grants: the parent's and nothing more. What default privileges added is taken away first.
        if of_child.relacl is distinct from of_parent.relacl
            or exists (select from pg_attribute t where t.attrelid = parent and t.attacl is not null)
        then
            for found in
                select distinct case when a.grantee = 0 then 'public'
                                     else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
                  from aclexplode(coalesce(of_child.relacl, acldefault('r', of_child.relowner))) as a
            loop
                execute format('revoke all on %s from %s', child, found.grantee);
            end loop;
            for found in
                select case when given.grantee = 0 then 'public'
                            else quote_ident(pg_get_userbyid(given.grantee)) end as grantee,
                       given.is_grantable, string_agg(given.privilege, ', ') as privileges
                  from (select a.grantee, a.is_grantable, a.privilege_type as privilege
                          from aclexplode(coalesce(of_parent.relacl, acldefault('r', of_parent.relowner))) as a
                         union all
                        select a.grantee, a.is_grantable, format('%s (%I)', a.privilege_type, t.attname)
                          from pg_attribute t, aclexplode(t.attacl) as a
                         where t.attrelid = parent and not t.attisdropped) as given
                 group by given.grantee, given.is_grantable
            loop
                execute format('grant %s on %s to %s', found.privileges, child, found.grantee)
                     || case when found.is_grantable then ' with grant option' else '' end;
            end loop;
        end if;

        -- How it is stored, replicated and estimated.
        if of_parent.reltablespace <> 0 and not of_child.relispartition then
            execute format('alter table %s set tablespace %I', child,
                           (select spcname from pg_tablespace where oid = of_parent.reltablespace));
        end if;
        -- From 17 on a partitioned table says by which access method its partitions are stored; LIKE does not bring it.
        if of_parent.relam <> 0 and of_child.relam <> of_parent.relam and not of_child.relispartition then
            execute format('alter table %s set access method %I', child,
                           (select amname from pg_am where oid = of_parent.relam));
        end if;
        if of_parent.relreplident in ('f', 'n') then
            execute format('alter table %s replica identity %s', child,
                           case of_parent.relreplident when 'f' then 'full' else 'nothing' end);
        end if;
        for found in
            select attname, attstattarget from pg_attribute
             where attrelid = parent and attnum > 0 and not attisdropped and attstattarget >= 0
        loop
            execute format('alter table %s alter column %I set statistics %s',
                           child, found.attname, found.attstattarget);
        end loop;
        for found in
            select a.attname,
                   string_agg(format('%I = %s', split_part(o, '=', 1), split_part(o, '=', 2)), ', ') as options
              from pg_attribute a, unnest(a.attoptions) as o
             where a.attrelid = parent and a.attnum > 0 and not a.attisdropped
             group by a.attname
        loop
            execute format('alter table %s alter column %I set (%s)', child, found.attname, found.options);
        end loop;
    end loop;
end
$$
"""

CARRY_OVER = _CARRY_OVER.replace("EDITED(p.polqual)", _EDITED.replace("TREE", "p.polqual")).replace(
    "EDITED(p.polwithcheck)", _EDITED.replace("TREE", "p.polwithcheck")
)

# What must wait for ATTACH. A replica identity by index: ATTACH ties the child's indexes to the parent's.
# Forced row security: ATTACH checks foreign keys as the owner, by a query that it would refuse.
CARRY_OVER_ATTACHED = """
do $$
declare
    made record;
    chosen name;
begin
    -- From the top: what stands below a partition takes after that.
    for made in
        select t.relid as child, t.parentrelid as parent
          from unnest(current_setting('lifecycle.children')::regclass[]) as one (child)
         cross join lateral pg_partition_tree(one.child) as t
         order by t.level
    loop
        if (select relforcerowsecurity from pg_class where oid = made.parent) then
            execute format('alter table %s force row level security', made.child);
        end if;
        select c.relname into chosen
          from pg_index whole
          join pg_inherits tie on tie.inhparent = whole.indexrelid
          join pg_index part on part.indexrelid = tie.inhrelid and part.indrelid = made.child
          join pg_class c on c.oid = part.indexrelid
         where whole.indrelid = made.parent and whole.indisreplident;
        if found then
            execute format('alter table %s replica identity using index %I', made.child, chosen);
        end if;
    end loop;
end
$$
"""

MEMBER = "select pg_has_role(session_user, %(owner)s, 'member')"

# A digest of all that a partition takes over from its parent, per parent. Rows as text: no two shapes read alike.
SHAPES = """
    select n.nspname, c.relname, encode(sha256(convert_to(row(
               row(pg_get_userbyid(c.relowner), c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
                   c.reltablespace, c.reloptions, pg_get_partkeydef(c.oid)),
               array(select row(a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation, a.attnotnull,
                                a.attidentity, a.attgenerated, a.attstorage, a.attcompression, a.attstattarget,
                                a.attacl, pg_get_expr(d.adbin, d.adrelid))::text
                       from pg_attribute a
                       left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
               array(select row(k.conname, pg_get_constraintdef(k.oid))::text
                       from pg_constraint k where k.conrelid = c.oid order by k.conname),
               array(select row(pg_get_indexdef(i.indexrelid), i.indisreplident)::text
                       from pg_index i where i.indrelid = c.oid order by 1),
               array(select row(pg_get_triggerdef(g.oid), g.tgenabled)::text
                       from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal order by g.tgname),
               array(select row(y.polname, y.polpermissive, y.polcmd, y.polroles, pg_get_expr(y.polqual, y.polrelid),
                                pg_get_expr(y.polwithcheck, y.polrelid))::text
                       from pg_policy y where y.polrelid = c.oid order by y.polname),
               array(select pg_get_statisticsobjdef(s.oid) from pg_statistic_ext s
                      where s.stxrelid = c.oid order by 1))::text, 'UTF8')), 'hex')
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as promised (schema, name)
      join pg_namespace n on n.nspname = promised.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = promised.name and c.relkind = 'p'
"""
