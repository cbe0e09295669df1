"""Writes the drills down for whoever audits them: one signed JSON of all of them, and JUnit for what reads that. Pure.

A drill that could not verify, was missed or was lost is an error in JUnit, and never a test that was skipped: most of
what reads it shows a skipped one as green. Only what the program itself does not look at yet is skipped.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from backups.history import Drilled
from backups.section import Backups
from lifecycle import __version__
from lifecycle.chapter import text
from lifecycle.ledger.reading import Run
from lifecycle.outcome import Verdict
from lifecycle.system import System

SCHEMA = "lifecycle.drills.v1"
FILES: tuple[str, str] = ("drills.json", "drills.xml")


def document(
    system: System,
    runs: Sequence[Run],
    drills: Sequence[Drilled],
    promised: Backups,
    never: Sequence[str],
    now: datetime,
) -> dict[str, Any]:
    """Return it, unsigned: what is promised, and of each drill its result, times, coverage and what it found."""
    by_number = {run.id: run for run in runs}
    walg = promised.wal_g
    return {
        "schema": SCHEMA,
        "system": system.name,
        "database": system.policy.database,
        "policy_digest": system.policy_digest,
        "made_at": text(now),
        "made_by": f"lifecycle {__version__}",
        "promised": {"rto": str(walg.rto), "rpo": str(walg.rpo), "window": str(walg.window)}
        if walg
        else None,
        "never_proven": list(never),
        "drills": [_drill(one, by_number[one.run]) for one in drills],
    }


def _drill(one: Drilled, run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "job": run.job,
        "of": one.of,
        "due_at": text(run.scheduled_for),
        "started_at": text(run.started_at),
        "ended_at": text(run.finished_at),
        "attempt": run.attempt,
        "result": one.ended,
        "summary": run.summary,
        "rto_ms": _ms(one.rto),
        "rpo_ms": _ms(one.rpo),
        "slower": one.slower,
        "promises_kept": one.kept,
        "phases_ms": dict(one.phases),
        "counts": dict(run.counts),
        "coverage": run.coverage,
        "failures": run.failures,
    }


def _ms(took: timedelta | None) -> int | None:
    return None if took is None else round(took / timedelta(milliseconds=1))


def junit(signed: Mapping[str, Any], digest: str) -> bytes:
    """Return the same for what reads JUnit, a suite of each drill. `digest` is that of the JSON beside it."""
    root = ET.Element("testsuites", name=f"drills of {signed['system']}")
    for drill in signed["drills"]:
        suite = ET.SubElement(
            root,
            "testsuite",
            name=f"{drill['of']} drill, run {drill['run']}",
            timestamp=(drill["ended_at"] or drill["due_at"]).removesuffix("Z"),
            time=_seconds(sum(drill["phases_ms"].values())),
        )
        told = {"drills.json": digest, "summary": drill["summary"] or "", "result": drill["result"]}
        properties = ET.SubElement(suite, "properties")
        for name, value in told.items():
            ET.SubElement(properties, "property", name=name, value=_printable(value))
        for case in _cases(drill):
            suite.append(case)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(name, str(sum(case.find(tag) is not None for case in suite)))
        suite.set("tests", str(sum(case.tag == "testcase" for case in suite)))
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _cases(drill: Mapping[str, Any]) -> Iterator[ET.Element]:
    yield _verdict(drill)
    for name, took in drill["phases_ms"].items():
        yield _case(drill, f"phase {name}", took)
    for failure in drill["failures"]:
        case = _case(drill, failure["target"])
        told = ET.SubElement(case, "failure", message=_printable(failure["what"]))
        told.text = _printable(failure["hint"])
        yield case
    covered: Mapping[str, Any] = drill["coverage"] or {}
    unseen: Sequence[Mapping[str, str]] = covered.get("unseen", ())
    for one in unseen:
        case = _case(drill, one["place"])
        limit = one.get("kind") == "limit"
        told = ET.SubElement(case, "skipped" if limit else "error", message=_printable(one["why"]))
        if not limit:
            told.text = _printable(one["hint"])
        yield case


def _verdict(drill: Mapping[str, Any]) -> ET.Element:
    """Return the drill as a test of its own: red unless it passed, whatever else stands there."""
    case, result = _case(drill, "verdict"), drill["result"]
    if result != Verdict.PASS:
        tag = "failure" if result == Verdict.FAIL else "error"
        ET.SubElement(case, tag, message=_printable(f"{result}: {drill['summary'] or ''}"))
    return case


def _case(drill: Mapping[str, Any], name: str, took: int = 0) -> ET.Element:
    return ET.Element(
        "testcase", classname=drill["job"], name=_printable(name), time=_seconds(took)
    )


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"


def _printable(text: str) -> str:
    """Return it without what XML has no word for: control characters."""
    return "".join(
        one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text
    )
