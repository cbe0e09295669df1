"""Puts a request into the application's table for a person who asked otherwise: by letter, by telephone, at the desk.

It is a request like those that the application takes: its grace runs from the day on which it was made, the same
night's work erases, and it is noted at once with what the person goes by.
"""

from datetime import datetime

from psycopg import Connection, IsolationLevel
from psycopg.errors import IntegrityError
from psycopg.rows import TupleRow

from gdpr import noting, request_statements, who
from gdpr.desk import Desk
from gdpr.intake import at_hand
from gdpr.request import at_work
from gdpr.section import Erasure
from gdpr.waiting import erasure_of, waiting
from lifecycle.coverage import Judgement, Looks, Place
from lifecycle.errors import Conflict, InputError, Refused
from lifecycle.ledger.effect import effect
from lifecycle.policy import triggers
from lifecycle.promise import Task
from lifecycle.words import moment


def carry_out(task: Task, typed: str, asked: datetime | None) -> Judgement:
    """Put a request of the person with the key `typed` there, made at `asked`, else now; say its reference and days.

    Raise InputError where the policy does not have us do so, or `asked` is still to come; NotFound for nobody; Conflict
    where a request of theirs is open; Refused where the table does not take it.
    """
    erasure = erasure_of(task.system.policy)
    if not erasure.requests.received:
        raise InputError(
            "the policy does not have requests received here",
            hint="Let the application take it, or set `erasure.requests.received: true` and run `lifecycle init`.",
        )
    made = asked or task.now
    if made > task.now:
        raise InputError(
            "nobody has asked in the future", hint="Give the day of the letter with `--asked`."
        )
    desk = at_hand.desk(task)
    with task.system.snapshot(task.claim.job) as conn:
        person = who.person_of(conn, desk.reach, typed)
        _must_be_first(conn, desk, person)
    due = erasure.grace.after(made)
    times = {"requested": made, "due": due, "verified": _sure(desk, erasure)}
    reference = _put(desk, erasure, {"person": person, **times})
    place, looks = Place("request", reference), Looks()
    with looks.at(place):
        left = noting.note(desk, reference)
    looks.found(*(noting.failure(reference, error)[1] for error in left.values()))
    law = moment(erasure.deadline.after(made))
    said = f"request {reference}: its grace ends at {moment(due)}, the law's time at {law}"
    return Judgement(looks.cover({place}), said, {"requests": 1})


def _must_be_first(conn: Connection[TupleRow], desk: Desk, person: str) -> None:
    for one in waiting(conn, desk.system, desk.key).open:
        if one.person == person:
            raise Conflict(
                f"request {one.reference} of this person is open",
                hint=f"See `lifecycle gdpr why {one.reference}`: one erasure answers all that somebody asks.",
            )


def _sure(desk: Desk, erasure: Erasure) -> object:
    """Return what says that somebody knows who asked, in the way of the column that says so, if there is one."""
    requests = erasure.requests
    column = desk.reach.catalog.tables[requests.table].column(requests.verified or "")
    return column is not None and (column.type == "boolean" or desk.now)


def _put(desk: Desk, erasure: Erasure, values: dict[str, object]) -> str:
    """Insert it, and return its reference."""
    requests = erasure.requests
    with at_work(desk) as (conn, as_seen):
        conn.isolation_level = IsolationLevel.READ_COMMITTED
        with effect(conn, desk.claim, as_seen) as change:
            try:
                row = conn.execute(
                    request_statements.receive_request(requests),
                    values | requests.states.model_dump(),
                ).fetchone()
            except IntegrityError as error:  # its own words would name the person
                by = error.diag.constraint_name or error.diag.column_name or requests.table
                raise Refused(
                    f"{requests.table} does not take a request of this person: {by} forbids it",
                    hint="Nothing was changed. See what stands there of them, or let the application take the request.",
                ) from None
            if row is None:
                raise Refused(
                    f"a trigger or rule on {requests.table} kept the request out",
                    hint="Nothing was changed. Let the application take it.",
                )
            adding = triggers.written_to(desk.system.policy, requests.table)
            change.must_be({}, adding | {requests.table})
            reference = desk.key.reference("request", row[0])
            counts = {"requests": 1}
            change.record(
                "effect", "gdpr.received", requests.table, counts=counts, reference=reference
            )
    return reference
