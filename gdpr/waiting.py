"""Which requests to be forgotten wait for an answer. Reads only; by keyed reference, never by name."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import asked, longer, notes, request_statements
from gdpr.asked import Lost, Row
from gdpr.deadline import Open
from gdpr.notes import Begun
from gdpr.section import SECTION, Erasure, RequestStates
from lifecycle.errors import InputError
from lifecycle.outcome import Failure
from lifecycle.outside.keys import ReferenceKey
from lifecycle.policy.model import Policy
from lifecycle.system import System
from lifecycle.words import moment


@dataclass(frozen=True, slots=True)
class Waiting:
    """The requests that are not answered, the longest due first.

    `unclear` are those whose status is no word of the policy: nothing is done for them, and their deadlines run.
    `odd` says of each request that nobody can work on what is wrong with it; `undated` of them lack a date, and
    `abandoned` are erasures that were begun and not proven, and for which no request is open any more. `lost` are our
    records of requests that are open no more, and `rows` the application's that are.
    """

    requests: tuple[Open, ...]
    unclear: tuple[Open, ...]
    odd: tuple[Failure, ...]
    undated: int
    abandoned: int
    lost: tuple[Lost, ...] = ()
    rows: tuple[Row, ...] = ()

    @property
    def open(self) -> tuple[Open, ...]:
        """Return all whose deadline runs."""
        return (*self.requests, *self.unclear)


def waiting(conn: Connection[TupleRow], system: System, key: ReferenceKey) -> Waiting:
    """Return all requests that are not answered. One odd row hides no other."""
    erasure = erasure_of(system.policy)
    requests, states = erasure.requests, erasure.requests.states
    begun, extended = notes.begun(conn), longer.extensions(conn, system)
    rows = conn.execute(request_statements.open_requests(requests), states.model_dump()).fetchall()
    found: list[Open] = []
    unclear: list[Open] = []
    odd: list[Failure] = []
    undated = 0
    asked_for: set[Begun] = set()
    there: list[Row] = []
    for request, person, status, requested, due, verified in rows:
        reference = key.reference("request", request)
        theirs = {b for b in begun if b.is_of(key, reference, person, requested)}
        asked_for |= theirs
        there.append(Row(request, reference, person, requested))
        if requested is None or due is None:
            undated += 1
            odd.append(_odd(reference, requests.due if due is None else requests.requested))
            continue
        processing = status == states.processing
        one = Open(
            request,
            reference,
            person,
            processing,
            requested,
            due,
            erasure.grace,
            erasure.deadline,
            bool(theirs),
            longer.extended_to(extended, key, reference, person, requested),
            verified,
        )
        if processing or status == states.pending:
            found.append(one)
        else:
            unclear.append(one)
            odd.append(_unclear(reference, requests.status))
    left = [b for b in begun if b not in asked_for]
    odd += (_abandoned(b, states.processing) for b in left)
    lost = asked.lost(conn, system, key, there, begun)
    odd += (told(one, states) for one in lost if one.how in asked.FOUND)
    return Waiting(tuple(found), tuple(unclear), tuple(odd), undated, len(left), lost, tuple(there))


def told(lost: Lost, states: RequestStates) -> Failure:
    """Say what became of a request of which we have a record, and none of its erasure."""
    since = f"It was noted at {moment(lost.record.noted_at)}"
    made = f", asked at {lost.record.asked.isoformat()}" if lost.record.asked else ""
    back = (
        f"put its row back{made} for the person whom it named (for nobody, where the person's row is gone, too), as "
        f"`{states.pending}`, or as `{states.cancelled}` where they took it back; a new request of the same person "
        "does as well. Where they are not to be erased, "
        f"`lifecycle gdpr settle {lost.record.reference}` ends the record, with who says so and why"
    )
    again = (
        f"Set it back to `{states.pending}` to have the person erased and searched for, or to `{states.cancelled}` "
        "where they took it back. Where it is not to be either, "
        f"`lifecycle gdpr settle {lost.record.reference}` ends the record, with who says so and why"
    )
    what, hint = {
        "vanished": (
            "it was open, nobody has erased the person, and its row is gone from the application's table",
            f"Ask who deleted it, and {back}",
        ),
        "another": (
            "it was open, nobody has erased the person, and its number is another request's now",
            f"Ask what became of the first, give the other one another number, and {back}",
        ),
        "answered": (
            "the application says that it is done, and no erasure of ours is on record: nothing was proven",
            f"Ask who closed it, and how. {again}",
        ),
        "unreadable": (
            "it was open, and whose it is does not open with the reference key",
            "The key file was changed or the row was tampered with: put the former key back",
        ),
    }[lost.how]
    return Failure(f"request {lost.record.reference}", what, f"{since}. {hint}.")


def _unclear(reference: str, column: str) -> Failure:
    return Failure(
        f"request {reference}",
        f"its {column} is empty or no word of the policy, so nobody can say whether it is open",
        "Set it to a word under `erasure.requests.states`, or correct those; until then nothing is done for it.",
    )


def _abandoned(begun: Begun, processing: str) -> Failure:
    # To the microsecond: a request that names nobody is known again by nothing else.
    asked = f" as it was, asked at {begun.asked.isoformat()}" if begun.asked else ""
    return Failure(
        f"request {begun.reference}",
        "its erasure was begun and is not proven, and the request was closed or taken away since",
        f"Part of the person may be gone. Set the request back to `{processing}`, or put its row back{asked} (where "
        "another request has its number now, give that one another first), and the next run ends what was begun; "
        f"`lifecycle gdpr verify {begun.reference}` looks for what is left.",
    )


def _odd(reference: str, column: str) -> Failure:
    return Failure(
        f"request {reference}",
        f"its {column} is empty, infinite or odd, so nobody can say when it is due",
        "Set the date it was asked and the end of its grace, between the years 1900 and 9000; until then nothing is "
        "done for it.",
    )


def erasure_of(policy: Policy) -> Erasure:
    """Return the policy's section. Raise InputError without one."""
    erasure = SECTION.of(policy)
    if erasure is None:
        raise InputError(
            "the policy has no `erasure:`", hint="Add the section, or leave gdpr alone."
        )
    return erasure
