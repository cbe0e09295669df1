"""Makes the compliance report from facts. Pure: the same facts make the same document, byte for byte.

Never sums up in a percentage: what was due stands against what was done, missed and failed. What a section
cannot show is said in it, and what the whole does not prove is said at its end.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from audit import attention
from lifecycle import rooms
from lifecycle.chapter import Facts, text, unanswered
from lifecycle.ledger.reading import Evidence, Run
from lifecycle.outcome import Verdict

SCHEMA = "lifecycle.report.v2"
ENDED = ("finished", "lost", "missed", "cancelled")

NOT_PROVEN = (
    "That the policy is right or sufficient: the report sets what was done against what the policy says.",
    (
        "That the ledger was not altered by an administrator of the database: entries can only be added by the "
        "service, but a superuser can remove that protection. The digest of this report, kept elsewhere, would show it."
    ),
    "That nothing happened which the ledger was never told of, such as rows deleted by hand.",
)


def make(facts: Facts) -> dict[str, Any]:
    """Return the report as a document of plain values, ready for `canonical`."""
    chapters = [
        module.chapter(facts, facts.of_rooms.get(room, {}))
        for room, module in rooms.load("chapter")
    ]
    return {
        "schema": SCHEMA,
        "system": facts.system,
        "database": facts.database,
        "period": {"from": text(facts.since), "to": text(facts.to)},
        "made_by": {"run": facts.own, "lifecycle": facts.version},
        "policy_digest": facts.policy_digest,
        "attention": attention.items(facts),
        "unknown": attention.unknown(facts),
        "schedule": attention.schedule(facts),
        "verdicts": _verdicts(facts.runs),
        "jobs": _jobs(facts.runs),
        "runs": [_run(run) for run in facts.runs],
        "not_looked_at": _not_looked_at(facts.runs),
        "chapters": [chapter.document() for chapter in chapters],
        "evidence": _evidence(facts.evidence),
        "completeness": _completeness(facts),
        "not_proven": [*NOT_PROVEN, *(said for c in chapters for said in c.not_proven)],
    }


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one way to write a document: sorted keys, no spaces, UTF-8, a newline at the end."""
    written = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return (written + "\n").encode()


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
        "due_at": text(run.scheduled_for),
        "asked_by": run.asked_by,
        "state": run.state,
        "verdict": run.verdict,
        "attempt": run.attempt,
        "ended_at": text(run.finished_at),
        "took_ms": took,
        "summary": run.summary,
        "failures": run.failures,
        "counts": run.counts,
        "coverage": _counted(run.coverage),
    }


def _counted(coverage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a run's coverage without its places, which stand under `not_looked_at`."""
    return None if coverage is None else {k: v for k, v in coverage.items() if k != "unseen"}


def _not_looked_at(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return each place that runs promised and did not look at, once per reason: job, place, why, what to do."""
    found: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for run in runs:
        for place in (run.coverage or {}).get("unseen", ()):
            found[run.job, place["place"], place["why"], place["hint"]].append(run.id)
    return [
        {"job": job, "place": place, "why": why, "hint": hint, "runs": len(ids), "newest": ids[-1]}
        for (job, place, why, hint), ids in sorted(found.items())
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
        "effects_announced_without_outcome": unanswered(facts.evidence),
        "rule_for_runs": "due or ended in the period, or not ended yet; this report's own run is left out",
        "rule_for_evidence": "written in the period, from its beginning up to but not including its end",
        "source": "tables lifecycle.run and lifecycle.evidence, read in one snapshot",
    }
