"""Where a request stands by our own record of it, where that and its row do not say the same. Pure.

`why.py` says where all others stand.
"""

from dataclasses import dataclass

from gdpr.trail import Trail
from lifecycle.words import moment


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request stands: a `state`, what that means, and the `next` step."""

    state: str
    meaning: str
    next: str


def by_record(trail: Trail) -> Standing | None:
    """Return it, None where the row has the last word."""
    for how, failure in trail.lost.items():
        if how in STATES:
            return Standing(STATES[how], _sentence(failure.what), failure.hint)
    if "again" in trail.lost:
        return _again
    if trail.nameless:
        return Standing(
            "names nobody",
            f"{_sentence(trail.nameless)} Nobody is erased for it, and its deadline runs.",
            "Put the person back into the request, or set it to the word for `cancelled` if they took it back.",
        )
    if trail.word == "gone" and trail.erasure is None and trail.records:
        return _ended(trail)
    return None


STATES = {
    "vanished": "vanished",
    "answered": "closed by somebody else",
    "unreadable": "unreadable",
}
"""What became of a request -> its state. Another one that has its number says its own."""
_again = Standing(
    "asked again",
    "Its row is gone from the application's table, and the same person has asked again: what was known of them by this "
    "request is searched for with that one.",
    "None. `lifecycle gdpr status` has the other one.",
)


def _ended(trail: Trail) -> Standing | None:
    last = trail.records[0]
    if last.ended_at is None or last.how is None:
        return None
    at = moment(last.ended_at)
    settled = f"{last.ended_by} ended our record of it at {at}, as told below: nobody was erased or searched for."
    gone = "and its row is gone from the application's table since"
    return {
        "asked again": _again,
        "withdrawn": Standing(
            "canceled", f"It was taken back, as we saw at {at}, {gone}.", "None."
        ),
        "settled": Standing("settled", settled, "None."),
        "proven": Standing(
            "proven",
            f"Another request of the same person was answered at {at}: they were found nowhere it was looked, {gone}.",
            "None.",
        ),
    }[last.how]


def _sentence(what: str) -> str:
    return f"{what[:1].upper()}{what[1:]}."
