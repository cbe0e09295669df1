"""Every SQL statement with which a draft looks at rows of a managed database: counts of a sample, never a value."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import sql_name

ROWS = 10_000
"""How many rows of a table are looked at."""

QUOTING = 500
"""In how many rows of a table it is looked whether a person is quoted: to take texts apart takes time."""

_BETWEEN = "\"'<>,;:(){}[]=|/\\!?&\t\r\n"
"""What stands between words that are taken apart."""

LOOK_ONLY: LiteralString = """
    select set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %(limit)s, true),
           set_config('lock_timeout', '200ms', true), set_config('jit', 'off', true)
"""
IS_SUPERUSER: LiteralString = "select rolsuper from pg_roles where rolname = current_user"

# An e-mail address, or a number that is written as people write telephone numbers. A long text is neither, and is not
# even read: its length stands before it.
_ALIKE = sql.SQL(
    r"count(*) filter (where case when octet_length(s.{column}) <= 320 then"
    r" s.{column}::text ~ '^\s*[^@\s]+@[^@\s]+\.[a-z]+\s*$|^\s*\+?[0-9][0-9 ()/.-]{{7,18}}\s*$'"
    r" and s.{column}::text ~ '@|[ ()/+]' end)"
)


def sample(
    table: Table,
    keys: Sequence[str],
    same: Sequence[str],
    texts: Sequence[str],
    people: Table,
    key: str,
) -> sql.Composed:
    """Return the query of one row: how many rows, then counts of columns.

    Of `keys` how many values, then how many different ones; of `same` how many are keys of people; of `texts` how many
    look like an address or a telephone number.
    """
    known = sql.SQL(
        "count(*) filter (where exists (select from {people} as p where p.{key} = s.{column}))"
    )
    counts = [
        sql.SQL("count(*)"),
        *(sql.SQL("count(s.{})").format(sql.Identifier(name)) for name in keys),
        *(sql.SQL("count(distinct s.{})").format(sql.Identifier(name)) for name in keys),
        *(
            known.format(
                people=sql_name(people.name), key=sql.Identifier(key), column=sql.Identifier(name)
            )
            for name in same
        ),
        *(_ALIKE.format(column=sql.Identifier(name)) for name in texts),
    ]
    columns = [sql.Identifier(name) for name in dict.fromkeys([*keys, *same, *texts])]
    few = table.estimated_rows <= 5 * ROWS
    share = sql.SQL("") if few else sql.SQL(" tablesample system ({})").format(
        sql.Literal(100 * ROWS / table.estimated_rows)
    )  # fmt: skip
    return sql.SQL(
        "select {counts} from (select {columns} from {table}{share} limit {rows}) as s"
    ).format(
        counts=sql.SQL(", ").join(counts),
        columns=sql.SQL(", ").join(columns),
        table=sql_name(table.name),
        share=share,
        rows=sql.Literal(ROWS),
    )


def quoting(
    table: Table, texts: Sequence[str], people: Table, names: Sequence[str]
) -> sql.Composed:
    """Return the query that counts the rows in whose texts a word is one of the people's `names`."""
    every = sql.SQL(" union ").join(
        sql.SQL("(select lower({name}::text) from {people} limit {rows})").format(
            name=sql.Identifier(name), people=sql_name(people.name), rows=sql.Literal(ROWS)
        )
        for name in names
    )
    return sql.SQL(
        "with known(word) as materialized ({every})"
        " select count(distinct s.row) from (select row_number() over () as row, concat_ws(' ', {texts}) as said"
        " from {table} limit {rows}) as s"
        " cross join string_to_table(translate(lower(left(s.said, 2000)), {between}, {space}), ' ') as w(word)"
        " join known on known.word = rtrim(w.word, '.') where length(w.word) >= 4"
    ).format(
        every=every,
        texts=sql.SQL(", ").join(sql.Identifier(name) for name in texts),
        table=sql_name(table.name),
        rows=sql.Literal(QUOTING),
        between=sql.Literal(_BETWEEN),
        space=sql.Literal(" " * len(_BETWEEN)),
    )
