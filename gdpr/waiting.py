"""Which requests to be forgotten wait for an answer. Reads only; by keyed reference, never by name."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import request_statements
from gdpr.deadline import Open
from gdpr.section import SECTION, Erasure
from lifecycle.errors import InputError
from lifecycle.outcome import Failure
from lifecycle.outside.keys import ReferenceKey
from lifecycle.policy.model import Policy
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Waiting:
    """The requests that are not answered, the longest due first, and those whose dates make no sense."""

    requests: tuple[Open, ...]
    odd: tuple[Failure, ...]


def waiting(conn: Connection[TupleRow], system: System, key: ReferenceKey) -> Waiting:
    """Return all requests that are not answered. One odd row hides no other."""
    erasure = erasure_of(system.policy)
    requests = erasure.requests
    rows = conn.execute(
        request_statements.open_requests(requests), requests.states.model_dump()
    ).fetchall()
    found: list[Open] = []
    odd: list[Failure] = []
    for request, person, status, requested, due in rows:
        reference = key.reference("request", request)
        if requested is None or due is None:
            odd.append(_odd(reference, requests.due if due is None else requests.requested))
            continue
        processing = status == requests.states.processing
        found.append(Open(request, reference, person, processing, requested, due, erasure.grace))
    return Waiting(tuple(found), tuple(odd))


def _odd(reference: str, column: str) -> Failure:
    return Failure(
        f"request {reference}",
        f"its {column} is empty or infinite, so nobody can say when it is due",
        "Set the date it was asked and the end of its grace; until then nothing is done for it.",
    )


def erasure_of(policy: Policy) -> Erasure:
    """Return the policy's section. Raise InputError without one."""
    erasure = SECTION.of(policy)
    if erasure is None:
        raise InputError(
            "the policy has no `erasure:`", hint="Add the section, or leave gdpr alone."
        )
    return erasure
