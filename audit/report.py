"""Makes the compliance report from facts. Pure: the same facts make the same document, byte for byte.

Never sums up in a percentage: what was due stands against what was done, missed and failed. What a section
cannot show is said in it, and what the whole does not prove is said at its end.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from audit.gather import Evidence, Facts, Run
from lifecycle.outcome import Verdict

SCHEMA = "lifecycle.report.v1"
ENDED = ("finished", "lost", "missed", "cancelled")

NOT_PROVEN = (
    "That the policy is right or sufficient: the report holds what was done against what the policy says.",
    (
        "That the ledger was not altered by an administrator of the database: entries can only be added by the "
        "service, but a superuser can remove that protection. The digest of this report, kept elsewhere, would show it."
    ),
    "That nothing happened which the ledger was never told of, such as rows deleted by hand.",
    (
        "That an application wrote true values into its audit log, or that every change in it was captured: a "
        "table counts as captured when an enabled row trigger stands on it."
    ),
    "That copies made before an erasure are gone: older dumps hold the person until the bucket's rules expire them.",
    (
        "That a full recovery meets a time objective: a drill restores the newest dump on this machine, not the "
        "production server on its own."
    ),
)


def make(facts: Facts) -> dict[str, Any]:
    """Return the report as a document of plain values, ready for `canonical`."""
    return {
        "schema": SCHEMA,
        "system": facts.system,
        "database": facts.database,
        "period": {"from": _text(facts.since), "to": _text(facts.to)},
        "made_by": {"run": facts.own, "lifecycle": facts.version},
        "policy_digest": facts.policy_digest,
        "verdicts": _verdicts(facts.runs),
        "jobs": _jobs(facts.runs),
        "runs": [_run(run) for run in facts.runs],
        "partitions": _partitions(facts.evidence),
        "retention": _retention(facts),
        "requests": _requests(facts),
        "erasures": _erasures(facts),
        "dumps": _lines(facts.evidence, "backups.dumped", "outcome"),
        "drills": [
            drill | {"equal": "rows" in drill["counts"] and not drill["counts"].get("findings")}
            for drill in _lines(facts.evidence, "backups.drilled", "finding")
        ],
        "capture": {
            "configured": facts.audited,
            "tables_of_people": facts.tables_of_people,
            "captured": facts.tables_of_people - len(facts.not_captured) if facts.audited else 0,
            "not_captured": list(facts.not_captured),
        },
        "evidence": _evidence(facts.evidence),
        "completeness": _completeness(facts),
        "not_proven": list(NOT_PROVEN),
    }


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one way to write a document: sorted keys, no spaces, UTF-8, a newline at the end."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return (text + "\n").encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _verdicts(runs: Iterable[Run]) -> dict[str, int]:
    counted = Counter(run.verdict for run in runs if run.verdict is not None)
    return {verdict.value: counted[verdict.value] for verdict in Verdict}


def _jobs(runs: Iterable[Run]) -> list[dict[str, Any]]:
    by_job: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_job[run.job].append(run)
    return [_job(job, by_job[job]) for job in sorted(by_job)]


def _job(job: str, runs: list[Run]) -> dict[str, Any]:
    states, verdicts = Counter(run.state for run in runs), _verdicts(runs)
    return {
        "job": job,
        "due": sum(run.asked_by == "schedule" for run in runs),
        "asked": sum(run.asked_by == "person" for run in runs),
        "passed": verdicts["pass"],
        "failed": verdicts["fail"],
        "could_not_verify": verdicts["could not verify"],
        "not_configured": verdicts["not configured"],
        "missed": states["missed"],
        "lost": states["lost"],
        "cancelled": states["cancelled"],
        "open": sum(run.state not in ENDED for run in runs),
        "retried": sum(run.attempt > 1 for run in runs),
    }


def _run(run: Run) -> dict[str, Any]:
    took = None
    if run.started_at is not None and run.finished_at is not None:
        took = round((run.finished_at - run.started_at).total_seconds() * 1000)
    return {
        "id": run.id,
        "job": run.job,
        "due_at": _text(run.scheduled_for),
        "asked_by": run.asked_by,
        "state": run.state,
        "verdict": run.verdict,
        "attempt": run.attempt,
        "ended_at": _text(run.finished_at),
        "took_ms": took,
        "summary": run.summary,
        "failures": run.failures,
        "counts": run.counts,
    }


def _partitions(evidence: Iterable[Evidence]) -> list[dict[str, Any]]:
    return [
        {"partition": line.target, "at": _text(line.at), "run": line.run}
        for line in evidence
        if line.event == "partitions.created" and line.kind == "effect"
    ]


def _retention(facts: Facts) -> dict[str, Any]:
    """Return what ended per table, and what was overdue and still is, as the runs counted it afterwards."""
    ended: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for line in facts.evidence:
        if line.event.startswith("retention.") and line.kind == "effect":
            ended[line.target, line.event].update(line.counts)
    runs = [run for run in facts.runs if run.job.startswith("retention.")]
    latest = max(
        (run for run in runs if run.finished_at), key=lambda run: str(run.finished_at), default=None
    )
    return {
        "ended": [
            {"table": table, "how": event.partition(".")[2], "rows": counts["rows"]}
            for (table, event), counts in sorted(ended.items())
        ],
        "failed": sum(len(run.failures) for run in runs),
        "still_overdue": latest.counts.get("overdue") if latest else None,
        "without_a_date": latest.counts.get("without a date") if latest else None,
    }


def _requests(facts: Facts) -> dict[str, int] | None:
    """Return how the requests to be forgotten stood at the end of the period."""
    if facts.requests is None:
        return None
    waiting = [r for r in facts.requests if not r.answered and not r.withdrawn]
    return {
        "answered": sum(r.answered for r in facts.requests),
        "withdrawn": sum(r.withdrawn for r in facts.requests),
        "in_grace": sum(r.due > facts.to for r in waiting),
        "due": sum(r.due <= facts.to for r in waiting),
        "past_deadline": sum(r.due <= facts.to and r.deadline < facts.to for r in waiting),
    }


def _erasures(facts: Facts) -> list[dict[str, Any]]:
    """Return per reference what was recorded of it, in order, with what was counted."""
    by_reference: dict[str, list[Evidence]] = defaultdict(list)
    for line in facts.evidence:
        if line.event.startswith("gdpr.") and line.reference is not None:
            by_reference[line.reference].append(line)
    deadlines = {request.reference: request.deadline for request in facts.requests or ()}
    return [
        _erasure(reference, lines, deadlines.get(reference))
        for reference, lines in by_reference.items()
    ]


def _erasure(reference: str, lines: list[Evidence], deadline: datetime | None) -> dict[str, Any]:
    first: dict[str, datetime] = {}
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        if line.kind != "intent":
            first.setdefault(line.event, line.at)
            counted[line.event].update(line.counts)
    proven = first.get("gdpr.proven")
    return {
        "reference": reference,
        "claimed_at": _text(first.get("gdpr.claimed")),
        "erased_at": _text(first.get("gdpr.erased")),
        "proven_at": _text(proven),
        "deadline": _text(deadline),
        "days_before_deadline": (deadline - proven).days if deadline and proven else None,
        "steps": [
            {"event": event, "at": _text(at), "counts": dict(sorted(counted[event].items()))}
            for event, at in first.items()
        ],
        "announced_without_outcome": _unanswered(lines),
    }


def _unanswered(lines: Iterable[Evidence]) -> int:
    """Return how many announced effects outside the database have no outcome."""
    waiting: Counter[tuple[str, str]] = Counter()
    for line in lines:
        place = (line.event, line.target)
        if line.kind == "intent":
            waiting[place] = 1
        elif line.kind == "outcome":
            waiting[place] = 0
    return waiting.total()


def _lines(evidence: Iterable[Evidence], event: str, kind: str) -> list[dict[str, Any]]:
    return [
        {
            "target": line.target,
            "at": _text(line.at),
            "run": line.run,
            "digest": line.digest,
            "counts": line.counts,
        }
        for line in evidence
        if line.event == event and line.kind == kind
    ]


def _evidence(evidence: Iterable[Evidence]) -> list[dict[str, Any]]:
    counted = Counter((line.event, line.kind) for line in evidence)
    return [
        {"event": event, "kind": kind, "lines": lines}
        for (event, kind), lines in sorted(counted.items())
    ]


def _completeness(facts: Facts) -> dict[str, Any]:
    """Return what an auditor needs in order to see that nothing was left out of the lists."""
    return {
        "runs": len(facts.runs),
        "evidence_lines": len(facts.evidence),
        "effects_announced_without_outcome": _unanswered(facts.evidence),
        "rule_for_runs": "due or ended in the period, or not ended yet; this report's own run is left out",
        "rule_for_evidence": "written in the period, from its beginning up to but not including its end",
        "source": "tables lifecycle.run and lifecycle.evidence, read in one snapshot",
    }


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
