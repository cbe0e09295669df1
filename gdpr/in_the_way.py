"""What keeps one request from being carried out as things stand now: legal holds, and Object Lock. Reads only."""

from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import asked, locks, notes
from gdpr.deadline import Open
from gdpr.held import held
from gdpr.person import about, noted
from gdpr.reach import reach
from gdpr.waiting import erasure_of
from lifecycle.errors import LifecycleError
from lifecycle.holds import gate
from lifecycle.outside.keys import ReferenceKey
from lifecycle.postgres import catalog, connect
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class InTheWay:
    """Why legal holds keep it, what Object Lock keeps, and why one of these could not be asked, if so."""

    held: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    not_asked: str = ""


def in_the_way(
    conn: Connection[TupleRow], system: System, key: ReferenceKey, request: Open
) -> InTheWay:
    """Return what keeps this request."""
    holds: tuple[str, ...] = ()
    try:
        with conn.transaction(force_rollback=True):
            standing = gate.known(conn)
            if not standing and not _has_objects(system):
                return InTheWay()
            entry = notes.find(conn, key, request.reference, request.person, request.requested)
            found = reach(system.policy, catalog.read(conn), erasure_of(system.policy).subject)
            who = asked.whom(conn, found, system, key, asked.row(request), entry)
            if who is None:
                return InTheWay(not_asked="whom it is about is known to nobody" if standing else "")
            holds = held(conn, found, standing, about(who)) if standing else ()
            there = noted(conn, found, who, asked.known(conn, key, who))
        keeps = locks.locked(system, there.note.objects) if there else {}
        return InTheWay(holds, tuple(locks.said(keeps)))
    except (LifecycleError, psycopg.Error) as error:
        said = connect.explain(error) if isinstance(error, psycopg.Error) else error
        return InTheWay(holds, not_asked=said.what)


def _has_objects(system: System) -> bool:
    return any(table.objects for table in system.policy.tables.values())
