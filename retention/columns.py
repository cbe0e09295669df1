"""Whether an archive table takes rows of another one as they are. Pure, and decides nothing."""

from lifecycle.postgres.shape import Table


def other(table: Table, archive: Table) -> tuple[str, ...]:
    """Return the columns of a table, with their types, that the archive has not, or has of another type."""
    there = {(c.name, c.type) for c in archive.columns if not c.generated}
    return tuple(
        f"{column.name} {column.type}"
        for column in table.columns
        if not column.generated and (column.name, column.type) not in there
    )
