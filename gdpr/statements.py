"""Every statement this room says about rows (about requests: `request_statements.py`); predicates are in `rows.py`.

Names come from the policy and the catalog through identifiers; values only as parameters.
"""

from collections.abc import Sequence

from psycopg import sql

from audit.statements import holds
from gdpr.reach import Mention, Reach
from gdpr.rows import columns, mentioning, owned
from lifecycle.postgres.catalog import Column, sql_name

_COUNT = sql.SQL("select count(*) from {table} as t where {rows}")


def count(table: str, rows: sql.Composable) -> sql.Composed:
    """Return the count of the rows of `table` for which a predicate holds."""
    return _COUNT.format(table=sql_name(table), rows=rows)


def lock_person(reach: Reach) -> sql.Composed:
    """Return the lock on the person's row: whoever wants to add a row of theirs waits, and then fails."""
    return sql.SQL("select from {table} as t where {rows} for update").format(
        table=sql_name(reach.subject.table), rows=owned(reach, reach.subject.table)
    )


def clear_mention(reach: Reach, mention: Mention) -> sql.Composed:
    """Return the update that takes the mention out of rows that stay."""
    return sql.SQL("update {table} as t set {column} = null where {rows}").format(
        table=sql_name(mention.table),
        column=sql.Identifier(mention.column),
        rows=mentioning(reach, mention),
    )


def let_go(reach: Reach) -> sql.Composed:
    """Return the one statement that deletes and clears all rows of the person, and counts them per table.

    One statement, because PostgreSQL then judges every predicate by the same snapshot and checks the foreign
    keys when all rows are gone: rows reached through one another, cycles and tables that point to themselves
    need no order. The counts come as one row, tables in the order of `deleted`, then `kept`.
    """
    parts = [
        sql.SQL("delete from {table} as t where {rows} returning 1").format(
            table=sql_name(table), rows=owned(reach, table)
        )
        for table in reach.deleted
    ]
    for table in reach.kept:
        keep = reach.policy.tables[table].keep
        changes = [
            sql.SQL("{} = null").format(sql.Identifier(c)) for c in (keep.clear if keep else ())
        ]
        parts.append(
            sql.SQL("update {table} as t set {changes} where {rows} returning 1").format(
                table=sql_name(table),
                changes=sql.SQL(", ").join(changes),
                rows=owned(reach, table),
            )
        )
    names = [sql.Identifier(f"part_{number}") for number in range(len(parts))]
    return sql.SQL("with {} select {}").format(
        sql.SQL(", ").join(
            sql.SQL("{} as ({})").format(name, part)
            for name, part in zip(names, parts, strict=True)
        ),
        sql.SQL(", ").join(sql.SQL("(select count(*) from {})").format(name) for name in names),
    )


def analyze(table: str) -> sql.Composed:
    """Return the statement that makes the planner forget sampled values of rows that are gone."""
    return sql.SQL("analyze {}").format(sql_name(table))


def empty(table: str) -> sql.Composed:
    """Return the query of whether a table has no row."""
    return sql.SQL("select not exists (select from {})").format(sql_name(table))


def step_into(owner: str) -> sql.Composed:
    """Return the statement that acts as a table's owner until the transaction ends."""
    return sql.SQL("set local role {}").format(sql.Identifier(owner))


CHANGED = """
    select n.nspname, c.relname, sum(s.n_tup_upd + s.n_tup_del)::bigint
      from pg_stat_xact_user_tables as s
      join pg_class as c on c.oid = coalesce(pg_partition_root(s.relid), s.relid)
      join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname <> 'lifecycle'
     group by 1, 2
    having sum(s.n_tup_upd + s.n_tup_del) > 0
"""
"""Rows this session has changed, by table: also those that a cascade or a trigger changed."""

SEES_ALL = "select rolbypassrls or rolsuper from pg_roles where rolname = current_user"


def identifiers(reach: Reach) -> sql.Composed:
    """Return the query of the person's row: one column per identifier, as text."""
    names = [
        sql.SQL(", {}::text").format(sql.Identifier("t", c)) for c in reach.subject.identifiers
    ]
    return sql.SQL("select true {names} from {table} as t where {rows}").format(
        names=sql.SQL("").join(names),
        table=sql_name(reach.subject.table),
        rows=owned(reach, reach.subject.table),
    )


def shared_identifiers(reach: Reach) -> sql.Composed:
    """Return the query of those %(values)s that another person goes by as well: they prove nothing."""
    names = [
        sql.SQL("lower(t.{}::text)").format(sql.Identifier(c)) for c in reach.subject.identifiers
    ]
    return sql.SQL("""
        select v from unnest(%(values)s::text[]) as v
         where exists (select from {table} as t
                        where lower(v) in ({names}) and {person} is not true)""").format(
        table=sql_name(reach.subject.table),
        names=sql.SQL(", ").join(names) if names else sql.SQL("null"),
        person=owned(reach, reach.subject.table),
    )


def object_keys(reach: Reach, table: str) -> sql.Composed:
    """Return the query of the keys of the person's objects that stand in one table."""
    return sql.SQL("""
        select distinct k from {table} as t, unnest(array[{columns}]::text[]) as k
         where k <> '' and {rows} order by k""").format(**_objects(reach, table))


