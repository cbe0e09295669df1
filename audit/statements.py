"""Every statement this room says to a managed database."""

from collections.abc import Mapping
from typing import LiteralString

from psycopg import sql

from audit.keyed import lists
from audit.section import Audit
from lifecycle.postgres.catalog import Column, Table
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import count_and_digest

# A value survives when the policy's list for its table names it and no identifier stands in it. So does what an
# audit trigger writes in place of values while this product removes them: by which run, and which columns.
_REDUCED = sql.SQL("""
    case jsonb_typeof(a.{column}::jsonb) when 'object' then
        (select coalesce(jsonb_object_agg(pair.key, pair.value), '{{}}')
           from jsonb_each(a.{column}::jsonb) as pair
          where (coalesce(%(keep)s::jsonb -> a.{named}, '[]') || '["lifecycle_run", "cleared"]') ? pair.key
            and (pair.key || ' ' || pair.value::text) !~* %(pattern)s)::{type}
    end""")

# A row about somebody else keeps all values but those in which an identifier stands.
_WITHOUT = sql.SQL("""
    case when a.{column}::jsonb::text !~* %(pattern)s then a.{column}
         when jsonb_typeof(a.{column}::jsonb) = 'object' then
        (select coalesce(jsonb_object_agg(pair.key, pair.value), '{{}}')
           from jsonb_each(a.{column}::jsonb) as pair
          where (pair.key || ' ' || pair.value::text) !~* %(pattern)s)::{type}
    end""")

_UPDATE = sql.SQL("update {log} as a set {changes} where {rows}")
_COUNT = sql.SQL("select {counted} from {log} as a where {rows}")


def about(log: Table, audit: Audit, key: Column) -> sql.Composed:
    """Return the update of the rows about the person, or about the row that is the person."""
    changes: dict[str, sql.Composable] = {audit.subject: sql.SQL("null")}
    if audit.actor:
        acted = _equal(log, audit.actor, key)
        changes[audit.actor] = _unless(acted, audit.actor)
        theirs = sql.SQL("({} is null or {})").format(_a(audit.actor), acted)
        changes |= {column: _unless(theirs, column) for column in audit.of_actor}
    changes |= {column: _reduced(log, audit, column) for column in audit.values}
    changes[audit.record] = sql.SQL("case when {same} then {nobody} else {column} end").format(
        same=_is_person(log, audit, key), nobody=_nobody(log, audit), column=_a(audit.record)
    )
    return _update(log, changes, _rows_about(log, audit, key))


def by(log: Table, audit: Audit, key: Column) -> sql.Composed | None:
    """Return the update of the rows in which the person acted on somebody else's data. None: no actor is named."""
    changes = {column: sql.SQL("null") for column in (*audit.actors, *audit.of_actor)}
    return _update(log, changes, _acted(log, audit, key)) if changes else None


def mention(log: Table, audit: Audit, key: Column, *, keyed: bool) -> sql.Composed:
    """Return the update of the rows not about the person whose values hold an identifier of theirs.

    `keyed`: of those alone whose keys are in %(key_0)s and so on; without, all of the log is read for it.
    """
    changes = {
        column: _WITHOUT.format(column=sql.Identifier(column), type=_json(log, column))
        for column in audit.values
    }
    rows = sql.SQL("{} is not true and {}").format(_rows_about(log, audit, key), _found(audit))
    if keyed:
        rows = sql.SQL("({keys}) in (select * from unnest({lists})) and {rows}").format(
            keys=sql.SQL(", ").join(map(_a, log.primary_key)),
            lists=sql.SQL(", ").join(lists(log)),
            rows=rows,
        )
    return _update(log, changes, rows)


def keys(log: Table, audit: Audit, key: Column, source: sql.Composable) -> sql.Composed:
    """Return the query of the keys of those rows %(numbers)s of a leaf in whose values an identifier stands.

    Those about the person are not among them. The last column says whether the person acted there, so that the row
    changes in any case.
    """
    return sql.SQL("""
        select {keys}, {acted} is true from {source} as a
         where a.ctid = any(%(numbers)s::tid[]) and {about} is not true and {found}""").format(
        keys=sql.SQL(", ").join(map(_a, log.primary_key)),
        acted=_acted(log, audit, key),
        source=source,
        about=_rows_about(log, audit, key),
        found=_found(audit),
    )


def left(log: Table, audit: Audit, key: Column, *, values: bool) -> sql.Composed:
    """Return the query of (rows that still carry the person in one way or another, a digest of which they are).

    `values`: also those in whose values an identifier stands, for which all of the log is read.
    """
    rows = [_rows_about(log, audit, key), _acted(log, audit, key)]
    rows += [_found(audit)] if values else []
    return _COUNT.format(
        counted=count_and_digest("a", log.primary_key),
        log=sql_name(log.name),
        rows=sql.SQL(" or ").join(rows),
    )


