"""In which columns a value that names a person can stand as a text: by their types. Pure."""

from lifecycle.postgres.catalog import Column, Table

NUMBERS = (
    *("smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "money"),
    *("date", "time", "timestamp", "interval", "oid"),
)
"""Types of numbers and times: columns of these are not printed for a search."""

_NOT_TEXT = (*NUMBERS, "bytea")


def searchable(table: Table) -> tuple[Column, ...]:
    """Return the columns in which a value that names a person can stand: all but numbers, times and bytes."""
    return tuple(
        column
        for column in table.columns
        if column.type.removesuffix("[]").partition("(")[0].partition(" with")[0] not in _NOT_TEXT
    )