def _objects(reach: Reach, table: str) -> dict[str, sql.Composable]:
    held = columns("t", reach.policy.tables[table].objects)
    return {"table": sql_name(table), "columns": held, "rows": owned(reach, table)}


def others_object_keys(reach: Reach, table: str) -> sql.Composed:
    """Return the query of those %(keys)s that stand in a row that is not the person's."""
    return sql.SQL("""
        select distinct k from {table} as t, unnest(array[{columns}]::text[]) as k
         where k = any(%(keys)s::text[]) and {rows} is not true""").format(**_objects(reach, table))


def payers(reach: Reach, column: str) -> sql.Composed:
    """Return the query of (customer id, whether it goes with the person) for the rows they have a part in."""
    table, _, name = column.rpartition(".")
    return sql.SQL("""
        select t.{name}::text, bool_and({goes} and not exists
               (select from {table} as o where o.{name} = t.{name} and {others} is not true))
          from {table} as t where t.{name}::text <> '' and {rows} group by 1""").format(
        name=sql.Identifier(name),
        table=sql_name(table),
        goes=owned(reach, table),
        others=owned(reach, table, "o"),
        rows=owned(reach, table, shared_too=True),
    )


def control_person(reach: Reach) -> sql.Composed:
    """Return the query of the key of somebody who stays: who shares a row with the person, else the next."""
    people, key = sql_name(reach.subject.table), sql.Identifier(reach.subject.key)
    theirs = "(select p.{by} from {people} as p where p.{key} = %(subject)s)"
    same = [
        sql.SQL(f"coalesce(s.{{by}} = {theirs}, false)").format(
            by=sql.Identifier(column), people=people, key=key
        )
        for column in reach.sharing()
    ]
    return sql.SQL("""
        select s.{key}::text from {people} as s where s.{key} <> %(subject)s
         order by not ({same}), s.{key} < %(subject)s, s.{key} limit 1""").format(
        key=key, people=people, same=sql.SQL(" or ").join([*same, sql.SQL("false")])
    )


def digest(reach: Reach, table: str) -> sql.Composed:
    """Return the query of one digest over all rows of a person in one table, whatever their order."""
    return sql.SQL("""
        select encode(sha256(convert_to(coalesce(string_agg(one, '' order by one), ''), 'UTF8')), 'hex')
          from (select encode(sha256(convert_to(to_jsonb(t)::text, 'UTF8')), 'hex') as one
                  from {table} as t where {rows}) as each""").format(
        table=sql_name(table), rows=owned(reach, table, shared_too=True)
    )


def holding(table: str, searched: Sequence[Column]) -> sql.Composed:
    """Return the count of rows in which %(pattern)s is found."""
    return _COUNT.format(table=sql_name(table), rows=holds(_text(searched)))


def candidates(table: str, searched: Sequence[Column], needles: int) -> sql.Composed:
    """Return the query of (rows, texts of those that contain %(needle_0)s ..., as parts of words too)."""
    contains = [
        sql.SQL("strpos(low, lower({})) > 0").format(sql.Placeholder(f"needle_{number}"))
        for number in range(needles)
    ]
    return sql.SQL("""
        select count(*), coalesce(array_agg(whole) filter (where {contains}), '{{}}')
          from (select whole, lower(whole) as low
                  from (select {text} as whole from {table} as t offset 0) as every
                offset 0) as lowered""").format(
        contains=sql.SQL(" or ").join([*contains, sql.SQL("false")]),
        text=_text(searched),
        table=sql_name(table),
    )


MATVIEWS = """
    select schemaname, matviewname, has_table_privilege(format('%I.%I', schemaname, matviewname), 'select')
      from pg_matviews where schemaname <> 'lifecycle' and ispopulated
"""
STATISTICS = """
    select schemaname, tablename,
           concat_ws(E'\\n', most_common_vals::text, histogram_bounds::text, most_common_elems::text)
      from pg_stats
     where schemaname not in ('pg_catalog', 'information_schema', 'lifecycle')
       and exists (select from unnest(%(needles)s::text[]) as n
                    where strpos(lower(concat_ws(E'\\n', most_common_vals::text, histogram_bounds::text,
                                                 most_common_elems::text)), lower(n)) > 0)
"""


def whole_rows(schema: str, view: str) -> sql.Composed:
    """Return the query of the rows of a materialized view that contain any of %(needles)s."""
    return sql.SQL("""
        select to_jsonb(t)::text from {} as t
         where exists (select from unnest(%(needles)s::text[]) as n
                        where strpos(lower(to_jsonb(t)::text), lower(n)) > 0)""").format(
        sql.Identifier(schema, view)
    )


def _text(searched: Sequence[Column]) -> sql.Composed:
    """Return all these columns as one text; through jsonb, which spells escapes in one way."""
    as_text = sql.SQL("coalesce(t.{}{}::text, '')")
    through = {"json": sql.SQL("::jsonb")}
    texts = [
        as_text.format(sql.Identifier(c.name), through.get(c.type, sql.SQL(""))) for c in searched
    ]
    return sql.SQL("({})").format(sql.SQL(" || E'\\n' || ").join(texts))
