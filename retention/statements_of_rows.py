"""Every statement this room says to the rows of a managed table.

`only`, and one leaf at a time: a ctid is an address within one table, and asked of a partitioned parent it deletes the
rows at the same address in every other partition as well. In every statement the leaf is called `t`.
"""

from psycopg import sql

from lifecycle.holds.gate import Held
from lifecycle.policy.people import Value
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import count_and_digest
from lifecycle.postgres.shape import ForeignKey
from retention.rules import Bound

CURSOR = "lifecycle_fixed"


def count_overdue(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """Count the overdue rows of one leaf, with a digest of their keys, and how many each reference holds there."""
    ways = (sql.SQL("count(*) filter (where {})").format(_referenced(k)) for k in bound.references)
    return sql.SQL("""
        select {counted}, array[{referenced}]::bigint[] from {leaf} as t where {overdue}{off_hold}
    """).format(
        leaf=_read(leaf, bound),
        overdue=_overdue(bound),
        off_hold=_off_hold(held),
        referenced=sql.SQL(", ").join(ways),
        counted=count_and_digest("t", bound.key),
    )


def count_whole(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """The same of a rule that drops partitions: which rows they are, the partition's number says."""
    return sql.SQL("""
        select count(*), '', array[]::bigint[] from {leaf} as t where {overdue}{off_hold}
    """).format(leaf=_read(leaf, bound), overdue=_overdue(bound), off_hold=_off_hold(held))


def count_alone(name: str, held: Held, bound: Bound | None) -> sql.Composed:
    """Count the rows of what was taken off, and those of them that keep it.

    By a legal hold; as they tell no time to the rule, if any; and as it says `unless`.
    """
    nobody = sql.SQL("false").format()
    return sql.SQL("""
        select count(*), count(*) filter (where {held}), count(*) filter (where {timeless}),
               count(*) filter (where {unless})
          from {name} as t
    """).format(
        unless=_is(bound.rule.kept_back) if bound and bound.rule.unless else nobody,
        name=sql_name(name),
        held=held.rows or nobody,
        timeless=sql.SQL("({}) is not true").format(_dated(bound)) if bound else nobody,
    )


def count_kept_back(leaf: str, bound: Bound) -> sql.Composed:
    """Count the rows of one leaf for which its partition stays whole, by `unless` of the rule."""
    return sql.SQL("select count(*) from only {leaf} as t where {unless}").format(
        leaf=sql_name(leaf), unless=_is(bound.rule.kept_back)
    )


def count_on_hold(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """Count the overdue rows of one leaf that are on legal hold."""
    return sql.SQL("select count(*) from {leaf} as t where {overdue} and {held}").format(
        leaf=_read(leaf, bound),
        overdue=_overdue(bound),
        held=held.rows or sql.SQL("false").format(),
    )


def count_through(bound: Bound, held: Held) -> sql.Composed:
    """Count the overdue rows that a query of the table itself sees, whatever partition they stand in."""
    return sql.SQL("select count(*) from {table} as t where {overdue}{off_hold}").format(
        table=sql_name(bound.table), overdue=_overdue(bound), off_hold=_off_hold(held)
    )


def oldest(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """Ask for the day of the oldest overdue row of one leaf."""
    first = "select min({by})::date from {leaf} as t where {overdue}{off_hold}"
    if bound.holds:  # there is no least of UUIDs
        first = "select {by} from {leaf} as t where {overdue}{off_hold} order by {by} limit 1"
    return sql.SQL(first).format(
        by=sql.Identifier("t", bound.by),
        leaf=_read(leaf, bound),
        overdue=_overdue(bound),
        off_hold=_off_hold(held),
    )


def count_undated(leaf: str, bound: Bound) -> sql.Composed:
    """Count the rows of one leaf that no rule can reach, as they have no date.

    Spelled so that an index of the column answers it, where there is one: else each leaf is looked through.
    """
    undated = "({by} is null or {by} <= '-infinity')"
    if bound.holds:
        undated = "({dated}) is not true"
    return sql.SQL("select count(*) from {leaf} as t where {undated}{scope}").format(
        leaf=_read(leaf, bound),
        undated=sql.SQL(undated).format(by=sql.Identifier("t", bound.by), dated=_dated(bound)),
        scope=scope(bound),
    )


def _read(leaf: str, bound: Bound) -> sql.Composed:
    """Name a leaf to who reads all that is in it: with `only` TimescaleDB leaves out what it has compressed."""
    return sql.SQL("{}" if bound.chunks else "only {}").format(sql_name(leaf))


COMMITTED = "select lifecycle.committed()::text"
TRANSACTION = "select (pg_current_xact_id()::text::bigint & 4294967295)::text"


def fix(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """Fix which row versions of a leaf are overdue, of those that an earlier look has seen, per block of pages.

    Each row: (first and last place, last number in any page, transactions that wrote them, rows, rows in all). A
    transaction whose rows are seen here had ended before, and writes no more: what stands later within these pages, was
    written by one of these and is overdue, is what was there now. The look had not seen what had not committed by then
    (%(under_way)s), nor what began later, from the number %(next)s on; numbers of transactions are counted in 32 bits,
    and begin again. What the run itself has written since (%(ours)s) were rows that it had seen. That is asked of
    a block and its writer: unless rows are put together first, PostgreSQL asks it of each, which takes as long again.
    """
    return sql.SQL("""
        declare {cursor} scroll cursor with hold for
        with together as materialized (
            select substring(tidsend(t.ctid) for 3) as block, t.xmin as born, count(*) as rows,
                   min(t.ctid) as first, max(t.ctid) as last,
                   max(get_byte(tidsend(t.ctid), 4) * 256 + get_byte(tidsend(t.ctid), 5)) as number
              from only {leaf} as t where {overdue}{off_hold} group by 1, 2)
        select min(first)::text, max(last)::text, max(number), array_agg(born), sum(rows)::bigint,
               (sum(sum(rows)) over ())::bigint
          from together where {seen}
         group by block order by block
    """).format(
        seen=_seen(sql.Identifier("born")),
        cursor=sql.Identifier(CURSOR),
        leaf=sql_name(leaf),
        overdue=_overdue(bound),
        off_hold=_off_hold(held),
    )


def seen(bound: Bound, held: Held) -> sql.Composed:
    """The condition of the rows that `fix` would fix, but for those that are still referenced."""
    return sql.SQL("{overdue}{free} and ({seen})").format(
        overdue=_overdue(bound), free=_free(bound, held), seen=_seen(sql.Identifier("t", "xmin"))
    )


def _seen(born: sql.Identifier) -> sql.Composed:
    return sql.SQL("""
        {born}::text = any (%(ours)s::text[])
        or {born}::text <> all (%(under_way)s::text[])
           and ({born}::text::bigint - %(next)s) & 4294967295
               >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint - %(next)s
    """).format(born=born)


def due(bound: Bound) -> sql.Composed:
    """The condition of a fixed row from slot %(since)s to before %(to)s that is overdue still."""
    return sql.SQL("{} and {}").format(_FIXED, _overdue(bound))


def overdue(bound: Bound) -> sql.Composed:
    """The condition of an overdue row."""
    return _overdue(bound)


def free(bound: Bound, held: Held) -> sql.Composed:
    """The condition of a row that nothing keeps: no reference to it, no hold. It follows others."""
    return _free(bound, held)


def end(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """Delete the fixed rows from slot %(since)s to before %(to)s. Leave those that are still referenced."""
    return sql.SQL("delete from only {leaf} as t where {fixed} and {overdue}{free}").format(
        leaf=sql_name(leaf), fixed=_FIXED, overdue=_overdue(bound), free=_free(bound, held)
    )


def end_unlocked(leaf: str, bound: Bound, held: Held) -> sql.Composed:
    """The same, past the rows that somebody has locked: (rows that are to go, those of them not locked, rows gone).

    The condition stands there twice: a row that changed between the choice and the deed is left alone.
    """
    return sql.SQL("""
        with there as (
            select count(*) as rows from only {leaf} as t where {fixed} and {overdue}{free}),
        chosen as materialized (
            select t.ctid from only {leaf} as t where {fixed} and {overdue}{free} for update of t skip locked),
        ended as (
            delete from only {leaf} as t
             where t.ctid = any (array(select ctid from chosen)) and {overdue}{free} returning 1)
        select (select rows from there), (select count(*) from chosen), (select count(*) from ended)
    """).format(
        leaf=sql_name(leaf),
        fixed=_FIXED,
        overdue=_overdue(bound),
        free=_free(bound, held),
    )


_FIXED = sql.SQL(
    "t.ctid >= %(since)s::tid and t.ctid < %(to)s::tid and t.xmin = any (%(born)s::xid[])"
)


def _overdue(bound: Bound) -> sql.Composed:
    """The condition of an overdue row. One that tells no time is none."""
    return sql.SQL("{by} < %(before)s and {dated}{scope}").format(
        by=sql.Identifier("t", bound.by), dated=_dated(bound), scope=scope(bound)
    )


def _dated(bound: Bound) -> sql.Composed:
    """The condition of a row that tells its time: a date that is not -infinity, a number, a UUID of version 7."""
    tells = "{by} > '-infinity'"
    if bound.holds:
        tells = (
            "get_byte(uuid_send({by}), 6) >> 4 = 7"
            if bound.holds == "uuidv7"
            else "{by} is not null"
        )
    return sql.SQL(tells).format(by=sql.Identifier("t", bound.by))


def scope(bound: Bound) -> sql.Composed:
    """The rows the rule speaks of at all: with a value to clear, of the values that it names, and no tombstone."""
    parts = [sql.SQL(" and {}").format(_is(bound.rule.scope))] if bound.rule.scope else []
    parts += [
        sql.SQL(" and {} is distinct from {}").format(
            sql.Identifier("t", column), sql.Literal(value)
        )
        for column, value in bound.spared
    ]
    if bound.column is not None:
        parts.append(sql.SQL(" and {} is not null").format(sql.Identifier("t", bound.column)))
    return sql.SQL("").join(parts)


def _is(values: tuple[tuple[str, tuple[Value, ...]], ...]) -> sql.Composed:
    """The rows whose columns have these values."""
    ways = (
        sql.SQL("{} in ({})").format(
            sql.Identifier("t", column), sql.SQL(", ").join(map(sql.Literal, of))
        )
        for column, of in values
    )
    return sql.SQL(" and ").join(ways)


def _free(bound: Bound, held: Held) -> sql.Composed:
    ways = (sql.SQL(" and not {}").format(_referenced(key)) for key in bound.references)
    return sql.SQL("{}{}").format(sql.SQL("").join(ways), _off_hold(held))


def _off_hold(held: Held) -> sql.Composed:
    return sql.SQL("").format() if held.rows is None else sql.SQL(" and not {}").format(held.rows)


def _referenced(key: ForeignKey) -> sql.Composed:
    """Whether a row is still referenced by this foreign key."""
    same = (
        sql.SQL("{} = {}").format(sql.Identifier("c", ours), sql.Identifier("t", theirs))
        for ours, theirs in zip(key.columns, key.referenced_columns, strict=True)
    )
    return sql.SQL("exists (select from {} as c where {})").format(
        sql_name(key.table), sql.SQL(" and ").join(same)
    )
