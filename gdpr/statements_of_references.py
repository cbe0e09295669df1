"""What this room asks of references that no foreign key holds: whose rows they lead to, before and after. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from gdpr.reach import Mention, Reach
from gdpr.rows import leads_to, mentioning, owned
from gdpr.statements_of_quotes import rest
from lifecycle.policy import joins
from lifecycle.policy.virtual import Virtual
from lifecycle.postgres.names import sql_name

Query = sql.Composed

_COUNT = sql.SQL("select count(*) from {table} as t where {rows}")
_STRAY = sql.SQL("(t.{type}::text <> all ({named}) or t.{type} is null) and ({ways})")
_DOUBLE = sql.SQL("{rows} and exists (select from {there} as o where {on} and {owned} is not true)")
_VALUES = sql.SQL("""
    select distinct json_build_array({values})::text from {there} as t where {filled} and {rows} order by 1
""")
_LEFT = sql.SQL("""
    {leads} and not exists (select from {there} as o where {on})
""")
_ONE_OF = sql.SQL("exists (select from unnest({lists}) as g ({names}) where {same})")

_INSIDE = sql.SQL("""
    select array[n.nspname::text, c.relname::text], t.ctid::text, {rest}, t.{column}::jsonb::text,
           array(select distinct q.v::text
                   from jsonb_path_query(t.{column}::jsonb, {path}::jsonpath, silent => true) as p (v)
                  cross join lateral jsonb_path_query(p.v, '$[*]') as q (v)
                  where exists (select from {there} as o where {same} and {owned}))
      from {table} as t join pg_class c on c.oid = t.tableoid join pg_namespace n on n.oid = c.relnamespace
     where {rows} for no key update of t
""")
_WITHOUT = sql.SQL("""
    update only {leaf} as t set {column} = {value} where t.ctid = %(number)s::tid
    returning {rest}, t.{column}::jsonb::text
""")

# An index can find rows by a reference if one of its columns comes first in it; none can by a path or another spelling.
INDEXED = """
    select exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                    where i.indrelid = to_regclass(%(table)s) and i.indisvalid and i.indpred is null
                      and a.attname = any (%(columns)s))
"""


def strays(reach: Reach, keys: Sequence[Virtual]) -> sql.Composed:
    """Count the rows whose type is none of a reference's, or empty, and that would lead to the person by their value.

    `keys`: the reference, once for each of the types that lead to people.
    """
    said = keys[0].said
    named = sql.SQL(", ").join(map(sql.Literal, said.of or ()))
    ways = sql.SQL(" or ").join(leads_to(reach, _of_any_type(key)) for key in keys)
    rows = _STRAY.format(
        type=sql.Identifier(said.type or ""),
        named=sql.SQL("array[{}]::text[]").format(named),
        ways=ways,
    )
    return _COUNT.format(table=reach.relation(keys[0].table), rows=rows)


def unread(reach: Reach, key: Virtual) -> sql.Composed:
    """Count the rows that have an object or a list of lists where a reference says that a value stands."""
    return _COUNT.format(table=reach.relation(key.table), rows=joins.no_value(key, "t"))


def doubles(reach: Reach, key: Virtual) -> sql.Composed:
    """Count the rows that lead to the person, and by the same reference to somebody else."""
    rows = _DOUBLE.format(
        rows=leads_to(reach, key),
        there=sql_name(key.referenced),
        on=joins.on(key, "t", "o"),
        owned=owned(reach, key.referenced, "o"),
    )
    return _COUNT.format(table=reach.relation(key.table), rows=rows)


def inside(reach: Reach, mention: Mention, key: Virtual) -> sql.Composed:
    """Return the query that locks the rows of a mention by a path.

    Of each the leaf's schema and name, its number, all else of it, the document, and which of the values under the path
    lead to the person, as JSON.
    """
    there = sql.Identifier("o", key.referenced_columns[0])
    return _INSIDE.format(
        rest=rest(reach, mention.table, key.columns),
        column=sql.Identifier(key.columns[0]),
        path=sql.Literal(key.said.path),
        there=sql_name(key.referenced),
        same=joins.alike(key.said.form, joins.FOUND, there),
        owned=owned(reach, key.referenced, "o"),
        table=reach.relation(mention.table),
        rows=mentioning(reach, mention),
    )


def without(reach: Reach, key: Virtual, leaf: Sequence[str], places: int) -> sql.Composed:
    """Return the update of the row %(number)s of a leaf: what stands at %(place_0)s and so on becomes null.

    It gives all else of the row, and the document.
    """
    column = sql.Identifier(key.columns[0])
    value = sql.SQL("t.{}::jsonb").format(column)
    for number in range(places):
        place = sql.Placeholder(f"place_{number}")
        value = sql.SQL("jsonb_set({}, {}::text[], 'null')").format(value, place)
    if reach.column(key.table, key.columns[0]).type == "json":
        value = sql.SQL("({})::json").format(value)
    return _WITHOUT.format(
        leaf=sql.Identifier(*leaf),
        column=column,
        value=value,
        rest=rest(reach, key.table, key.columns),
    )


def values(reach: Reach, key: Virtual) -> sql.Composed:
    """Return the query of what a reference may hold of the person's rows where it leads: lists of texts, as JSON."""
    there = [sql.Identifier("t", name) for name in key.referenced_columns]
    return _VALUES.format(
        values=sql.SQL(", ").join(sql.SQL("{}::text").format(one) for one in there),
        filled=sql.SQL(" and ").join(sql.SQL("{} is not null").format(one) for one in there),
        there=reach.relation(key.referenced),
        rows=owned(reach, key.referenced),
    )


def left(reach: Reach, key: Virtual) -> sql.Composed:
    """Count the rows that lead by this reference to one of the values %(value_0)s ... and to no row that is there."""
    rows = _LEFT.format(
        leads=joins.typed(key, "t", _holds_one(key)),
        there=sql_name(key.referenced),
        on=joins.on(key, "t", "o"),
    )
    return _COUNT.format(table=reach.relation(key.table), rows=rows)


def _of_any_type(key: Virtual) -> Virtual:
    return replace(key, of_type=None)


def _holds_one(key: Virtual) -> sql.Composed:
    names = [f"c{number}" for number in range(len(key.columns))]
    given = [sql.Identifier("g", name) for name in names]

    def one_of(same: sql.Composable) -> sql.Composed:
        lists = (
            sql.SQL("{}::text[]").format(sql.Placeholder(f"value_{number}"))
            for number in range(len(names))
        )
        return _ONE_OF.format(
            lists=sql.SQL(", ").join(lists),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            same=same,
        )

    if key.said.path is not None:
        return joins.in_json(key, "t", one_of(joins.alike(key.said.form, joins.FOUND, given[0])))
    pairs = [
        joins.alike(key.said.form, sql.Identifier("t", own), value)
        for own, value in zip(key.columns, given, strict=True)
    ]
    return one_of(sql.SQL(" and ").join(pairs))
