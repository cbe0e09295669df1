"""What a reader must hear first: what failed, what was expected and nobody wrote down, what nobody knows. Pure.

Nothing is green by silence. A slot that was expected and is not on the ledger is a gap; a part of the period of which
the ledger can know nothing is named with the reason.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from lifecycle.chapter import Facts, text
from lifecycle.ledger.reading import Run

FAILED, GAP, LOST, MISSED = "failed", "not on the ledger", "lost", "missed"
UNSURE, CANCELLED = "could not verify", "cancelled"
GRAVE = (FAILED, LOST, MISSED, GAP)
"""What is worse than not knowing, the gravest first."""

_ORDER = (*GRAVE, UNSURE, CANCELLED)
_NEXT = {
    FAILED: "`lifecycle runs show {run}` says all of it; `lifecycle runs resume {run}` queues it again.",
    LOST: "`lifecycle runs show {run}` says how far it came; `lifecycle runs resume {run}` queues it again.",
    MISSED: "See that a daemon runs all day (`lifecycle check`); `lifecycle run {job}` runs it now.",
    GAP: "Look whether the ledger lost rows or the schedule was changed: `lifecycle runs list --job {job}`.",
    UNSURE: "`lifecycle runs show {run}` says what it looked at.",
    CANCELLED: "`lifecycle runs resume {run}` queues it again.",
}


def items(facts: Facts) -> list[dict[str, Any]]:
    """Return what went wrong, the gravest first: job, runs, each cause with what to do. Runs alike stand together."""
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    for run in facts.runs:
        what = _what(run)
        if what is None:
            continue
        causes = _causes(run, what)
        key = (_ORDER.index(what), run.job, json.dumps(causes))
        item = found.setdefault(key, _item(run.job, what, run.scheduled_for, causes))
        item["runs"].append(run.id)
        item["times"] += 1
        item["last"] = text(run.scheduled_for)
    for job, missing in gaps(facts):
        causes = [_cause("", "the schedule expected it, and the ledger has no run of it", GAP, job)]
        item = _item(job, GAP, missing[0], causes)
        item |= {"times": len(missing), "last": text(missing[-1])}
        found[_ORDER.index(GAP), job, ""] = item
    return [_filled(found[key]) for key in sorted(found)]


def gaps(facts: Facts) -> Iterator[tuple[str, tuple[datetime, ...]]]:
    """Yield each job with slots that were expected and are not on the ledger."""
    for job, expected in sorted(facts.schedule.items()):
        recorded = {run.scheduled_for for run in facts.runs if run.job == job}
        missing = tuple(slot.at for slot in expected.slots if slot.at not in recorded)
        if missing:
            yield job, missing


def schedule(facts: Facts) -> list[dict[str, Any]]:
    """Return per job how many slots were expected, are on the ledger, and passed."""
    rows: list[dict[str, Any]] = []
    for job, expected in sorted(facts.schedule.items()):
        verdicts = {run.scheduled_for: run.verdict for run in facts.runs if run.job == job}
        slots = [slot.at for slot in expected.slots]
        rows.append(
            {
                "job": job,
                "expected": len(slots),
                "recorded": sum(at in verdicts for at in slots),
                "passed": sum(verdicts.get(at) == "pass" for at in slots),
                "not_recorded": sum(at not in verdicts for at in slots),
                "paused": sum(slot.paused is not None for slot in expected.slots),
            }
        )
    return rows


def unknown(facts: Facts) -> list[dict[str, Any]]:
    """Return the parts of the period of which nothing can be known, with why and for which jobs, in order of time."""
    parts: dict[tuple[datetime, datetime, str], list[str]] = {}
    for job, expected in sorted(facts.schedule.items()):
        for grey in expected.grey:
            parts.setdefault((grey.since, grey.to, grey.why), []).append(job)
    if not facts.schedule:
        parts[facts.since, facts.to, "the ledger knows no schedule"] = []
    return [
        {"from": text(since), "to": text(to), "why": why, "jobs": jobs}
        for (since, to, why), jobs in sorted(parts.items())
    ]


def _what(run: Run) -> str | None:
    if run.verdict is not None:
        return {"fail": FAILED, "could not verify": UNSURE}.get(run.verdict)
    return run.state if run.state in (LOST, MISSED, CANCELLED) else None


def _causes(run: Run, what: str) -> list[dict[str, str]]:
    """Return why, with the next step: a failure's own words; a place that was not looked at; else the summary."""
    causes = [{key: f[key] for key in ("target", "what", "hint")} for f in run.failures]
    if what == UNSURE:
        unseen: Iterable[dict[str, str]] = (run.coverage or {}).get("unseen", ())
        causes += ({"target": p["place"], "what": p["why"], "hint": p["hint"]} for p in unseen)
    # A next step that names the run would keep runs alike apart: `_filled` names the newest of them.
    return causes or [_cause("", run.summary or "no reason was written down", what, run.job)]


def _filled(item: dict[str, Any]) -> dict[str, Any]:
    newest = str(item["runs"][-1]) if item["runs"] else ""
    causes = [c | {"hint": c["hint"].replace("{run}", newest)} for c in item["causes"]]
    return item | {"causes": causes}


def _cause(target: str, said: str, what: str, job: str) -> dict[str, str]:
    return {"target": target, "what": said, "hint": _NEXT[what].replace("{job}", job)}


def _item(job: str, what: str, first: datetime, causes: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "level": "bad" if what in GRAVE else "warn",
        "job": job,
        "what": what,
        "runs": list[int](),
        "times": 0,
        "first": text(first),
        "last": text(first),
        "causes": causes,
    }
