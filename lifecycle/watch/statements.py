"""What health and metrics ask a managed database. They change nothing."""

from typing import Any

from psycopg import sql

from lifecycle.postgres.catalog import sql_name

SCRAPE_LIMITS = """
    select set_config('statement_timeout', '5s', false), set_config('lock_timeout', '1s', false)
"""
READY = "select to_regclass('lifecycle.run') is not null"


def requests_due(requests: Any) -> sql.Composed:
    """Count open requests: all that are due, and of these those past the legal deadline (asked before `%(cutoff)s`)."""
    return sql.SQL("""
        select count(*) filter (where {due} <= %(now)s),
               count(*) filter (where {due} <= %(now)s and {requested} < %(cutoff)s)
          from {table} where {status}::text = any(%(open)s)
    """).format(
        due=sql.Identifier(requests.due),
        requested=sql.Identifier(requests.requested),
        table=sql_name(requests.table),
        status=sql.Identifier(requests.status),
    )
