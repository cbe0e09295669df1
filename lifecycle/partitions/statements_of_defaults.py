"""What is asked of a default partition, and said to it so that ATTACH need not look through it. See spare.py."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from psycopg import sql

from lifecycle.postgres.names import sql_name

if TYPE_CHECKING:  # a plan is made of what these statements read
    from lifecycle.partitions.step import CreatePartition

SPARE = "lifecycle_spare_"
"""How the name of a check begins that spares a default partition its scan."""

# How large the default partitions are, and which checks of ours were left on them.
DEFAULTS = """
    select n.nspname, c.relname, pg_relation_size(c.oid),
           array(select k.conname::text from pg_constraint k
                  where k.conrelid = c.oid and k.contype = 'c' and starts_with(k.conname, %(spare)s)
                  order by 1)
      from unnest(%(schemas)s::text[], %(tables)s::text[]) as asked (schema, name)
      join pg_namespace n on n.nspname = asked.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = asked.name
"""


def keys_of(default: str, by: str, most: int) -> sql.Composed:
    """Ask for the keys of its rows, as text, and of no more than `most` of them."""
    return sql.SQL(
        "select {key}::text from only {default} where {key} is not null limit {most}"
    ).format(key=sql.Identifier(by), default=sql_name(default), most=sql.Literal(most))


def close_to_writers(default: str) -> sql.Composed:
    """Let nobody write there until the rows are where they belong: readers go on."""
    return sql.SQL("lock table only {} in share row exclusive mode").format(sql_name(default))


def move(default: str, step: "CreatePartition") -> sql.Composed:
    """Move the rows of a step's period into its table, which nobody sees yet. What is generated is made there anew."""
    columns = sql.SQL(", ").join(map(sql.Identifier, step.columns))
    return sql.SQL(
        "with gone as (delete from only {default} where {within} returning {columns}) "
        "insert into {child} ({columns}) overriding system value select {columns} from gone"
    ).format(
        default=sql_name(default),
        within=_within(step),
        columns=columns,
        child=sql.Identifier(step.schema, step.relname),
    )


def any_row_of(default: str, step: "CreatePartition") -> sql.Composed:
    """Ask whether a row of a step's period lies in the default partition."""
    return sql.SQL("select exists (select from only {default} where {within})").format(
        default=sql_name(default), within=_within(step)
    )


def _within(step: "CreatePartition") -> sql.Composed:
    """The condition of a row that its partition takes."""
    parts = [sql.SQL("{} = {}").format(sql.Identifier(n), sql.Literal(v)) for n, v in step.above]
    key = sql.Identifier(step.by)
    return sql.SQL(" and ").join(
        [
            *parts,
            sql.SQL("{} >= {}").format(key, sql.Literal(step.lower)),
            sql.SQL("{} < {}").format(key, sql.Literal(step.upper)),
        ]
    )


def add_check(default: str, name: str, steps: Iterable["CreatePartition"]) -> sql.Composed:
    """Add a check, not looked at yet, that no row of these periods is in the default partition."""
    free = sql.SQL(" and ").join(
        sql.SQL("({key} is null or {key} < {lower} or {key} >= {upper}{others})").format(
            key=sql.Identifier(step.by),
            lower=sql.Literal(step.lower),
            upper=sql.Literal(step.upper),
            others=sql.SQL("").join(
                sql.SQL(" or {name} is null or {name} <> {value}").format(
                    name=sql.Identifier(name), value=sql.Literal(value)
                )
                for name, value in step.above
            ),
        )
        for step in steps
    )
    return sql.SQL("alter table {default} add constraint {name} check ({free}) not valid").format(
        default=sql_name(default), name=sql.Identifier(name), free=free
    )


def validate_check(default: str, name: str) -> sql.Composed:
    """Look whether it holds, beside readers and writers."""
    return sql.SQL("alter table {default} validate constraint {name}").format(
        default=sql_name(default), name=sql.Identifier(name)
    )


def drop_check(default: str, name: str) -> sql.Composed:
    """Drop it."""
    return sql.SQL("alter table {default} drop constraint if exists {name}").format(
        default=sql_name(default), name=sql.Identifier(name)
    )
