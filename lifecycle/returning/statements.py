"""What is asked and told of a managed database when rows come back: beside a table's own, and into it."""

from collections.abc import Sequence

from psycopg import sql

from lifecycle.policy import joins
from lifecycle.policy.explain import Way
from lifecycle.postgres.catalog import ForeignKey
from lifecycle.postgres.names import sql_name
from lifecycle.postgres.rows import count_and_digest, row_as_text

ROW = "t"
"""What a row is called in every statement here, and in a condition that is handed in."""

STAGED = sql.Identifier("pg_temp", "lifecycle_archived")
"""Where rows of a copy are loaded to be compared: a table of this session alone."""

ALL = sql.SQL("true")

# A value's text depends on these; they are the same when it is written, loaded and compared.
PIN = """
    select set_config('extra_float_digits', '1', true), set_config('IntervalStyle', 'postgres', true),
           set_config('DateStyle', 'ISO', true), set_config('TimeZone', 'UTC', true),
           set_config('bytea_output', 'hex', true), set_config('xmloption', 'content', true),
           set_config('lc_monetary', 'C', true)
"""
PATIENT = """
    select set_config('statement_timeout', %(milliseconds)s, true),
           set_config('idle_in_transaction_session_timeout', %(milliseconds)s, true)
"""

COLUMNS = """
    select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
           a.attgenerated <> '', a.attidentity <> ''
      from pg_attribute a left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
     where a.attrelid = to_regclass(%(relation)s) and a.attnum > 0 and not a.attisdropped
     order by a.attnum
"""

OWNER = """
    select n.nspname, c.relname, pg_get_userbyid(c.relowner), current_user::text,
           has_table_privilege(c.oid, 'insert')
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass(%(relation)s)
"""
# A new table is its owner's alone: default privileges would let others read past the policies of the one it is like.
SHUT = """
    do $$
    declare who oid;
    begin
        for who in select distinct a.grantee from pg_class c, aclexplode(c.relacl) as a
                    where c.oid = to_regclass(current_setting('lifecycle.child')) and a.grantee <> c.relowner
        loop
            execute format('revoke all on table %s from %s', current_setting('lifecycle.child'),
                           case who when 0 then 'public' else who::regrole::text end);
        end loop;
    end $$
"""
NAME = "select set_config('lifecycle.child', %(name)s, true)"
UNSTAGE = sql.SQL("drop table if exists {staged}").format(staged=STAGED)


