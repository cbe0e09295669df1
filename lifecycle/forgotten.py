"""Who was forgotten and must not come back: the ground asks each room that forgets people, and names none.

A room says it in `forgotten.py`: `forgotten(conn, system) -> Forgotten | None`, and by what lies outside `since` and
`missing`. Nothing here says who anybody was: a
person is known by a keyed mark alone, so whoever has a value can ask whether it is of somebody who is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import rooms
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Forgotten:
    """People of one kind of subject who were forgotten, or are about to be.

    `unmarked` is when the last of those was forgotten of whom no mark was kept: nobody can tell who that was.
    """

    kind: str
    marks: frozenset[str] = field(repr=False)
    unmarked: datetime | None
    mark: Callable[[str], str] = field(repr=False)

    def has(self, person: str) -> bool:
        """Say whether somebody with this key was forgotten."""
        return self.mark(person) in self.marks


def since(system: System, moment: datetime) -> tuple[str, ...]:
    """Return who was forgotten after this moment, each in a line without a name, by what lies outside the database.

    Raise NotFound where there is no such ledger, and as `objects` does.
    """
    return tuple(line for _, room in rooms.load("forgotten") for line in room.since(system, moment))


def missing(conn: Connection[TupleRow], system: System) -> tuple[str, ...]:
    """Return who was forgotten and may be in this database again, each in a line without a name.

    Raise as `objects` does, and psycopg.Error as it comes.
    """
    every = (room.missing(conn, system) for _, room in rooms.load("forgotten"))
    return tuple(line for lines in every for line in lines)


def forgotten(conn: Connection[TupleRow], system: System) -> tuple[Forgotten, ...]:
    """Return what every room knows. Raise InputError when marks are there and their key is not."""
    told = (room.forgotten(conn, system) for _, room in rooms.load("forgotten"))
    return tuple(one for one in told if one is not None)
