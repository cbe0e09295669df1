"""Every SQL statement with which `policy check` looks at rows: whether there is one, and counts of a sample.

No value is brought home, but for the kinds of a `type` column where they are few and spelled like names of classes. No
code of an owner's is called: values of a type that is not PostgreSQL's own are compared as its output function writes
them, which a superuser made; a cast may be anybody's.
"""

from collections.abc import Mapping, Sequence
from typing import LiteralString

from psycopg import sql

from lifecycle.policy.people import Value
from lifecycle.policy.statements import ROWS
from lifecycle.postgres.catalog import Column, Table
from lifecycle.postgres.names import sql_name, sql_parts

VALUES = 1_000
"""How many different values of a sample are looked for where they lead."""

FEW = 20
"""More kinds than these are no kinds."""

UNIQUE: LiteralString = """
    select array(select a.attname from pg_attribute a
                  where a.attrelid = i.indrelid and a.attnum > 0
                    and (a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                         or i.indexprs is not null and exists (
                             select from pg_depend d
                              where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                                and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
                                and d.refobjsubid = a.attnum)) order by a.attnum)::text[],
           i.indexprs is not null
      from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
     where i.indisunique and n.nspname = %(schema)s and c.relname = %(name)s
     order by i.indexrelid
"""
"""The columns of each unique index, and whether it is one of expressions over them, as of lower(email)."""

PATH = sql.SQL("select {path}::jsonpath is not null")

LABEL = sql.SQL("""
    select t.typtype = 'e' and not exists (select from pg_enum e where e.enumtypid = t.oid and e.enumlabel = {label})
      from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = {table}::regclass and a.attname = {column}
""")

_ANY = sql.SQL(
    "select exists (select from {table} as s where {filled}), exists (select from {table} as s where {fits})"
)

_KINDS = sql.SQL(r"""
    select case when count(*) over () <= {few}
                 and g.kind ~ '^[A-Za-z_][A-Za-z0-9_]*((::|[./\\-])[A-Za-z_][A-Za-z0-9_]*)*$' and length(g.kind) <= 80
                then g.kind end,
           g.rows, g.kind = any ({named}), count(*) over (), sum(g.rows) over ()::bigint,
           coalesce(sum(g.rows) filter (where g.kind <> all ({named})) over (), 0)::bigint
      from (select format('%s', s.{column}) as kind, count(*) as rows from {sample} as s
             where s.{column} is not null group by 1) as g
     order by g.rows desc, 1 limit {few} + 1
""")

_ERRORS = sql.SQL(
    "select count(*) filter (where jsonb_path_exists(s.{column}::jsonb, {path}::jsonpath)) from {sample} as s"
)

_FOUND = sql.SQL("""
    with s as materialized (select {distinct} from {source} limit {values})
    select (select count(*) from s), exists (select from s join {target} as p on {same}), exists (select from {target})
""")

_IN_JSON = sql.SQL(
    "{sample} as r cross join jsonb_path_query(r.{column}::jsonb, {path}::jsonpath, silent => true) as q (v)"
    " where jsonb_typeof(q.v) in ('string', 'number')"
)

# What a function reads the catalog does not say, so of a view that calls one of an owner's it is not asked.
_READS = sql.SQL("""
    with recursive reads (oid, classid) as (
        select d.refobjid, d.refclassid from pg_rewrite r join pg_depend d
            on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
         where r.ev_class = {view}::regclass
        union
        select d.refobjid, d.refclassid from reads b join pg_rewrite r on r.ev_class = b.oid
          join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
         where b.classid = 'pg_class'::regclass)
    select not exists (select from reads b
                        where b.classid = 'pg_class'::regclass
                          and {table}::regclass in (b.oid, pg_partition_root(b.oid)))
       and not exists (select from reads b where b.classid = 'pg_proc'::regclass and b.oid >= 16384)
""")

_UNIQUE_ELSEWHERE = sql.SQL(
    "select exists (select from {table} as s where {same} and ({its_own}) is not true)"
)


def of_others(column: Column) -> bool:
    """Say whether the column's type is not PostgreSQL's own."""
    return "." in column.type


def holds(column: Column, value: Value) -> sql.Composed:
    """Return the condition that a row (alias `s`) has this value."""
    place = sql.Identifier("s", column.name)
    if not of_others(column):
        return sql.SQL("({} = {})").format(place, sql.Literal(value))
    written = sql.SQL("format('%s', {})").format(place)
    same = sql.SQL("({place} is not null and {one} = {other})")
    if column.type.endswith("citext"):
        same = sql.SQL("({place} is not null and lower({one}) = lower({other}))")
    return same.format(place=place, one=written, other=sql.Literal(str(value)))


def any_row(table: Table, fits: sql.Composable, filled: Sequence[str] = ()) -> sql.Composed:
    """Ask whether a row has values in `filled`, and whether a row `fits`."""
    return _ANY.format(table=sql_name(table.name), fits=fits, filled=_filled("s", filled))


