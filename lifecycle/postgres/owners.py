"""What the DDL login says as the owner of a table."""

from psycopg import sql

from lifecycle.postgres.names import sql_name


def step_into(owner: str) -> sql.Composed:
    """Become a table's owner until the transaction ends, or says `reset role`."""
    return sql.SQL("set local role {}").format(sql.Identifier(owner))


def analyze(table: str) -> sql.Composed:
    """Have the planner draw its samples of a table anew."""
    return sql.SQL("analyze {}").format(sql_name(table))
