"""Takes out of JSON, in rows that stay, what leads to the person: these values become null, and nothing else changes.

Which of the values under a reference's path are the person's, PostgreSQL says; where they stand in the document is read
here, for plain paths alone. Never decides which rows these are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_references as statements
from gdpr import taken_out
from gdpr.note import Note
from gdpr.reach import Mention, Reach
from gdpr.search.needles import Needles
from lifecycle.errors import Unproven
from lifecycle.policy import json_path
from lifecycle.policy.json_path import Location
from lifecycle.policy.virtual import Virtual
from lifecycle.postgres.session import settle
from lifecycle.words import counted


def clear(
    conn: Connection[TupleRow],
    reach: Reach,
    mention: Mention,
    person: Mapping[str, object],
    expected: int,
    known: Note,
) -> None:
    """Take it out of as many rows as `expected`, in a transaction of the caller's.

    Raise Unproven when it would be others, when something else of a row would change, or still name the person;
    psycopg.Error as it comes.
    """
    gone, needles = 0, Needles([known.needles()])
    for key in mention.keys:
        assert isinstance(key, Virtual)  # no foreign key leads out of JSON
        asked = statements.inside(reach, replace(mention, keys=(key,)), key)
        for leaf, number, rest, document, theirs in conn.execute(asked, person).fetchall():
            now = _taken_out(conn, reach, key, (leaf, number, document, theirs))
            gone += 1
            if now is None or now[0] != rest:
                raise Unproven(
                    f"{mention.name}: a row would say something else than before without the person",
                    hint="Nothing was changed. A trigger of the table puts back what was there, or sets more than its "
                    "declaration says.",
                )
            _nothing_left(reach, mention, key, now[1], needles)
    settle(conn)  # code of the application's may have set what the next statement means
    if gone != expected:
        raise Unproven(
            f"{mention.name}: {counted(expected, 'row')} found beforehand, and {gone:,} would have changed",
            hint="Nothing was changed. The next run looks again.",
        )


def _taken_out(
    conn: Connection[TupleRow],
    reach: Reach,
    key: Virtual,
    row: tuple[Sequence[str], str, str, Sequence[str]],
) -> tuple[str, str] | None:
    """Return (all else of the row, the document) as they are then; None where the document is another one."""
    leaf, number, document, theirs = row
    where = tuple(_where(document, key, theirs))
    query = statements.without(reach, key, leaf, len(where))
    places = {f"place_{n}": list(map(str, place)) for n, place in enumerate(where)}
    found = conn.execute(query, {"number": number} | places).fetchone()
    wanted = _read(document)
    for place in where:
        _empty(wanted, place)
    return found if found is not None and where and _read(found[1]) == wanted else None


def _where(document: str, key: Virtual, theirs: Sequence[str]) -> Iterator[Location]:
    way = json_path.steps(key.said.path)
    assert way is not None  # no other is carried out
    wanted = [_read(one) for one in theirs]
    yield from (at for at, value in json_path.values(_read(document), way) if value in wanted)


def _empty(document: Any, place: Location) -> None:
    *above, last = place
    for one in above:
        document = document[one]
    document[last] = None


def _read(text: str) -> Any:
    """Return a document, its numbers as they are spelled and told from texts."""
    return json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_number)


def _number(text: str) -> tuple[str]:
    return (text,)


def _nothing_left(
    reach: Reach, mention: Mention, key: Virtual, document: str, needles: Needles
) -> None:
    """Raise Unproven where the rest of the document names the person, unless the policy says who looks at it."""
    said = reach.policy.tables[mention.table].quotes.get(key.columns[0])
    if said != "review" and any(True for _ in taken_out.standing([document], needles, 0)):
        raise Unproven(
            f"an identifier of the person would still stand in {mention.table}.{key.columns[0]}, beside {mention.word}",
            hint="Nothing was changed. Say in the policy what becomes of it, or take the value out by hand.",
        )
