"""Every statement this room says."""

from lockers.section import Lockers
from psycopg import sql

from lifecycle.postgres.names import sql_name


def _names(lockers: Lockers) -> dict[str, sql.Identifier]:
    return {"table": sql_name(lockers.table), "emptied": sql.Identifier(lockers.emptied)}


def full(lockers: Lockers) -> sql.Composed:
    """Return the query of the lockers that have a holder and were emptied before %(before)s."""
    return sql.SQL(
        "select locker_id from {table} where holder is not null and {emptied} < %(before)s order by 1"
    ).format(**_names(lockers))


def empty(lockers: Lockers) -> sql.Composed:
    """Empty the lockers %(ids)s."""
    return sql.SQL(
        "update {table} set holder = null, {emptied} = %(now)s where locker_id = any(%(ids)s)"
    ).format(**_names(lockers))
