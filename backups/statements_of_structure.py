"""What this room asks a catalog about all that a database is made of beside rows.

Each statement returns pairs: which object, and what it is, as text; the same on the source and on its restored copy.
Tables of extensions and what PostgreSQL brings with it are left out, as a dump leaves them out.
"""

from typing import LiteralString

from psycopg import sql

# What an extension made is the extension's, which is compared by its version.
_OURS: LiteralString = """
    with ours as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
    theirs as (select classid, objid from pg_depend where deptype = 'e'),
    relation as (
        select c.*, n.nspname, format('%I.%I', n.nspname, c.relname) as name
          from pg_class c join ours n on n.oid = c.relnamespace
         where c.relpersistence <> 't'
           and not exists (select from theirs where (classid, objid) in (('pg_class'::regclass, c.oid),
                                                                         ('pg_type'::regclass, c.reltype)))),
    routine as (
        select p.*, p.oid::regprocedure::text as name
          from pg_proc p join ours n on n.oid = p.pronamespace
         where not exists (select from theirs where classid = 'pg_proc'::regclass and objid = p.oid)),
    own_type as (
        select t.*, t.oid::regtype::text as name
          from pg_type t join ours n on n.oid = t.typnamespace
         where t.typtype in ('d', 'e', 'r')
           and not exists (select from theirs where classid = 'pg_type'::regclass and objid = t.oid))
"""

# Who was given what, in an order of its own.
_GIVEN: LiteralString = """
    string_agg(concat_ws(' ', g.grantee::regrole::text, g.privilege_type, g.is_grantable), ','
               order by g.grantee::regrole::text, g.privilege_type)
"""

# What an object allows whom. Rights that somebody else than its owner gave are said as such: only a superuser could
# give them again in somebody's name.
_RIGHTS: LiteralString = """
    (select case when bool_or(g.grantor <> {owner}) then '?'
                 else coalesce({given}, '') end
       from aclexplode(coalesce({acl}, acldefault({kind}, {owner}))) g)
"""


def _rights(kind: LiteralString, owner: LiteralString, acl: LiteralString) -> LiteralString:
    rights = _RIGHTS.replace("{given}", _GIVEN)
    return rights.replace("{owner}", owner).replace("{acl}", acl).replace("{kind}", kind)


def _of(statement: LiteralString) -> LiteralString:
    return _OURS + statement


RELATIONS = _of("""
    select 'relation ' || r.name,
           concat_ws(' ', r.relkind, r.relpersistence, a.amname, r.reloftype::regtype, r.relispartition,
               (select string_agg(o, ',' order by o) from unnest(r.reloptions || t.reloptions) o),
               pg_get_partkeydef(r.oid), pg_get_expr(r.relpartbound, r.oid),
               (select string_agg(i.inhparent::regclass::text, ',' order by i.inhseqno)
                  from pg_inherits i where i.inhrelid = r.oid))
      from relation r left join pg_am a on a.oid = r.relam left join pg_class t on t.oid = r.reltoastrelid
     where r.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
""")

# A child by inheritance has its parent's columns first once it is made anew, whatever it was before.
# PostgreSQL keeps notes of its own among a column's options in some minor releases; no dump carries them.
COLUMNS = _of("""
    select format('column %s.%I', r.name, a.attname),
           concat_ws(' ',
               case when r.relispartition or not exists (select from pg_inherits where inhrelid = r.oid)
                    then row_number() over (partition by r.oid order by a.attnum) end,
               format_type(a.atttypid, a.atttypmod),
               nullif(a.attcollation, t.typcollation)::regcollation, a.attnotnull, a.attidentity, a.attgenerated,
               a.attstorage, a.attcompression, nullif(to_jsonb(a) ->> 'attstattarget', '-1'),
               (select string_agg(o, ',' order by o) from unnest(a.attoptions) o where o !~ '^pg_'), a.attfdwoptions,
               pg_get_expr(d.adbin, d.adrelid))
      from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
           join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
     where r.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
""")

TYPES = _of("""
    select 'type ' || t.name,
           concat_ws(' ', t.typtype,
               (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder)
                  from pg_enum where enumtypid = t.oid),
               case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end, t.typnotnull, t.typdefault,
               nullif(t.typcollation, 0)::regcollation,
               (select rngsubtype::regtype from pg_range where rngtypid = t.oid))
      from own_type t
""")

