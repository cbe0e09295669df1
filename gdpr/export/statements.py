"""Every statement an export says to a managed database; whose rows they are comes from `gdpr/rows.py`. Pure."""

from collections.abc import Sequence

from psycopg import sql

from gdpr.export.pointers import Pointer, is_theirs
from gdpr.reach import Reach
from gdpr.rows import owned
from lifecycle.postgres.rows import row_as_text

ROWS = 100
"""How many rows are in memory at once."""

FETCH = sql.SQL("fetch forward {} from lifecycle_export").format(sql.Literal(ROWS))
CLOSE = "close lifecycle_export"

# `format` writes a value as PostgreSQL itself does: `::text` would call a cast that the table's owner may have made.
_VALUE = sql.SQL("case when num_nulls({0}) = 0 then format('%%s', {0}) end")
_ROWS = sql.SQL("""
    declare lifecycle_export no scroll cursor for
     select hashtextextended({key}, 0), array[{theirs}]::boolean[], {values} from {table} as t where {rows}""")
_SIZE = sql.SQL("select coalesce(sum(octet_length({row})), 0) from {table} as t where {rows}")


def rows(reach: Reach, table: str, leading: Sequence[Pointer]) -> sql.Composed:
    """Return what opens a cursor of (hash of the key, whether each of `leading` is theirs, every column as text)."""
    seen = reach.table(table)
    values = [_VALUE.format(sql.Identifier("t", column.name)) for column in seen.columns]
    return _ROWS.format(
        key=row_as_text("t", seen.primary_key),
        theirs=sql.SQL(", ").join(is_theirs(reach, pointer) for pointer in leading),
        values=sql.SQL(", ").join(values),
        table=reach.relation(table),
        rows=owned(reach, table),
    )


def size(reach: Reach, table: str) -> sql.Composed:
    """Return the query of how many bytes the rows are as text."""
    return _SIZE.format(row=row_as_text("t"), table=reach.relation(table), rows=owned(reach, table))
