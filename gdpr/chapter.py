"""How requests to be forgotten stand, and what was done under each reference in a period."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr import notes, request_statements
from gdpr.deadline import Open, overdue, still_in_grace
from gdpr.longer import extended_to, extensions
from gdpr.section import SECTION
from lifecycle.chapter import Chapter, Column, Facts, Note, Table, mark, text, unanswered
from lifecycle.ledger.reading import Evidence
from lifecycle.outside.keys import reference_key
from lifecycle.system import System
from lifecycle.words import counted

_STANDING = (
    Column("answered", "answered", "count"),
    Column("withdrawn", "withdrawn", "count"),
    Column("in_grace", "in their grace period", "count"),
    Column("due", "due, not yet answered", "count"),
    Column("past_deadline", "past the legal deadline", "alarm"),
    Column("undated", "without a date to judge it by", "alarm"),
)
_ERASURES = (
    Column("reference", "Reference", "name"),
    Column("claimed_at", "claimed", "instant"),
    Column("erased_at", "erased", "instant"),
    Column("proven_at", "proven", "instant"),
    Column("result", "result", "mark"),
    Column("days_before_deadline", "days left before the legal deadline", "count"),
    Column("announced_without_outcome", "announced without a recorded outcome", "alarm"),
)
_BY_HAND = (
    Column("reference", "Reference", "name"),
    Column("event", "what", "name"),
    Column("at", "when", "instant"),
)
_STEPS = (
    Column("reference", "Reference", "name"),
    Column("event", "step", "name"),
    Column("at", "when", "instant"),
    Column("counts", "counted", "counts"),
)


NOTED = (
    "gdpr.noted",
    "gdpr.withdrawn",
    "gdpr.asked_again",
)
"""What is recorded of a request that waits: nothing of its person was touched."""
BY_HAND = ("gdpr.received", "gdpr.canceled", "gdpr.extended", "gdpr.settled")
"""What is recorded of a person's word about a request: nothing of its person was touched either."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to be forgotten; `asked` is None where it has no dates to judge it by."""

    reference: str
    asked: Open | None
    answered: bool
    withdrawn: bool


def gather(
    conn: Connection[TupleRow], system: System, _since: datetime, _to: datetime
) -> dict[str, Any]:
    """Return all requests: none where the policy or the settings know of none."""
    erasure, secret = SECTION.of(system.policy), system.settings.reference_key
    if erasure is None or secret is None:
        return {"requests": None}
    key = reference_key(secret)
    query = request_statements.all_requests(erasure.requests)
    open_erasures, longer = notes.begun(conn), extensions(conn, system)
    found: list[Request] = []
    for request, person, requested, due, answered, withdrawn, processing in conn.execute(
        query, erasure.requests.states.model_dump()
    ).fetchall():
        reference = key.reference("request", request)
        asked = None
        if requested is not None and due is not None:
            begun = any(e.is_of(key, reference, person, requested) for e in open_erasures)
            to = extended_to(longer, key, reference, person, requested)
            asked = Open(
                "",
                reference,
                None,
                processing,
                requested,
                due,
                erasure.grace,
                erasure.deadline,
                begun,
                to,
            )
        found.append(Request(reference, asked, answered, withdrawn))
    return {"requests": tuple(found)}


def chapter(facts: Facts, own: Mapping[str, Any]) -> Chapter:
    """Return how the requests stood at the end of the period, and what was recorded of each in it."""
    requests: Sequence[Request] | None = own.get("requests")
    by_reference: dict[str, list[Evidence]] = defaultdict(list)
    for line in facts.evidence:
        if (
            line.event.startswith("gdpr.")
            and line.reference is not None
            and line.event not in (*NOTED, *BY_HAND)
        ):
            by_reference[line.reference].append(line)
    deadlines = {one.reference: one.asked.deadline for one in requests or () if one.asked}
    erasures = tuple(_erasure(ref, ls, deadlines.get(ref)) for ref, ls in by_reference.items())
    standing = _standing(requests, facts.to) if requests is not None else None
    late = standing["past_deadline"] + standing["undated"] if standing else 0
    worked = counted(len(erasures), "request to be forgotten was", "requests to be forgotten were")
    return Chapter(
        "requests",
        "Requests to be forgotten",
        f"{worked} worked on" + (f"; {late} past the legal deadline." if late else "."),
        (
            Table("standing", "All requests, at the end of the period", _STANDING, (standing,))
            if standing
            else Note(
                "standing",
                "The requests themselves were not looked at: the policy names none, or the settings have no "
                "reference key.",
            ),
            Table(
                "erasures",
                "Worked on in this period",
                _ERASURES,
                erasures,
                "None was worked on in this period.",
            ),
            Table(
                "by_hand",
                "Said of requests by hand; `lifecycle gdpr why REFERENCE` has who said so and why",
                _BY_HAND,
                tuple(_by_hand(facts.evidence)),
                "Nothing was said of any in this period.",
            ),
            Note(
                "reference",
                "People appear under a keyed reference that says nothing about them to anybody without the key.",
            ),
            Table("steps", "What was done", _STEPS, tuple(_steps(by_reference))),
        ),
        "bad" if late else None,
    )


def _standing(requests: Sequence[Request], to: datetime) -> dict[str, int]:
    waiting = [r.asked for r in requests if not r.answered and not r.withdrawn]
    dated = [asked for asked in waiting if asked is not None]
    due = sum(asked.ready(to) for asked in dated)
    return {
        "answered": sum(r.answered for r in requests),
        "withdrawn": sum(r.withdrawn for r in requests),
        "in_grace": len(dated) - due,
        "due": due,
        # The law does not ask whether a grace was too long.
        "past_deadline": len(overdue(dated, to)) + len(still_in_grace(dated, to)),
        "undated": len(waiting) - len(dated),
    }


def _erasure(reference: str, lines: list[Evidence], deadline: datetime | None) -> dict[str, Any]:
    first = _first(lines)
    proven = first.get("gdpr.proven")
    return {
        "reference": reference,
        "claimed_at": text(first.get("gdpr.claimed")),
        "erased_at": text(first.get("gdpr.erased")),
        "proven_at": text(proven),
        "deadline": text(deadline),
        "days_before_deadline": (deadline - proven).days if deadline and proven else None,
        "result": mark("good", "proven") if proven else mark("warn", "not proven"),
        "announced_without_outcome": unanswered(lines),
    }


def _by_hand(evidence: Sequence[Evidence]) -> Iterator[dict[str, Any]]:
    for line in evidence:
        if line.event in BY_HAND:
            yield {"reference": line.reference, "event": line.event, "at": text(line.at)}


def _first(lines: list[Evidence]) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for line in lines:
        if line.kind != "intent":
            first.setdefault(line.event, line.at)
    return first


def _steps(by_reference: Mapping[str, list[Evidence]]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for reference, lines in by_reference.items():
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for line in lines:
            if line.kind != "intent":
                sums[line.event].update(line.counts)
        steps += (
            {
                "reference": reference,
                "event": event,
                "at": text(at),
                "counts": dict(sorted(sums[event].items())),
            }
            for event, at in _first(lines).items()
        )
    return steps
