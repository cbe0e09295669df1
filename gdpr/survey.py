"""Reads what is there about everybody whose request is due, in counts. Changes nothing, decides nothing.

`person.py` reads about one of them. What cannot be read about one hides no other.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from audit.section import SECTION as AUDIT
from gdpr import asked, notes, person, references, unindexed
from gdpr.deadline import Open
from gdpr.locks import Locked, locked
from gdpr.note import Note
from gdpr.person import Survey
from gdpr.reach import Reach, reach
from gdpr.waiting import erasure_of, waiting
from lifecycle.errors import LifecycleError, NotFound
from lifecycle.holds import gate
from lifecycle.outcome import Failure
from lifecycle.outside import objects
from lifecycle.outside.keys import ReferenceKey, reference_key
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, connect
from lifecycle.system import System

if TYPE_CHECKING:  # which looks at what is surveyed here
    from gdpr.beforehand import Before


@dataclass(frozen=True, slots=True)
class Case:
    """One due request with what was found about its person, None when nobody knows who that is.

    `state` is that of its erasure: new, sealed, erased, proven. `versions`: bucket -> versions of their objects,
    `locked`: bucket -> what Object Lock keeps of them. `before`: what the look before anything is touched has found.
    `binds`: table, bucket or processor -> a keyed digest of exactly what would be touched there.
    """

    request: Open
    state: str
    found: Survey | None
    versions: Mapping[str, int] = field(default_factory=dict[str, int])
    binds: Mapping[str, str] = field(default_factory=dict[str, str])
    locked: Mapping[str, Locked] = field(default_factory=dict[str, Locked])
    before: "Before | None" = None

    @property
    def name(self) -> str:
        """Return what the request is called in plans, failures and evidence."""
        return f"request {self.request.reference}"


@dataclass(frozen=True, slots=True)
class Seen:
    """Everybody of the night. `waiting` are all open requests, `unread` what could not be surveyed, by name.

    `slow`: references for which a whole table is read, in words.
    """

    reach: Reach
    waiting: tuple[Open, ...]
    cases: tuple[Case, ...]
    odd: tuple[Failure, ...]
    unread: tuple[Failure, ...]
    errors: tuple[LifecycleError, ...]
    slow: tuple[str, ...] = ()


def called(system: System, only: str) -> str:
    """Return the reference of a request that is named by it or by the application's own id, which is never kept."""
    if re.fullmatch(r"[0-9a-f]{32}", only):
        return only
    return reference_key(system.settings.reference_key).reference("request", only)


def survey(system: System, now: datetime, only: str | None) -> Seen:
    """Look at all that are due, or at the one request with the reference `only`.

    Raise Refused when the policy does not fit the database, NotFound when no request called `only` is due.
    """
    erasure, key = erasure_of(system.policy), reference_key(system.settings.reference_key)
    with system.snapshot("gdpr survey") as conn:
        found = reach(system.policy, catalog.read(conn), erasure.subject)
        open_requests = waiting(conn, system, key)
        slow = [*references.unindexed(conn, found)]
        due = [r for r in open_requests.requests if r.ready(now) and only in (None, r.reference)]
        if only is not None and not due:
            raise NotFound(
                "no request of that name is due",
                hint="See `lifecycle gdpr status` for the references of open requests and their days.",
            )
        slow += unindexed.said(conn, found) if due else ()
        cases: list[Case] = []
        unread: list[Failure] = []
        errors: list[LifecycleError] = []
        for request in due:
            try:
                with conn.transaction(force_rollback=True):
                    cases.append(_case(system, conn, found, key, request))
            except (LifecycleError, psycopg.Error) as error:
                said = connect.explain(error) if isinstance(error, psycopg.Error) else error
                if conn.broken:
                    raise said from None
                errors.append(said)
                unread.append(Failure(f"request {request.reference}", said.what, said.hint))
    odd = open_requests.odd
    return Seen(
        found, open_requests.open, tuple(cases), odd, tuple(unread), tuple(errors), (*slow,)
    )


def of_person(system: System, found: Reach, who: str | None, earlier: Note | None) -> Survey | None:
    """Return what there is of one person now, None when nobody knows who that is. Raise psycopg.Error as it comes."""
    if who is None:
        return None
    with system.snapshot("gdpr survey") as conn:
        return person.survey(conn, found, who, earlier, gate.known(conn))


def _case(
    system: System, conn: Connection[TupleRow], found: Reach, key: ReferenceKey, request: Open
) -> Case:
    entry = notes.find(conn, key, request.reference, request.person, request.requested)
    state = entry.state if entry else "new"
    who = asked.whom(conn, found, system, key, asked.row(request), entry)
    if who is None:
        return Case(request, state, None)
    earlier = asked.known(conn, key, who)
    return case_of(
        system, key, request, state, person.survey(conn, found, who, earlier, gate.known(conn))
    )


def case_of(
    system: System, key: ReferenceKey, request: Open, state: str, surveyed: Survey | None
) -> Case:
    """Return the case of a request whose person was surveyed just now."""
    if surveyed is None:
        return Case(request, state, None)
    return Case(
        request,
        state,
        surveyed,
        versions(system, surveyed),
        _binds(system.policy, surveyed, key),
        locked(system, surveyed.note.objects),
    )


def looked(system: System, case: Case, before: "Before", found: Survey) -> Case:
    """Return the case of somebody for whom was looked, with what is known of them now."""
    key = reference_key(system.settings.reference_key)
    return replace(case, before=before, found=found, binds=_binds(system.policy, found, key))


def _binds(policy: Policy, surveyed: Survey, key: ReferenceKey) -> dict[str, str]:
    touched = {**surveyed.rows.keys, **surveyed.redacted_keys}
    if log := AUDIT.of(policy):
        touched[log.table] = f"{surveyed.audit_rows} {surveyed.audit_keys}"
    touched |= {bucket: "\0".join(keys) for bucket, keys in surveyed.note.objects.items()}
    touched["stripe"] = "\0".join(surveyed.note.payers)
    return {where: key.reference("plan", what)[:16] for where, what in touched.items()}


def versions(system: System, surveyed: Survey) -> dict[str, int]:
    """Return bucket -> how many versions of the person's objects there are. Raise as the object store does."""
    if not surveyed.note.objects:
        return {}
    store = objects.store(system)
    try:
        return {
            bucket: sum(len(store.versions(bucket, key)) for key in keys)
            for bucket, keys in surveyed.note.objects.items()
        }
    finally:
        store.close()
