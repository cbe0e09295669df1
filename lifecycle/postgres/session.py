"""How every session of ours is set. Never how long one transaction may wait: who opens it says so."""

from psycopg import Connection
from psycopg.rows import TupleRow

# Said before anything else, and spelled out: a database's owner may set a path for it (`alter database .. set`), and a
# function of his, better fitting than PostgreSQL's own, would run as whoever connects.
PATH = """
    select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false),
           pg_catalog.set_config('standard_conforming_strings', 'on', false)
"""
LIMITS = """
    select set_config('statement_timeout', '15min', false), set_config('lock_timeout', '5s', false),
           set_config('idle_in_transaction_session_timeout', '5min', false),
           set_config('idle_session_timeout', '0', false), set_config('row_security', 'off', false),
           set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false),
           set_config('IntervalStyle', 'postgres', false), set_config('quote_all_identifiers', 'off', false),
           set_config('jit', 'off', false),
           set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false),
           set_config('client_connection_check_interval', case when version() ~ 'Visual C|mingw' then '0' else '5s' end,
                      false)
"""
# A server looks every 5 seconds whether we are still there (it cannot on Windows): the statement of a process that was
# killed would else hold its locks, and its run, until its time limit.
# No session of ours is ended because it waits: who places a hold waits for one that only waits (`holds/gate.py`).
# Compiling a question to the catalog took 80 ms of the 85 it took in all, as the planner cannot tell how few rows it
# reads (PostgreSQL 15, 52 tables): our statements wait for pages, not for the processor.
# An intent that a crash takes back would let an outside effect be repeated without a word: `off` is not obeyed.
# Nobody's schema is searched. A better fitting function or operator in `public` would win over PostgreSQL's own, even
# behind it; so every name of ours is written out, and a trigger function that pins no path of its own finds no other.


def settle(conn: Connection[TupleRow]) -> None:
    """Set a session so, whatever an application's code has set in it. Raise psycopg.Error as it comes."""
    conn.execute(PATH)
    conn.execute(LIMITS)
