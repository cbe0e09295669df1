"""Every statement this room says to a managed database; the predicates come from `rows.py`.

Names come from the policy and the catalog through identifiers; values only as parameters.
"""

from collections.abc import Iterable, Sequence

from psycopg import sql

from gdpr import statements_of_names as names
from gdpr.reach import Mention, Reach
from gdpr.rows import mentioning, of_one, owned
from lifecycle.policy import tombstone, triggers
from lifecycle.policy.model import Parties
from lifecycle.policy.people import Value
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import count_and_digest, row_as_text

_COUNT = sql.SQL("select {counted} from {table} as t where {rows}")
_COUNT_ONE = sql.SQL("((select row({counted}) from {table} as t where {rows}))")
_WHICH = sql.SQL("count(*), sum(hashtidextended(t.ctid, t.tableoid::bigint))")
# First theirs, which an index finds: else all rows of the table are asked whether they go.
_STAYING = sql.SQL("""
    ((with theirs as materialized (select t.tableoid, t.ctid, t.* from {table} as t where {rows})
      select row({counted}) from theirs as t where {goes} is not true))""")


# Said before and after a question about one person's rows in all tables: that it is planned for anybody.
FOR_ANYBODY = "set local plan_cache_mode to force_generic_plan"
AS_EVER = "set local plan_cache_mode to default"


def count(reach: Reach, table: str, rows: sql.Composable) -> sql.Composed:
    """Return the query of (rows for which a predicate holds, a digest of their keys whatever their order)."""
    return _COUNT.format(
        counted=count_and_digest("t", reach.table(table).primary_key),
        table=reach.relation(table),
        rows=rows,
    )


def count_within(reach: Reach, table: str, rows: sql.Composable) -> sql.Composed:
    """Return the query of how many rows for which a predicate holds lie in the partition %(part)s."""
    return sql.SQL("""
        select count(*) from {table} as t where t.tableoid = to_regclass(%(part)s) and {rows}
    """).format(table=reach.relation(table), rows=rows)


def count_each(
    reach: Reach, asked: Iterable[tuple[str, sql.Composable]], *, keys: bool
) -> sql.Composed:
    """Return the query of the same of many (table, predicate), one row of each in their order; without `keys` how many.

    One query, as each one by itself takes longer to ask than to count few rows.
    """
    return _values(
        _COUNT_ONE.format(
            counted=count_and_digest("t", reach.table(table).primary_key)
            if keys
            else sql.SQL("count(*)"),
            table=reach.relation(table),
            rows=rows,
        )
        for table, rows in asked
    )


def _values(each: Iterable[sql.Composed]) -> sql.Composed:
    return sql.SQL("values {}").format(sql.SQL(", ").join(each))


def lock_person(reach: Reach) -> sql.Composed:
    """Return the lock on the person's row: whoever wants to add a row of theirs waits, and then fails."""
    return sql.SQL("select from {table} as t where {rows} for update").format(
        table=sql_name(reach.subject.table), rows=owned(reach, reach.subject.table)
    )


def clear_mention(reach: Reach, mention: Mention) -> sql.Composed:
    """Return what takes the mention out of rows that stay, or puts the tombstone there: (how many, all else as it was).

    Counted are rows that are so afterwards: a trigger may put back what was there, or somebody else. All else of these
    rows is what no declared trigger sets.
    """
    table, sets = reach.table(mention.table), triggers.set_by(reach.policy, mention.table)
    beside = [
        c.name
        for c in table.columns
        if sets is not None and c.name not in (*mention.columns, *sets) and not c.generated
    ]
    row = row_as_text("t", beside) if beside else sql.SQL("''")
    return sql.SQL("""
        with was as (select {row} as row from {table} as t where {rows}),
             cleared as ({changed} where {rows} returning {row} as row, {so} as so)
        select (select count(*) from cleared where so),
               (select sum(hashtextextended(row, 0)) from cleared)
               is not distinct from (select sum(hashtextextended(row, 0)) from was)""").format(
        row=row,
        table=reach.relation(mention.table),
        changed=_changed(reach.relation(mention.table), mention.columns, mention.stone),
        rows=mentioning(reach, mention),
        so=_so(mention.columns, mention.stone),
    )


def _changed(table: sql.Composable, names: Sequence[str], value: Value | None) -> sql.Composed:
    put = sql.Literal(value)
    changes = [sql.SQL("{} = {}").format(sql.Identifier(name), put) for name in names]
    return sql.SQL("update {} as t set {}").format(table, sql.SQL(", ").join(changes))


def _so(names: Sequence[str], value: Value | None) -> sql.Composed:
    """Return the condition that a row has the value in these columns."""
    put = sql.Literal(value)
    so = [
        sql.SQL("{} is not distinct from {}").format(sql.Identifier("t", name), put)
        for name in names
    ]
    return sql.SQL("({})").format(sql.SQL(" and ").join(so))


