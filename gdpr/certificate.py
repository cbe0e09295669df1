"""Makes the certificate of one erasure whose proof passed: what went, what stayed and why, what was searched and not.

Makes one of nothing else, and never says more than is on record. No personal value is in it. `seal` signs it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gdpr import horizon, why
from gdpr.horizon import Copies
from gdpr.trail import Erased, Line, Trail
from lifecycle import __version__
from lifecycle.errors import Refused
from lifecycle.system import System
from lifecycle.words import counted, moment

SCHEMA = "lifecycle.certificate.v1"

_PARTS = {
    "gdpr.deleted": "deleted",
    "gdpr.cleared": "cleared_in_kept_rows",
    "gdpr.mention_cleared": "cleared_in_rows_of_others",
    "gdpr.tombstone_set": "given_to_the_tombstone",
    "gdpr.redacted": "taken_out_of_rows_of_others",
    "gdpr.anonymised": "audit_log",
}
_RECIPIENTS = (
    "Whoever else was given the person's data, by the application or by people, and is not listed under "
    "`recipients_told`, is not known to this product: telling them (GDPR Art. 19) is left to whoever gave it."
)
_TOLD = {
    "gdpr.payer_deleted": "its customers of the person were deleted there, and it says that they are",
    "gdpr.recipient_told": "it was told by a signed message that the person was erased, and acknowledged it",
}
_SHARED = "Objects and customers that other people share stay with them; how many there were is not on record."


def make(system: System, trail: Trail, now: datetime) -> dict[str, Any]:
    """Return the certificate, unsigned. Raise Refused, with the state, unless the proof passed and stands."""
    erasure, stands = trail.erasure, why.standing(trail, now)
    hint = f"See `lifecycle gdpr why {trail.reference}`."
    if stands.state != "proven" or erasure is None or erasure.proven_at is None:
        what = f"there is no certificate of this request: it is {stands.state}"
        raise Refused(what, hint=hint)
    if erasure.proof is None:
        what = (
            "there is no certificate of this request: what its proof had searched was not kept then"
        )
        raise Refused(what, hint=f"It was proven by an earlier release. {hint}")
    copies = horizon.copies(system, erasure.proof["tables"], erasure.proven_at)
    return _document(system, trail, erasure.proof, copies, now)


def _document(
    system: System,
    trail: Trail,
    proof: Mapping[str, Any],
    copies: Iterable[Copies],
    now: datetime,
) -> dict[str, Any]:
    erasure = trail.erasure
    assert erasure is not None  # `make` has seen it
    unseen = proof["coverage"]["unseen"]
    gaps = list(_gaps(trail))
    parts = {part: _counts(trail.lines, event) for event, part in _PARTS.items()}
    return {
        "schema": SCHEMA,
        "says": _says(len(unseen), len(gaps)),
        "inspected_everywhere": not unseen and not gaps,
        "not_inspected": unseen,
        "not_on_record": gaps,
        "system": system.name,
        "database": system.policy.database,
        "reference": trail.reference,
        "erased_under": erasure.reference,
        "requests_answered": len({erasure.request, *erasure.requests}),
        **_times(trail, erasure),
        "erasure": {"rows_of_the_person_by_table": dict(sorted(erasure.tables.items())), **parts},
        "kept": [
            {**kept, "rows": parts["cleared_in_kept_rows"].get(kept["table"], {}).get("rows", 0)}
            for kept in proof["kept"]
        ],
        "outside": _outside(trail),
        "recipients_told": _recipients(trail),
        "not_known": [_RECIPIENTS, _SHARED],
        "copies": [asdict(one) | {"until": _at(one.until)} for one in copies],
        "last_copy": _last(tuple(copies)),
        "to_review": proof.get("to_review", {}),
        "searched": proof["searched"],
        "search": {
            "run": proven.run if (proven := trail.last("gdpr.proven")) else None,
            "counts": dict(proven.counts) if proven else {},
            **{name: n for name, n in proof["coverage"].items() if name != "unseen"},
        },
        "decided_by": {
            "release": proof["version"],
            "policy_sha256": proof["policy"],
            "catalog_sha256": proof["catalog"],
        },
        "made_at": _at(now),
        "made_by_release": __version__,
    }


def _times(trail: Trail, erasure: Erased) -> dict[str, str | None]:
    return {
        "asked": _at(trail.asked),
        "deadline": _at(trail.deadline),
        "claimed": _at(_first(trail, "gdpr.claimed")),
        "erased": _at(erasure.erased_at),
        "proven": _at(erasure.proven_at),
    }


def _says(unseen: int, gaps: int) -> str:
    """Return the first sentence, which never says more than was looked at."""
    if not unseen and not gaps:
        return "Erased, and found nowhere: every place that was promised was inspected."
    said = "Erased, and found nowhere it was looked."
    if unseen:
        said += (
            f" NOT INSPECTED: {counted(unseen, 'place')}, listed first; nothing is known of them."
        )
    return said + (f" NOT ON RECORD: {counted(gaps, 'thing')}, listed beside." if gaps else "")


def _gaps(trail: Trail) -> Iterable[str]:
    if trail.last("gdpr.erased") is None:
        yield (
            "the ledger's lines of this erasure are not there any more, so that of what was changed only the rows of "
            "the person by table are known, and nothing of places outside the database"
        )
    for line in trail.unanswered:
        yield f"{line.event} at {line.target} was announced at {moment(line.at)}, and has no outcome"


def _counts(lines: Iterable[Line], event: str) -> dict[str, dict[str, int]]:
    """Return by target what was counted, over all nights that had a part in it."""
    found: dict[str, Counter[str]] = {}
    for line in lines:
        if line.event == event and line.kind != "intent":
            found.setdefault(line.target, Counter()).update(line.counts)
    return {target: dict(counts) for target, counts in sorted(found.items())}


def _outside(trail: Trail) -> list[dict[str, Any]]:
    """Return what went beyond the database. A run that was cut off there has deleted more than was counted."""
    found: list[dict[str, Any]] = []
    for event in ("gdpr.objects_deleted", "gdpr.payer_deleted"):
        for target, counts in _counts(trail.lines, event).items():
            kinds = [x.kind for x in trail.lines if (x.event, x.target) == (event, target)]
            cut = kinds.count("intent") > kinds.count("outcome")
            # The keys are those of the note, told anew by each run that deletes; the versions are those that went.
            keys = {k: n for k, n in _last_counts(trail, event, target).items() if k != "versions"}
            versions = {k: n for k, n in counts.items() if k == "versions"}
            found.append({"place": target, **keys, **versions, "at_least": cut})
    return found


def _last_counts(trail: Trail, event: str, target: str) -> Mapping[str, int]:
    every = [
        x.counts
        for x in trail.lines
        if (x.event, x.target) == (event, target) and x.kind == "outcome"
    ]
    return every[-1] if every else {}


def _recipients(trail: Trail) -> list[dict[str, Any]]:
    """Return who was told, and when they said that they had heard it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in trail.lines:
        if line.kind != "outcome" or line.event not in _TOLD:
            continue
        first = next(x for x in trail.lines if (x.event, x.target) == (line.event, line.target))
        found[line.event, line.target] = {
            "recipient": line.target,
            "told": _at(first.at),
            "at": _at(line.at),
            "how": _TOLD[line.event],
        }
    return list(found.values())


def _last(copies: tuple[Copies, ...]) -> dict[str, Any]:
    """Return the day on which the last copy ends, or why there is none."""
    if endless := [one.what for one in copies if one.endless]:
        return {"until": None, "why": f"No date can be said, because of {', '.join(endless)}"}
    days = [one.until for one in copies if one.until]
    if not days:
        return {
            "until": None,
            "why": "No copy that may hold the person is left, of those that the policy knows",
        }
    return {"until": _at(max(days)), "why": "the latest of the copies, if every run keeps its day"}


def _first(trail: Trail, event: str) -> datetime | None:
    return next((line.at for line in trail.lines if line.event == event), None)


def _at(moment_: datetime | None) -> str | None:
    return moment_.isoformat() if moment_ else None