def fits_json(column: str, path: str) -> sql.Composed:
    """Return the condition that something in a row's JSON is under this path."""
    return sql.SQL("jsonb_path_exists({}::jsonb, {}::jsonpath, silent => true)").format(
        sql.Identifier("s", column), sql.Literal(path)
    )


def kinds(table: Table, column: str, named: Sequence[str]) -> sql.Composed:
    """Ask which kinds a sample has: (kind or NULL, rows, is it named, kinds, rows in all, rows of kinds not named)."""
    return _KINDS.format(
        few=sql.Literal(FEW),
        named=sql.SQL("array[{}]::text[]").format(sql.SQL(", ").join(map(sql.Literal, named))),
        column=sql.Identifier(column),
        sample=_sample(table, (column,)),
    )


def errors(table: Table, column: str, path: str) -> sql.Composed:
    """Follow a path in the JSON of a sample without keeping silent about what it refuses."""
    return _ERRORS.format(
        column=sql.Identifier(column), path=sql.Literal(path), sample=_sample(table, (column,))
    )


def found(
    table: Table, columns: Sequence[str], target: str, same: sql.Composable, only: sql.Composable
) -> sql.Composed:
    """Ask how many different values `columns` have in a sample of the rows `only`, whether one is at the target (`p`).

    And whether there is any row at all.
    """
    named = sql.SQL(", ").join(sql.Identifier("r", name) for name in columns)
    source = sql.SQL("{sample} as r where {filled}").format(
        sample=_sample(table, columns, only), filled=_filled("r", columns)
    )
    return _found(sql.SQL("distinct {}").format(named), source, target, same)


def found_in_json(
    table: Table, column: str, path: str, target: str, same: sql.Composable
) -> sql.Composed:
    """Ask the same of the texts and numbers under a path, which are `s.value`."""
    source = _IN_JSON.format(
        sample=_sample(table, (column,)), column=sql.Identifier(column), path=sql.Literal(path)
    )
    return _found(sql.SQL("distinct q.v #>> '{{}}' as value").format(), source, target, same)


def other_row(table: Table, key: sql.Composable, differs: Sequence[sql.Composable]) -> sql.Composed:
    """Ask whether a row has this key and is another one than is meant."""
    return sql.SQL("select exists (select from {} as s where {} and ({}))").format(
        sql_name(table.name), key, sql.SQL(" or ").join(differs)
    )


def unique_elsewhere(
    table: Table, key: sql.Composable, values: Mapping[str, Value], *, folded: bool
) -> sql.Composed:
    """Ask whether a row of another key has these values; `folded`: in any case, as an index of expressions may see."""
    form = sql.SQL("lower(btrim(format('%s', {}))) = lower(btrim({}))") if folded else None
    same = [
        form.format(sql.Identifier("s", column.name), sql.Literal(str(value)))
        if form
        else holds(column, value)
        for name, value in values.items()
        if (column := table.column(name))
    ]
    return _UNIQUE_ELSEWHERE.format(
        table=sql_name(table.name), same=sql.SQL(" and ").join(same), its_own=key
    )


def reads_not(view: str, table: str) -> sql.Composed:
    """Ask whether a view reads a table by no way that the catalog knows."""
    names = {"view": view, "table": table}
    return _READS.format(**{k: sql.Literal(sql_name(v).as_string()) for k, v in names.items()})


def label(table: str, column: str, value: Value) -> sql.Composed:
    """Ask whether the column's type lists its values, and this is none of them."""
    name = sql.SQL("format('%I.%I', {}, {})").format(*map(sql.Literal, sql_parts(table)))
    return LABEL.format(table=name, column=sql.Literal(column), label=sql.Literal(str(value)))


def _found(
    distinct: sql.Composable, source: sql.Composable, target: str, same: sql.Composable
) -> sql.Composed:
    return _FOUND.format(
        distinct=distinct,
        source=source,
        values=sql.Literal(VALUES),
        target=sql_name(target),
        same=same,
    )


def _sample(
    table: Table, columns: Sequence[str], only: sql.Composable | None = None
) -> sql.Composed:
    """Return a sample of these columns as a sub-select: the first rows, or of a large table some from everywhere."""
    few = table.estimated_rows <= 5 * ROWS or only is not None
    share = sql.SQL("") if few else sql.SQL(" tablesample system ({})").format(
        sql.Literal(100 * ROWS / table.estimated_rows)
    )  # fmt: skip
    return sql.SQL("(select {columns} from {table} as s{share} where {only} limit {rows})").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys(columns))),
        table=sql_name(table.name),
        share=share,
        only=only or sql.SQL("true"),
        rows=sql.Literal(ROWS),
    )


def _filled(alias: str, columns: Sequence[str]) -> sql.Composable:
    conditions = [sql.SQL("{} is not null").format(sql.Identifier(alias, c)) for c in columns]
    return sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true")