def let_go(reach: Reach) -> sql.Composed:
    """Return the one statement that deletes and clears all rows of the person, and counts them per table.

    One statement, because PostgreSQL then judges every predicate by the same snapshot and checks the foreign
    keys when all rows are gone: rows reached through one another, cycles and tables that point to themselves
    need no order. The counts come as one row, tables in the order of `deleted`, then `kept`, of these the rows alone
    that are cleared afterwards; without those that are compressed.
    """
    compressed = reach.compressed
    parts = [
        sql.SQL("delete from {table} as t where {rows} returning true as so").format(
            table=reach.relation(table), rows=owned(reach, table)
        )
        for table in reach.deleted
        if table not in compressed
    ]
    for table in reach.kept:
        clear = reach.cleared(table)
        parts.append(
            sql.SQL("{changed} where {rows} returning {so} as so").format(
                changed=_changed(reach.relation(table), clear, None),
                rows=owned(reach, table),
                so=_so(clear, None),
            )
        )
    names = [sql.Identifier(f"part_{number}") for number in range(len(parts))]
    return sql.SQL("with {} select {}").format(
        sql.SQL(", ").join(
            sql.SQL("{} as ({})").format(name, part)
            for name, part in zip(names, parts, strict=True)
        ),
        sql.SQL(", ").join(
            sql.SQL("(select count(*) from {} where so)").format(name) for name in names
        ),
    )


def forget_samples(table: str) -> sql.Composed:
    """Return by which a superuser makes the planner forget what ANALYZE keeps. For people to type: never said."""
    return sql.SQL("delete from pg_catalog.pg_statistic where starelid = {}::regclass").format(
        _named(table)
    )


def refresh(view: str) -> sql.Composed:
    """Return by which its owner fills a materialized view. For people to type: never said."""
    return sql.SQL("refresh materialized view {}").format(sql_name(view))


def populated(table: str) -> sql.Composed:
    """Return the query of whether a relation may be read: a materialized view made WITH NO DATA may not."""
    return sql.SQL("select relispopulated from pg_class where oid = {}::regclass").format(
        _named(table)
    )


def analyze_keeps(table: str) -> sql.Composed:
    """Return the query of (no row is left, samples of a column with target 0, samples of children that are gone).

    Of what is `populated` alone.
    """
    return sql.SQL("""
        select not exists (select from {table}),
               coalesce(bool_or(a.attstattarget = 0), false),
               coalesce(bool_or(s.inherited and c.relkind <> 'p'
                                and not exists (select from pg_inherits i where i.inhparent = c.oid)), false)
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = c.oid
          join pg_stats s on (s.schemaname, s.tablename, s.attname) = (n.nspname, c.relname, a.attname)
         where c.oid = {name}::regclass
    """).format(table=sql_name(table), name=_named(table))


def _named(table: str) -> sql.Literal:
    return sql.Literal(sql_name(table).as_string())


SEES_ALL = "select rolbypassrls or rolsuper from pg_roles where rolname = current_user"


def person(reach: Reach) -> sql.Composed:
    """Return the query of the key of the person of this kind whose key reads %(typed)s, as PostgreSQL writes it.

    Compared as text: of what is no key the server would quote the value, in its log too.
    """
    typed = sql.SQL("{people} and {key}::text = %(typed)s")
    return typed.format(people=people(reach), key=sql.Identifier("t", reach.subject.key))


def people(reach: Reach) -> sql.Composed:
    """Return the query of the keys of everybody of this kind, as PostgreSQL writes them."""
    subject = reach.subject
    return sql.SQL("select {key}::text from {table} as t where {key} is not null{kind}").format(
        key=sql.Identifier("t", subject.key), table=sql_name(subject.table), kind=names.kind(reach)
    )


def control_person(reach: Reach) -> sql.Composed:
    """Return the query of the key of somebody who stays: who shares a row with the person, else the next.

    No tombstone, which has no rows. Each way has an index to go by, where the people's table has one.
    """
    people, key = sql_name(reach.subject.table), sql.Identifier(reach.subject.key)
    nobody = sql.SQL("").join(
        sql.SQL(" and s.{} is distinct from {}").format(sql.Identifier(column), sql.Literal(v))
        for column, v in tombstone.of(reach.policy, reach.subject.table)
    )
    nobody += names.kind(reach, "s")
    shares = sql.SQL(
        "s.{by} = (select p.{by} from {people} as p where p.{key} = %(subject)s) and s.{key} <> %(subject)s"
    )
    by = map(sql.Identifier, reach.sharing())
    ways = [shares.format(by=column, people=people, key=key) for column in by]
    ways.append(sql.SQL("s.{key} > %(subject)s").format(key=key))
    ways.append(sql.SQL("s.{key} < %(subject)s").format(key=key))
    one = sql.SQL(
        "(select s.{key}::text from {people} as s where {way}{nobody} order by s.{key} limit 1)"
    )
    each = [one.format(key=key, people=people, way=way, nobody=nobody) for way in ways]
    return sql.SQL("select coalesce({})").format(sql.SQL(", ").join(each))


def versions(reach: Reach, tables: Iterable[str]) -> sql.Composed:
    """Return the query of how many rows %(witness)s has in each of these tables, and of which versions of them stand.

    A row that was written to is another version, also where its values are as before. Without those that go with the
    person too, or lose the person's half: a row of two may do so.
    """
    return _values(
        (_COUNT_ONE if of_one(reach, table) else _STAYING).format(
            counted=_WHICH,
            table=reach.relation(table),
            rows=owned(reach, table, shared_too=True, whose="witness"),
            goes=owned(reach, table, shared_too=isinstance(reach.owner(table), Parties)),
        )
        for table in tables
    )