def _update(
    log: Table, changes: Mapping[str, sql.Composable], rows: sql.Composable
) -> sql.Composed:
    assignments = [
        sql.SQL("{} = {}").format(sql.Identifier(column), value)
        for column, value in changes.items()
    ]
    return _UPDATE.format(
        log=sql_name(log.name), changes=sql.SQL(", ").join(assignments), rows=rows
    )


def _acted(log: Table, audit: Audit, key: Column) -> sql.Composed:
    return _equal(log, audit.actor, key) if audit.actor else sql.SQL("(false)").format()


def _rows_about(log: Table, audit: Audit, key: Column) -> sql.Composed:
    return sql.SQL("({subject} or {record})").format(
        subject=_equal(log, audit.subject, key), record=_is_person(log, audit, key)
    )


def _is_person(log: Table, audit: Audit, key: Column) -> sql.Composed:
    """Return whether the changed row has the person's own key as its id.

    A UUID is nobody else's in any table. The number 42 is, so other keys count in the person's own tables only.
    """
    record = _equal(log, audit.record, key)
    if key.type == "uuid":
        return record
    return sql.SQL("({named} = any(%(own_tables)s) and {record})").format(
        named=_a(audit.named), record=record
    )


def _found(audit: Audit) -> sql.Composed:
    """Return whether an identifier stands in a value; through jsonb, which spells escapes in one way."""
    texts = [sql.SQL("{}::jsonb::text").format(_a(column)) for column in audit.values]
    return sql.SQL("({})").format(
        sql.SQL(" or ").join([*(holds(text) for text in texts), sql.SQL("false")])
    )


def holds(text: sql.Composable) -> sql.Composed:
    """Return whether %(pattern)s is found in a text. %(parts)s, asked first, spare most rows the expression.

    Asked first by `case`: of two conditions joined by `and` the planner takes the expression for the cheaper one.
    """
    return sql.SQL("""case when lower({text}) like any (array(select lower(n) from unnest(%(parts)s::text[]) as n))
                      then {text} ~* %(pattern)s else false end""").format(text=text)


def _reduced(log: Table, audit: Audit, column: str) -> sql.Composed:
    return _REDUCED.format(
        column=sql.Identifier(column),
        named=sql.Identifier(audit.named),
        type=_json(log, column),
    )


def _equal(log: Table, column: str, key: Column) -> sql.Composed:
    """Return `column = the person's key`, as text where the types differ (an index then does not help)."""
    found = log.column(column)
    if found is not None and found.type == key.type:
        return sql.SQL("({} = %(subject)s)").format(_a(column))
    return sql.SQL("({}::text = %(subject_text)s)").format(_a(column))


def _nobody(log: Table, audit: Audit) -> sql.Composable:
    """Return what stands for nobody as a record's id.

    Null, where the column allows it. Vitalis's does not: there it is the nil UUID, which RFC 9562 reserves
    and no generator returns, so it can never be taken for a row.
    """
    found = log.column(audit.record)
    if found is None or not found.not_null:
        return sql.SQL("null")
    return sql.Literal("00000000-0000-0000-0000-000000000000" if found.type == "uuid" else "0")


def _json(log: Table, column: str) -> sql.SQL:
    found = log.column(column)
    return sql.SQL("json") if found is not None and found.type == "json" else sql.SQL("jsonb")


def _unless(condition: sql.Composable, column: str) -> sql.Composed:
    return sql.SQL("case when {} then null else {} end").format(condition, _a(column))


def _a(column: str) -> sql.Identifier:
    return sql.Identifier("a", column)


# The leaves of the tables named on which no enabled row trigger that audits hears of every insert (4), delete (8) and
# update (16, of any column). A leaf bears its parent's trigger by the same name, and may have switched it off.
UNHEARD: LiteralString = """
    select asked.name, n.nspname, c.relname
      from unnest(%(names)s::text[], %(schemas)s::text[], %(tables)s::text[]) as asked (name, schema, relname)
      join pg_namespace s on s.nspname = asked.schema
      join pg_class t on t.relnamespace = s.oid and t.relname = asked.relname
     cross join lateral (
           select t.oid as relid where t.relkind <> 'p'
           union all
           select tree.relid from pg_partition_tree(t.oid) as tree where t.relkind = 'p' and tree.isleaf) as leaf
      join pg_class c on c.oid = leaf.relid
      join pg_namespace n on n.oid = c.relnamespace
     where coalesce((
           select bit_or(g.tgtype & 28) from pg_trigger g
            where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled in ('O', 'A')
              and g.tgtype & 1 = 1 and g.tgattr = '' and g.tgqual is null
              and %(audits)s::jsonb -> asked.name ? g.tgname::text), 0) <> 28
"""
