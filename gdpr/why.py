"""Says in plain words where a request to be forgotten stands, and what comes next. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gdpr.standing import Standing, by_record
from gdpr.trail import Line, Trail

_RUN = "The next run of `gdpr.erase` ends it; `lifecycle run gdpr.erase` does so now."


def standing(trail: Trail, now: datetime) -> Standing:
    """Return where the request stands at this moment."""
    if trail.erasure is not None and not trail.erasure.proven:
        return _begun(trail)
    if (said := by_record(trail)) is not None:
        return said
    if trail.word == "gone":
        return _gone(trail)
    if trail.word == "cancelled":
        return Standing(
            "canceled",
            "The application canceled the request, and no erasure of it is open.",
            "None. Who asks again makes a new request.",
        )
    if trail.word == "completed":
        return _answered(trail)
    return _open(trail, now)


def _begun(trail: Trail) -> Standing:
    """Say where an erasure stands of which part may be gone already."""
    erasure = trail.erasure
    assert erasure is not None  # whoever asks has seen that it was begun
    back = (
        "Set the request back to the word for `processing`, or put its row back; then the next run ends it. "
        f"`lifecycle gdpr verify {erasure.reference}` looks for what is left."
    )
    closed = {
        "gone": ("vanished half-way", "its row is gone from the application's table"),
        "cancelled": ("canceled half-way", "the application canceled the request since"),
        "completed": ("closed half-way", "the application closed the request since"),
    }
    if trail.word in closed:
        state, what = closed[trail.word]
        return Standing(state, f"The erasure was begun and is not proven, and {what}.", back)
    if trail.held or trail.locked:
        kept = _on_hold if trail.held else _locked
        return kept("Part of the person is gone already. ", trail)
    if trail.at_work is not None:
        said = f"Run {trail.at_work} is erasing at this moment."
        return Standing("at work", said, "Wait for it: `lifecycle runs show`.")
    last = trail.last("gdpr.not_proven", "gdpr.erased")
    if last and last.event == "gdpr.not_proven":
        return Standing(
            "found again",
            "Their rows were erased, and the search afterwards found the person, or left a place out.",
            "Take away what is listed as found, or say in the policy whose it is. " + _RUN,
        )
    if erasure.erased_at is not None:
        return Standing(
            "erased, not proven",
            f"Their rows are gone; the search afterwards has not passed{_stopped(trail)}.",
            _RUN,
        )
    return Standing(
        "interrupted",
        "It was taken and its note is sealed, and no run has erased the rows since: what is beyond the database may "
        f"be gone already{_stopped(trail)}.",
        _RUN,
    )


def _stopped(trail: Trail) -> str:
    run = trail.run
    return f"; run {run.id} could not end it, as said below" if run and run.failures else ""


def _failures(trail: Trail) -> tuple[Mapping[str, str], ...]:
    return trail.run.failures if trail.run else ()


def _gone(trail: Trail) -> Standing:
    if trail.erasure is not None:
        return Standing(
            "proven",
            "Their rows were erased and the person was found nowhere it was looked. The request's row itself is gone "
            "from the application's table since.",
            "None.",
        )
    return Standing(
        "vanished",
        "It was worked on, no erasure of it was begun, and its row is gone from the application's table.",
        "Ask who deleted the row. If the person still wants to be forgotten, they must ask again.",
    )


def _answered(trail: Trail) -> Standing:
    if trail.erasure is not None:
        said = "Their rows were erased and the person was found nowhere it was looked."
        return Standing("proven", said, "None.")
    return Standing(
        "closed by somebody else",
        "The application says that it is done, and no erasure of ours is on record.",
        "Ask who closed it, and how: nothing was proven. Set it back to the word for `pending` to have it done.",
    )


def _open(trail: Trail, now: datetime) -> Standing:
    """Say where an open request stands for which nothing is erased."""
    if trail.word == "unclear":
        return Standing(
            "unclear",
            "Its status is empty or no word of the policy, so nothing is done for it, and its deadline runs.",
            "Set it to a word under `erasure.requests.states`, or correct those.",
        )
    if trail.open is None:
        return Standing(
            "without a date",
            "The day it was asked or the end of its grace is empty, infinite or odd, so nobody can say when it is due.",
            "Set both, between the years 1900 and 9000.",
        )
    if trail.held:
        return _on_hold("Nothing is erased. ", trail)
    if not trail.open.verified:
        return Standing(
            "identity not verified",
            "Nobody has established that the person themselves asked, so nothing is done, and its deadline runs.",
            "Ask the person for what is missing (GDPR Art. 12(6)), and set the column when you are sure.",
        )
    return _due(trail) if trail.open.ready(now) else _in_grace()


def _in_grace() -> Standing:
    return Standing(
        "in grace",
        "The person can change their mind until it is due.",
        "The first run of `gdpr.erase` after that erases them.",
    )


def _due(trail: Trail) -> Standing:
    """Say where a request stands that a run would take."""
    if trail.at_work is not None:
        said = f"It is due, and run {trail.at_work} is erasing at this moment."
        return Standing("at work", said, "Wait for it: `lifecycle runs show`.")
    if trail.erasure is not None:
        said = "It was proven, and somebody opened it again since; nobody is named in it."
        return Standing("opened again", said, "The next run of `gdpr.erase` answers it.")
    if trail.locked:
        return _locked("It is due, and nothing is erased. ", trail)
    if trail.run and trail.run.failures:
        taken = "was taken" if trail.word == "processing" else "is due"
        said = f"It {taken}, and run {trail.run.id} refused it. Nothing is erased."
        return Standing("refused", said, f"Do what the hints say. {_RUN}")
    if trail.word == "processing":
        said = "It was taken, and no erasure of it is on record: the run ended before its note was sealed."
        return Standing("interrupted", said, _RUN)
    return Standing("due", "It is due, and no run has taken it yet.", _RUN)


def _on_hold(first: str, trail: Trail) -> Standing:
    return Standing(
        "on hold",
        f"{first}A legal hold keeps it (GDPR Art. 17(3)): {'; '.join(trail.held)}.",
        "See `lifecycle holds list`. When the hold has ended, the next run of `gdpr.erase` goes on.",
    )


def _locked(first: str, trail: Trail) -> Standing:
    return Standing(
        "locked",
        f"{first}{'; '.join(trail.locked)}.",
        "Where it may go, lift it in the object store: a legal hold, a governance lock, each with a key of your own. "
        f"Else wait for the date, and tell the person. {_RUN}",
    )


def document(trail: Trail, now: datetime) -> dict[str, Any]:
    """Return all of it for a machine: times, state, what was looked at, found, and not looked at."""
    stands, erasure = standing(trail, now), trail.erasure
    due = trail.open.due if trail.open else trail.due
    if trail.open:
        due = max(due or trail.open.due, trail.open.grace.after(trail.open.requested))
    deadline = trail.deadline
    ended = stands.state in ("proven", "canceled", "vanished", "settled")
    found, proof = _found(trail), trail.last("gdpr.proven", "gdpr.not_proven")
    return {
        "reference": trail.reference,
        "state": stands.state,
        "meaning": stands.meaning,
        "next": stands.next,
        "asked": trail.asked,
        "due": due,
        "deadline": deadline,
        "past_deadline": bool(deadline and not ended and deadline < now),
        "noted": trail.records[0].noted_at if trail.records else None,
        "extended": [one.extension for one in trail.records if one.extension],
        "settled": [one.settled for one in trail.records if one.settled],
        "lost": [
            {"what": failure.what, "hint": failure.hint}
            for how, failure in trail.lost.items()
            if how == "another"
        ],
        "claimed": first.at if (first := trail.last("gdpr.claimed")) else None,
        "erased": erasure.erased_at if erasure else None,
        "proven": erasure.proven_at if erasure else None,
        "rows": dict(erasure.tables) if erasure else {},
        "looked": {"run": proof.run, "at": proof.at, "counts": dict(proof.counts)}
        if proof
        else None,
        "found": found,
        "refused": [dict(one) for one in _failures(trail)] if not ended else [],
        "not_looked_at": [dict(one) for one in trail.unseen or ()],
        "not_looked_at_known": proof is None or trail.unseen is not None,
        "announced_without_outcome": [f"{x.event} at {x.target}" for x in trail.unanswered],
        "holds": list(trail.held),
        "locks": list(trail.locked),
        "holds_not_asked": trail.not_asked or None,
        "answered_by": erasure.reference
        if erasure and erasure.reference != trail.reference
        else None,
        "others_under_this_number": trail.others,
    }


def _found(trail: Trail) -> list[str]:
    """Return where the last proof found the person, if it did."""
    last = trail.last("gdpr.proven", "gdpr.not_proven", "gdpr.erased")
    if last is None or last.event != "gdpr.not_proven":
        return []
    return [x.target for x in trail.lines if _same_proof(x, last)]


def _same_proof(line: Line, last: Line) -> bool:
    return (line.event, line.run) == (last.event, last.run)