# A partition's share of its parent's constraint goes and comes with that. A NOT NULL, a constraint from PostgreSQL 18
# on, is known by its column: its name may be taken by a table made LIKE this one when a dump is restored.
CONSTRAINTS = _of("""
    select case when k.contype <> 'n' then format('constraint %I of %s', k.conname, coalesce(r.name, t.name))
                else concat_ws(' ', 'constraint not null', 'of column ' || quote_ident((
                         select attname from pg_attribute where attrelid = k.conrelid and attnum = k.conkey[1])),
                         'of', coalesce(r.name, t.name)) end,
           concat_ws(' ', pg_get_constraintdef(k.oid), k.convalidated, k.connoinherit)
      from pg_constraint k left join relation r on r.oid = k.conrelid left join own_type t on t.oid = k.contypid
     where k.conparentid = 0 and k.contype <> 't' and coalesce(r.name, t.name) is not null
""")

INDEXES = _of("""
    select 'index ' || r.name,
           concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident,
               (select i.indexrelid::regclass || ' of ' || inhparent::regclass
                  from pg_inherits where inhrelid = i.indexrelid),
               (select string_agg(attnum || ':' || (to_jsonb(a) ->> 'attstattarget'), ',' order by attnum)
                  from pg_attribute a
                 where attrelid = i.indexrelid and to_jsonb(a) ->> 'attstattarget' <> '-1'))
      from relation r join pg_index i on i.indexrelid = r.oid
""")

STATISTICS = _of("""
    select format('statistics %I.%I', n.nspname, s.stxname),
           concat_ws(' ', pg_get_statisticsobjdef(s.oid), nullif(to_jsonb(s) ->> 'stxstattarget', '-1'))
      from pg_statistic_ext s join ours n on n.oid = s.stxnamespace
""")

ROW_SECURITY = _of("""
    select 'row security of ' || r.name, concat_ws(' ', r.relrowsecurity, r.relforcerowsecurity)
      from relation r where r.relkind in ('r', 'p')
""")

POLICIES = _of("""
    select format('policy %I on %s', p.polname, r.name),
           concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), 'check',
               pg_get_expr(p.polwithcheck, p.polrelid),
               (select string_agg(case o when 0 then 'public' else o::regrole::text end, ',' order by o::regrole::text)
                  from unnest(p.polroles) o))
      from pg_policy p join relation r on r.oid = p.polrelid
""")

_OWNERS: LiteralString = """
    select 'schema ' || quote_ident(n.nspname), n.nspowner::regrole || ' ' || {of schema}
      from ours o join pg_namespace n on n.oid = o.oid
     where not exists (select from theirs where classid = 'pg_namespace'::regclass and objid = n.oid)
    union all
    select 'relation ' || r.name, r.relowner::regrole || ' ' || case when r.relkind = 'c' then '' else {of relation} end
      from relation r where r.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    union all
    select format('column %s.%I', r.name, a.attname), {of column}
      from relation r join pg_attribute a on a.attrelid = r.oid where a.attacl is not null and not a.attisdropped
    union all
    select 'routine ' || r.name, r.proowner::regrole || ' ' || {of routine} from routine r
    union all
    select 'type ' || t.name, t.typowner::regrole || ' ' || {of type} from own_type t
    union all
    select format('default privileges of %s in %s on %s', d.defaclrole::regrole,
                  nullif(d.defaclnamespace, 0)::regnamespace, d.defaclobjtype),
           (select {given} from aclexplode(d.defaclacl) g)
      from pg_default_acl d
"""
OWNERS = _of(
    _OWNERS.replace("{of schema}", _rights("'n'", "n.nspowner", "n.nspacl"))
    .replace(
        "{of relation}",
        _rights(
            "case r.relkind when 'S' then 's'::\"char\" else 'r' end", "r.relowner", "r.relacl"
        ),
    )
    .replace("{of column}", _rights("'c'", "r.relowner", "a.attacl"))
    .replace("{of routine}", _rights("'f'", "r.proowner", "r.proacl"))
    .replace("{of type}", _rights("'T'", "t.typowner", "t.typacl"))
    .replace("{given}", _GIVEN)
)

TRIGGERS = _of("""
    select format('trigger %I on %s', t.tgname, r.name), concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
      from pg_trigger t join relation r on r.oid = t.tgrelid where not t.tgisinternal
    union all
    select format('rule %I on %s', w.rulename, r.name), concat_ws(' ', pg_get_ruledef(w.oid), w.ev_enabled)
      from pg_rewrite w join relation r on r.oid = w.ev_class where w.rulename <> '_RETURN'
""")

