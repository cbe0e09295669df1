"""Asks rows whether they are as the policy says: types and paths that none has, values found nowhere, a tombstone.

Reads only, each look within what is left of a time in all, and brings home yes, no and counts. What it could not read
is a note by name: nothing is passed over in silence. `questions.py` and `questions_of_people.py` say what is asked.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy import questions, questions_of_people
from lifecycle.policy import statements_of_rows as of_rows
from lifecycle.policy.asking import asking
from lifecycle.policy.evidence import BUDGET
from lifecycle.policy.model import Policy
from lifecycle.policy.questions import Question, Unsaid
from lifecycle.policy.questions_of_people import Unique
from lifecycle.policy.reality import Compared
from lifecycle.postgres import connect, reasons
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import sql_parts

_UNREAD = {
    "42501": "the login has no right to read, or row security hides rows of",
    "57014": "there was no time left to look at",
    "55P03": "somebody holds a lock on",
    "42P01": "there is no more",
}
_LATE = _UNREAD["57014"]
_ABOUT_THE_QUESTION = ("22", "42")
"""Classes of SQLSTATE for what is wrong with a value, a path or a type: what the policy says cannot be asked."""


def compare(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, budget: timedelta = BUDGET
) -> Compared:
    """Return what the rows say against the policy, which fits this catalog.

    Raise Unreachable or the like when the connection is lost.
    """
    end = clock.monotonic() + budget.total_seconds()
    mistakes: list[Mistake] = []
    unsaid: dict[str, list[str]] = defaultdict(list)
    refused: set[Where] = set()
    for asked in _questions(conn, policy, catalog):
        for answer in _answers(conn, catalog, asked, end, refused):
            if isinstance(answer, Mistake):
                mistakes.append(answer)
            elif answer.place not in unsaid[answer.why]:
                unsaid[answer.why].append(answer.place)
    notes = (f"{why} {', '.join(places)}" for why, places in unsaid.items())
    return Compared(tuple(dict.fromkeys(mistakes)), tuple(notes))


def _questions(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog
) -> Iterator[Question | Unsaid]:
    yield from questions.of(policy, catalog)
    stones = {s.table for s in policy.subjects.values() if s.tombstone is not None}
    unique = {table: _unique(conn, table) for table in stones}
    yield from questions_of_people.of(policy, catalog, unique)


def _unique(conn: Connection[TupleRow], table: str) -> list[Unique]:
    schema, name = sql_parts(table)
    try:
        rows = conn.execute(of_rows.UNIQUE, {"schema": schema, "name": name}).fetchall()
    except psycopg.Error as error:
        raise connect.explain(error) from None
    return [(tuple(columns), folded) for columns, folded in rows]


def _answers(
    conn: Connection[TupleRow],
    catalog: Catalog,
    asked: Question | Unsaid,
    end: float,
    refused: set[Where],
) -> Iterator[Mistake | Unsaid]:
    if isinstance(asked, Unsaid):
        yield asked
        return
    left = end - clock.monotonic()
    if left <= 0:
        yield Unsaid(_LATE, asked.place)
        return
    if asked.after in refused:
        return
    try:
        # Half of what is left: the one table that takes all the time leaves some to the others.
        rows = _ask(conn, catalog, asked, timedelta(seconds=left / 2))
    except psycopg.Error as error:
        answer = _refusal(conn, asked, error)
        if isinstance(answer, Mistake):
            refused.add(asked.path)
        yield answer
        return
    yield from asked.judge(rows)


def _ask(
    conn: Connection[TupleRow], catalog: Catalog, asked: Question, left: timedelta
) -> Sequence[TupleRow]:
    with asking(conn, catalog.tables[asked.table].owner, left) as ask:
        return ask(asked.query)


def _refusal(conn: Connection[TupleRow], asked: Question, error: psycopg.Error) -> Mistake | Unsaid:
    state = error.sqlstate
    if conn.broken or conn.closed:
        raise connect.explain(error) from None
    if state in _UNREAD:
        return Unsaid(_UNREAD[state], asked.place)
    if state is None or state.startswith(_ABOUT_THE_QUESTION):
        what = f"PostgreSQL refuses to look for it in {asked.place}"
        return Mistake(
            asked.path, what + (f" {reasons.state(state)}" if state else ""), asked.remedy
        )
    return Unsaid(f"PostgreSQL refused {reasons.state(state)} to look at", asked.place)
