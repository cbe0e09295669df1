"""Whether rows of a database may be read out and spread: the ground asks each room that can say no, and names none.

A room says it in `fence.py`: `against(conn, system) -> Against | None`. What it says is written down in the database,
where whoever cannot ask again finds it, and told by an alert when it begins and when it ends. A job that says
`spreads` asks before it begins; a daemon asks at every tick, for /readyz.
"""

from contextlib import closing
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import rooms
from lifecycle.errors import LifecycleError, Refused
from lifecycle.ledger import alerts, fences
from lifecycle.ledger.fences import Fence
from lifecycle.postgres.patient import PATIENCE
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Against:
    """Why a fence has to stand, and what takes it away."""

    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The fences that stand, and why a room could not tell whether one has to, if so."""

    standing: tuple[Fence, ...]
    unknown: LifecycleError | None


def look(conn: Connection[TupleRow], system: System) -> Seen:
    """Ask every room now. Where one cannot tell, what stood goes on standing, and nothing else does.

    Raise psycopg.Error as it comes.
    """
    unknown = None
    for room, module in rooms.load("fence"):
        try:
            against = module.against(conn, system)
        except LifecycleError as error:
            unknown = error
            continue
        if against is None:
            if fences.lift(conn, system.name, room):
                message = "the fence is lifted: jobs that read rows out of this database run again"
                alerts.write(conn, system.name, "recovered", message)
        elif fences.put_up(conn, system.name, room, against.why, against.hint):
            alerts.write(conn, system.name, "fenced", f"{against.why}. {against.hint}")
    return Seen(fences.standing(conn, system.name), unknown)


def must_not_stand(system: System) -> None:
    """Raise Refused while a fence stands, and as the room does where it could not tell."""
    with closing(system.connect("fence", patience=PATIENCE)) as conn:
        seen = look(conn, system)
    for fence in seen.standing:
        raise Refused(fence.why, hint=fence.hint)
    if seen.unknown is not None:
        raise seen.unknown