ROUTINES = _of("""
    select 'view ' || r.name, concat_ws(' ', pg_get_viewdef(r.oid), r.relispopulated)
      from relation r where r.relkind in ('v', 'm')
    union all
    select 'routine ' || r.name,
           case when r.prokind in ('f', 'p', 'w') then pg_get_functiondef(r.oid)
                else concat_ws(' ', pg_get_function_result(r.oid), a.aggtransfn, a.aggfinalfn, a.aggtranstype::regtype,
                               a.agginitval) end
      from routine r left join pg_aggregate a on a.aggfnoid = r.oid
""")

SEQUENCES = _of("""
    select 'sequence ' || r.name,
           concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
               (select concat_ws('.', d.refobjid::regclass, a.attname, d.deptype) from pg_depend d
                  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                 where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
                   and d.deptype in ('a', 'i')))
      from relation r join pg_sequence s on s.seqrelid = r.oid
""")

# How far each has come: it moves on while a dump is taken, so a copy may be ahead and never behind.
POSITIONS = _of("""
    select r.name, coalesce(pg_sequence_last_value(r.oid), s.seqstart::numeric - s.seqincrement), s.seqincrement
      from relation r join pg_sequence s on s.seqrelid = r.oid
""")

# Kinds of which there are few are compared by name and owner alone.
OTHERS = _of(""",
    other as (
        select 'pg_collation'::regclass as catalog, oid, collowner as owner from pg_collation
        union all select 'pg_operator'::regclass, oid, oprowner from pg_operator
        union all select 'pg_opclass'::regclass, oid, opcowner from pg_opclass
        union all select 'pg_opfamily'::regclass, oid, opfowner from pg_opfamily
        union all select 'pg_conversion'::regclass, oid, conowner from pg_conversion
        union all select 'pg_ts_config'::regclass, oid, cfgowner from pg_ts_config
        union all select 'pg_ts_dict'::regclass, oid, dictowner from pg_ts_dict
        union all select 'pg_foreign_server'::regclass, oid, srvowner from pg_foreign_server
        union all select 'pg_cast'::regclass, oid, null from pg_cast)
    select i.type || ' ' || i.identity, coalesce(o.owner::regrole::text, '-')
      from other o cross join pg_identify_object(o.catalog, o.oid, 0) i
     where o.oid >= 16384 and i.identity is not null and coalesce(i.schema, '') !~ '^(pg_|information_schema$)'
       and not exists (select from theirs where classid = o.catalog and objid = o.oid)
""")

COMMENTS = """
    select 'comment on ' || i.type || ' ' || i.identity, d.description
      from pg_description d cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
     where d.objoid >= 16384 and i.type not in ('extension', 'event trigger', 'publication', 'subscription')
       and i.identity is not null and coalesce(i.schema, '') !~ '^(pg_|information_schema$)'
       and not exists (select from pg_depend e where e.deptype = 'e' and e.classid = d.classoid and e.objid = d.objoid)
"""

# What is made as a superuser alone: found in the contents of a dump, by name.
BY_NAME = """
    select 'EVENT TRIGGER', evtname from pg_event_trigger e
     where not exists (select from pg_depend d
                        where d.deptype = 'e' and d.classid = 'pg_event_trigger'::regclass and d.objid = e.oid)
    union all select 'PUBLICATION', pubname from pg_publication
"""

_LARGE_OBJECTS: LiteralString = """
    select l.oid, l.lomowner::regrole || ' ' || {rights} from pg_largeobject_metadata l order by 1
"""
LARGE_OBJECTS = _LARGE_OBJECTS.replace("{rights}", _rights("'L'", "l.lomowner", "l.lomacl"))
LARGE_OBJECT = "select lo_get(%(oid)s, %(from)s, %(bytes)s)"


_CAST = (
    r"""::("[^"]+"|[a-z_][a-z0-9_]*)(\.("[^"]+"|[a-z_][a-z0-9_]*))?( varying| precision| with(out)? time zone)?"""
    r"""(\([0-9, ]+\))?(\[\])*"""
)

_DIGESTS = """
    select identity, is_ like '%?',
           left(encode(sha256(convert_to(regexp_replace(regexp_replace(coalesce(is_, ''), {cast}, '', 'g'),
                                                        '[()[:space:]]', '', 'g'),
                                         getdatabaseencoding())), 'hex'), 32)
      from ({statement}) as made (identity, is_)
"""


def digests(statement: LiteralString) -> sql.Composed:
    """Return the statement with a digest of 128 bits in the place of what each object is.

    What a parser reads again it does not print the same way: brackets and casts within expressions come and go
    (`x in ('a')` of a varchar). Both are taken out of the text beforehand, and blanks with them.
    """
    return sql.SQL(_DIGESTS).format(cast=sql.Literal(_CAST), statement=sql.SQL(statement))
