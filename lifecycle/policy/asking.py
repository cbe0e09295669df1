"""Asks rows as nobody who may do more than whoever owns them: read only, within a time, and rolled back.

Code of an owner's runs where his rows are read, and what is called like a table may be a view by now. A superuser who
had only stepped into him would be a superuser again as soon as that code says `reset role`, and a program on the server
his. So a superuser's question is said within a SECURITY DEFINER function of the owner's, where nobody changes roles; it
is made for one look and is gone with it. Changes nothing.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from psycopg import Connection, pq, sql
from psycopg.rows import TupleRow

from lifecycle.policy import statements_of_asking as statements
from lifecycle.postgres import session

Ask = Callable[..., list[TupleRow]]
"""`ask(query, values)` returns the rows of an answer. `values` are texts. Raise psycopg.Error as it comes."""

_TEXTS = 1009  # the type of a list of texts


@contextmanager
def asking(conn: Connection[TupleRow], owner: str, left: timedelta) -> Generator[Ask]:
    """Give a way to ask what belongs to this owner, for so long. Raise psycopg.Error as it comes.

    QueryCanceled where no time is left: a short question would be answered in the millisecond that is the least limit.
    """
    if left <= timedelta(0):
        raise psycopg.errors.QueryCanceled("no time is left")
    with conn.transaction(force_rollback=True):
        enclosed = conn.execute(statements.IS_SUPERUSER).fetchone() == (True,)
        if enclosed:
            conn.execute(statements.ENCLOSE)
            conn.execute(statements.enclosed_by(owner))
        limit = max(1, int(left.total_seconds() * 1000))
        conn.execute(statements.LOOK_ONLY, {"limit": f"{limit}ms"})

        def plainly(query: sql.Composed, values: dict[str, str] | None = None) -> list[TupleRow]:
            return conn.execute(query, values).fetchall()

        def within(query: sql.Composed, values: dict[str, str] | None = None) -> list[TupleRow]:
            return _within(conn, query, values or {})

        yield within if enclosed else plainly


def _within(
    conn: Connection[TupleRow], query: sql.Composed, values: dict[str, str]
) -> list[TupleRow]:
    text = sql.Composed(list(_numbered(query, list(values)))).as_string(conn)
    said = {"query": text, "values": list(values.values())}
    rows = conn.execute(statements.within(_types(conn, text)), said).fetchall()
    conn.execute(session.PATH)  # what was set there lasts, and would say which operators come next
    return rows


def _numbered(query: sql.Composed, names: list[str]) -> Iterator[sql.Composable]:
    """Yield a question with the places of its values as that function has them."""
    for part in query:
        if isinstance(part, sql.Composed):
            yield from _numbered(part, names)
        elif isinstance(part, sql.Placeholder):
            number = names.index(part.as_string().removeprefix("%(").removesuffix(")s"))
            yield sql.SQL("($1)[{}]").format(sql.Literal(number + 1))
        else:
            yield part


def _types(conn: Connection[TupleRow], text: str) -> list[str]:
    """Return the types of an answer's columns. The question is only read for it: none of its code runs."""
    query = text.encode(conn.info.encoding)
    for result in (
        conn.pgconn.prepare(b"", query, param_types=[_TEXTS]),
        conn.pgconn.describe_prepared(b""),
    ):
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result, encoding=conn.info.encoding)
        types = [result.ftype(column) for column in range(result.nfields)]
    return [name for (name,) in conn.execute(statements.TYPES, {"oids": types})]