def copy_in(into: sql.Identifier, columns: Sequence[str]) -> sql.Composed:
    """Take rows as CSV into a table."""
    return sql.SQL("copy {into} ({columns}) from stdin (format csv)").format(
        into=into, columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def content(of: sql.Identifier, where: sql.Composable) -> sql.Composed:
    """Count rows, with a digest of all of each that does not depend on their order."""
    return sql.SQL("select {counted} from only {of} as {alias} where {where}").format(
        counted=count_and_digest(ROW), of=of, alias=sql.Identifier(ROW), where=where
    )


def stage_of(target: str, columns: Sequence[str]) -> sql.Composed:
    """Make the table that takes the rows of a copy, of the types that a table's columns have now."""
    return sql.SQL(
        "create temporary table {staged} as select {columns} from only {target} with no data"
    ).format(staged=STAGED, columns=_names(columns), target=sql_name(target))


def nulls(column: str) -> sql.Composed:
    """Count loaded rows without a value where one must be."""
    return sql.SQL("select count(*) from {staged} where {column} is null").format(
        staged=STAGED, column=sql.Identifier(column)
    )


def people(column: str) -> sql.Composed:
    """Return everybody whom a column of the loaded rows names, each once, as text."""
    return sql.SQL(
        "select distinct concat({column}) from {staged} where {column} is not null"
    ).format(column=sql.Identifier(column), staged=STAGED)


def leave_out(column: str) -> sql.Composed:
    """Take the loaded rows of %(gone)s away again."""
    return sql.SQL("delete from {staged} where concat({column}) = any (%(gone)s)").format(
        staged=STAGED, column=sql.Identifier(column)
    )


def clear(columns: Sequence[str], column: str) -> sql.Composed:
    """Take out of loaded rows of %(gone)s what names them."""
    changes = (sql.SQL("{} = null").format(sql.Identifier(name)) for name in columns)
    return sql.SQL("update {staged} set {changes} where concat({column}) = any (%(gone)s)").format(
        staged=STAGED, changes=sql.SQL(", ").join(changes), column=sql.Identifier(column)
    )


def nobodys(way: Way) -> sql.Composed:
    """Count loaded rows that lead this way, and not to a row that says whose it is."""
    first, *further = way.keys
    steps = [
        sql.SQL(" join {table} as {alias} on {on}").format(
            table=sql_name(key.referenced),
            alias=sql.Identifier(f"t{number}"),
            on=joins.on(key, f"t{number - 1}", f"t{number}"),
        )
        for number, key in enumerate(further, start=2)
    ]
    return sql.SQL("""
        select count(*) from {staged} as t0
         where {leads} and not exists (
               select from {table} as t1{steps} where {on} and {last} is not null)
    """).format(
        staged=STAGED,
        leads=_leads(first),
        table=sql_name(first.referenced),
        steps=sql.SQL("").join(steps),
        on=joins.on(first, "t0", "t1"),
        last=sql.Identifier(f"t{len(way.keys)}", way.column),
    )


def unmention(column: str, key: ForeignKey) -> sql.Composed:
    """Clear, in loaded rows, a column that leads to a row that is gone."""
    return sql.SQL("""
        update {staged} as t0 set {column} = null
         where {leads} and not exists (select from {table} as t1 where {on})
    """).format(
        staged=STAGED,
        column=sql.Identifier(column),
        leads=_leads(key),
        table=sql_name(key.referenced),
        on=joins.on(key, "t0", "t1"),
    )


def compare(target: str, key: Sequence[str], columns: Sequence[str]) -> sql.Composed:
    """Count the loaded rows: all of them, those whose key the table has, those of them that are another row there."""
    return sql.SQL("""
        select count(*), count(t.{any}), count(t.{any}) filter (where {theirs} <> {ours})
          from {staged} as s left join {target} as t on {same}
    """).format(
        any=sql.Identifier(key[0]),
        theirs=row_as_text("t", columns),
        ours=row_as_text("s", columns),
        staged=STAGED,
        target=sql_name(target),
        same=sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(sql.Identifier("t", name), sql.Identifier("s", name))
            for name in key
        ),
    )


def restore(target: str, columns: Sequence[str]) -> sql.Composed:
    """Put the loaded rows into a table, but for those whose key it has, and say in which relations they came to lie."""
    return sql.SQL("""
        with came as (
            insert into {target} ({columns}) overriding system value select {columns} from {staged}
                on conflict do nothing returning tableoid)
        select n.nspname, c.relname, coalesce(pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', false), count(*)
          from came join pg_class c on c.oid = came.tableoid join pg_namespace n on n.oid = c.relnamespace
         group by 1, 2, 3
    """).format(target=sql_name(target), columns=_names(columns), staged=STAGED)


def make_like(name: str, table: str, key: Sequence[str]) -> tuple[sql.Composed, ...]:
    """Make a table of the same columns, without defaults, triggers or indexes but its key, hidden from everybody."""
    made, like = sql_name(name), sql_name(table)
    return (
        sql.SQL("create table {} (like {})").format(made, like),
        sql.SQL("alter table {} add primary key ({})").format(made, _names(key)),
        sql.SQL("alter table {} enable row level security").format(made),
    )


GRANT, REVOKE, TO, FROM = sql.SQL("grant"), sql.SQL("revoke"), sql.SQL("to"), sql.SQL("from")
RESET_ROLE = "reset role"


def let_read(name: str, who: str) -> sql.Composed:
    """Let the service look again at what it put there."""
    return sql.SQL("grant select on table {} to {}").format(sql_name(name), sql.Identifier(who))


def let(verb: sql.SQL, name: str, to: sql.SQL, who: str) -> sql.Composed:
    """Give or take the right to put rows into a table."""
    return sql.SQL("{} insert on table {} {} {}").format(verb, sql_name(name), to, sql.Identifier(who))  # fmt: skip


def _leads(key: ForeignKey) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} is not null").format(sql.Identifier("t0", column)) for column in key.columns
    )


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
