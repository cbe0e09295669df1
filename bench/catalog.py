"""Reading the catalog of 1,000 tables and 3,000 foreign keys. Aims: below 100 ms, at most twice the bare queries."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from bench.timing import pair
from lifecycle.postgres import catalog, connect, server, statements
from lifecycle.postgres import statements_of_code as of_code

# Each table has ten columns and points to three that were made before it.
_TABLES = """
do $$ begin
    for n in 1..1000 loop
        execute format('create table t%s (id bigint primary key, a bigint, b bigint, c bigint, d text, '
                       'e text, f jsonb, g timestamptz, h date, i numeric)', n);
        for k in 0..2 loop
            execute format('alter table t%s add foreign key (%I) references t%s',
                           n, chr(97 + k), 1 + (n * (k + 7)) %% n);
        end loop;
    end loop;
end $$
"""


def measure() -> Iterator[str]:
    """Yield the time of `catalog.read` against its own queries with their rows thrown away."""
    with server.temporary(
        server.find_binaries(), settings={"max_locks_per_transaction": "4096"}
    ) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute(_TABLES.replace("%%", "%").encode())
            admin.execute("vacuum analyze")
        with connect.connect(cluster.dsn(), "bench", write=False) as conn:
            seen = catalog.read(conn)
            oids = [row[0] for row in conn.execute(statements.RELATIONS)]
            timed = pair(lambda: catalog.read(conn), lambda: _bare(conn, oids))
    yield f"{len(seen.tables)} tables, {len(seen.foreign_keys)} foreign keys: {timed}; aims <= 2x, < 100 ms"


def _bare(conn: Connection[TupleRow], oids: list[int]) -> None:
    questions: tuple[LiteralString, ...] = (
        statements.FACTS,
        statements.EXTENSIONS,
        statements.RELATIONS,
        statements.CONSTRAINTS,
        statements.UNIQUE,
        of_code.TRIGGERS,
        of_code.RULES,
        of_code.FUNCTIONS,
        statements.POLICIES,
    )
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        conn.execute(statements.SESSION)
        for question in questions:
            conn.execute(question, binary=True).fetchall()
        conn.execute(statements.COLUMNS, {"oids": oids}, binary=True).fetchall()
        conn.execute(statements.BARRED, {"owners": ["postgres"]}, binary=True).fetchall()
