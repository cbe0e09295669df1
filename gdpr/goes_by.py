"""Reads by which values a person goes: in their own row, in others that are theirs, in images of earlier days.

Never searches for them, and never prints one. Which of them mean nobody else is `person.searched`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import statements_of_names as statements
from gdpr.reach import Reach
from lifecycle.errors import Refused
from lifecycle.policy.people import Form
from lifecycle.words import counted

_ADDRESS = re.compile(
    r"""([^\s<>()\[\]{},;:"\\@]+@[^\s<>()\[\]{},;:"'|/\\@?&=!*\#%]*[^\s<>()\[\]{},;:"'|/\\@?&=!*\#%.])"""
)
_DIGITS = 6
"""A part of a value with fewer of them is no telephone number of its own."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a person goes by. `there`: whether they have a row of their own. `weak`: what others may be called, too."""

    there: bool
    strong: tuple[str, ...] = field(repr=False)
    weak: tuple[str, ...] = field(repr=False)


def names(conn: Connection[TupleRow], reach: Reach, person: str) -> Names:
    """Return what a person goes by now, and went by as far as the policy says where that stands.

    Raise Refused where the key is that of somebody of another kind.
    """
    about = {"subject": person, "subject_text": person}
    there = conn.execute(statements.own_row(reach), about).fetchone() is not None
    if (
        not there
        and conn.execute(statements.own_row(reach, of_kind=False), about).fetchone() is not None
    ):
        raise Refused(
            f"it is about somebody in {reach.subject.table} who is no {reach.kind}",
            hint="Nothing was touched. Correct the request, or the row; "
            f"`subjects.{reach.kind}.where` says who is one.",
        )
    found: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for one in reach.subject.names():
        rows = conn.execute(statements.values(reach, one), about).fetchall()
        written = (text for (value,) in rows if value for text in _written(value, one.form) if text)
        found[one.weak] |= dict.fromkeys(written)
    return Names(there, tuple(found[False]), tuple(v for v in found[True] if v not in found[False]))


def doubtful(conn: Connection[TupleRow], reach: Reach, person: str) -> Iterator[str]:
    """Yield, in words, where nobody can say what a person goes by: no value stands where the policy says one."""
    about = {"subject": person, "subject_text": person}
    for one in reach.subject.names():
        query = statements.unread(reach, one)
        row = conn.execute(query, about).fetchone() if query else None
        if row and row[0]:
            yield (
                f"{counted(row[0], 'value')} of theirs in {'.'.join(statements.place(reach, one))} under the path of "
                "an identifier is an object or a list of lists: let `path` lead to the value itself"
            )


def _written(value: str, form: Form) -> Iterator[str]:
    """Yield what to look for of one value: an address without what surrounds it, of digits also these alone.

    `Anna <anna@example.com>` is looked for as `anna@example.com`, `12-345 678` also as `12345678`, and of several
    addresses or numbers in one value each. How a telephone number may be dialled is known to the search
    (`search/spell.py`).
    """
    match form:
        case "email":
            yield from [one.lstrip("'|/`") for one in _ADDRESS.findall(value)] or [value.strip()]
        case "digits":
            yield from dict.fromkeys((value, re.sub(r"[^0-9]", "", value) or value))
        case "phone":
            parts = (part.strip() for part in re.split(r"[,;|\n]", value))
            yield from dict.fromkeys(
                (value.strip(), *(p for p in parts if sum(map(str.isdigit, p)) >= _DIGITS))
            )
        case "text":
            yield value
