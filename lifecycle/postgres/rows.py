"""Rows as values in SQL: one whole, one as text, many as a count with a digest of which they are."""

from collections.abc import Sequence

from psycopg import sql


def whole_row(alias: str) -> sql.Composed:
    """Return a row as one value. The bare alias would mean a column that is called so, where a table has one."""
    return sql.SQL("({}.*)").format(sql.Identifier(alias))


def row_as_text(alias: str, key: Sequence[str] = ()) -> sql.Composed:
    """Return these columns of a row as text, or all of it where there are none.

    Spelled by PostgreSQL itself: `::text` calls a cast that the table's owner may make.
    """
    columns = sql.SQL(", ").join(sql.Identifier(alias, name) for name in key)
    row = sql.SQL("row({})").format(columns) if key else whole_row(alias)
    return sql.SQL("textin(record_out({}))").format(row)


def row_in_binary(alias: str, exact: Sequence[str], others: Sequence[str]) -> sql.Composed:
    """Return columns of a row as bytes: the `exact` in PostgreSQL's binary form, all others as text.

    That takes a fraction of what text alone takes. Depends on `client_encoding`, which is always UTF8 with us.
    """
    columns = [sql.Identifier(alias, name) for name in exact]
    text = [row_as_text(alias, others)] if others else []
    return sql.SQL("record_send(row({}))").format(sql.SQL(", ").join([*columns, *text]))


def hash_of_row(alias: str, exact: Sequence[str], others: Sequence[str]) -> sql.Composed:
    """Return a hash of 64 bits over all bytes of `row_in_binary`.

    A row of one value has that value's hash. Of a row of several, PostgreSQL only adds their multiplied hashes up: a
    sum of these would not tell which value stood beside which.
    """
    return sql.SQL("hash_record_extended(row({}), 0)").format(row_in_binary(alias, exact, others))


def count_and_digest(alias: str, key: Sequence[str] = ()) -> sql.Composed:
    """Return what selects (how many rows, a digest of their keys whatever their order, of whole rows without a key)."""
    return sql.SQL("count(*), coalesce(sum(hashtextextended({}, 0)), 0)::text").format(
        row_as_text(alias, key)
    )
