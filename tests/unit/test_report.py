"""The compliance report as a document and as a page: what is counted, what is said, what never is."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import render, report
from audit.gather import Evidence, Facts, Request, Run
from lifecycle.errors import Refused

TO = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DUE = TO - timedelta(hours=6)


def run(
    number: int,
    job: str = "backups.dump",
    state: str = "finished",
    verdict: str | None = "pass",
    **changed: Any,
) -> Run:
    ended = DUE + timedelta(seconds=90) if state == "finished" else None
    made = Run(
        number,
        job,
        DUE,
        "schedule",
        state,
        verdict,
        1,
        DUE if ended else None,
        ended,
        "said <b>so</b>",
        [],
        {},
    )
    return replace(made, **changed)


def line(event: str, kind: str = "effect", target: str = "t", **changed: Any) -> Evidence:
    return replace(Evidence(1, "j", DUE, kind, event, target, None, {}, None), **changed)


def facts(*runs: Run, evidence: tuple[Evidence, ...] = ()) -> Facts:
    return Facts(
        "vitalis",
        "vitalis",
        "d" * 64,
        "0.1.0",
        9,
        TO - timedelta(days=1),
        TO,
        runs,
        evidence,
        None,
        True,
        30,
        (),
    )


def test_each_job_says_what_was_due_and_what_became_of_it():
    document = report.make(
        facts(
            run(1),
            run(2, verdict="fail"),
            run(3, verdict="could not verify"),
            run(4, state="missed", verdict=None),
            run(5, state="lost", verdict=None, attempt=3),
            run(6, state="running", verdict=None),
            run(7, asked_by="person"),
            run(8, job="audit.report", verdict="not configured"),
        )
    )
    expected = {
        "job": "backups.dump", "due": 6, "asked": 1, "passed": 2, "failed": 1, "could_not_verify": 1,
        "not_configured": 0, "missed": 1, "lost": 1, "cancelled": 0, "open": 1, "retried": 1,
    }  # fmt: skip
    assert document["jobs"][1] == expected
    assert document["verdicts"] == {
        "pass": 2,
        "fail": 1,
        "could not verify": 1,
        "not configured": 1,
    }


@pytest.mark.parametrize(
    ("runs", "level", "said"),
    [
        ((), "warn", "Nothing was due"),
        ((run(1),), "good", "Everything that was due in this period ran and passed."),
        ((run(1), run(2, verdict="fail")), "bad", "1 run failed"),
        ((run(1, state="missed", verdict=None),), "bad", "missed or lost"),
        ((run(1, verdict="could not verify"),), "warn", "could not verify"),
        ((run(1, state="queued", verdict=None),), "open", "had not ended"),
    ],
)
def test_the_headline_is_green_only_when_everything_passed(
    runs: tuple[Run, ...], level: str, said: str
):
    headline = render.headline(report.make(facts(*runs)))
    assert headline["level"] == level
    assert said in headline["text"]


def test_the_same_facts_make_the_same_bytes_and_other_facts_do_not():
    one = report.canonical(report.make(facts(run(1, counts={"b": 1, "a": 2}))))
    two = report.canonical(report.make(facts(run(1, counts={"a": 2, "b": 1}))))
    assert one == two
    assert one != report.canonical(report.make(facts(run(1, counts={"a": 2, "b": 2}))))


def test_rows_that_expired_are_summed_per_table_and_the_last_run_says_what_is_left():
    evidence = (
        line("retention.deleted", target="jobs", counts={"rows": 5000}),
        line("retention.deleted", target="jobs", counts={"rows": 12}),
        line("retention.cleared", target="wearable_daily", counts={"rows": 7}),
    )
    early = run(1, job="retention.expire", counts={"overdue": 40})
    late = run(
        2,
        job="retention.expire",
        counts={"overdue": 3, "without a date": 1},
        finished_at=DUE + timedelta(hours=1),
    )
    found = report.make(facts(late, early, evidence=evidence))["retention"]
    assert found["ended"] == [
        {"table": "jobs", "how": "deleted", "rows": 5012},
        {"table": "wearable_daily", "how": "cleared", "rows": 7},
    ]
    assert (found["still_overdue"], found["without_a_date"]) == (3, 1)


def test_an_announced_effect_without_an_outcome_is_counted_and_shown():
    evidence = (
        line("gdpr.closed", "intent", "stripe", reference="r1"),
        line("gdpr.closed", "outcome", "stripe", reference="r1"),
        line("gdpr.deleted", "intent", "documents", reference="r1"),
    )
    document = report.make(facts(run(1), evidence=evidence))
    assert document["completeness"]["effects_announced_without_outcome"] == 1
    assert document["erasures"][0]["announced_without_outcome"] == 1
    assert "no recorded outcome" in render.page(document)


def test_the_page_needs_nothing_from_outside_and_escapes_what_it_is_told():
    page = render.page(report.make(facts(run(1))))
    assert "said &lt;b&gt;so&lt;/b&gt;" in page
    assert not re.search(r"https?://|<script|@import|url\(|src=", page)


def test_the_page_carries_the_digest_of_its_json(tmp_path: Path):
    document = report.make(facts(run(1)))
    digest = render.write(tmp_path / "new" / "r", document)
    written = (tmp_path / "new" / "r" / "report.json").read_bytes()
    assert report.digest(written) == digest
    assert digest in (tmp_path / "new" / "r" / "report.html").read_text()
    sums = json.loads((tmp_path / "new" / "r" / "manifest.json").read_bytes())["sha256"]
    assert sums == {
        name: report.digest((tmp_path / "new" / "r" / name).read_bytes()) for name in render.FILES
    }
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["r"]


def test_a_complete_report_is_left_as_it_is_and_anything_else_in_its_place_is_refused(
    tmp_path: Path,
):
    first = render.write(tmp_path / "r", report.make(facts(run(1))))
    assert render.write(tmp_path / "r", report.make(facts(run(1), run(2)))) == first
    (tmp_path / "r" / "report.html").write_text("altered")
    with pytest.raises(Refused, match="something else than a complete report"):
        render.write(tmp_path / "r", report.make(facts(run(1))))


def test_runs_stand_at_their_due_time_and_late_ones_at_the_edge():
    document = report.make(facts(run(1), run(2, scheduled_for=TO - timedelta(days=3))))
    assert [mark["x"] for mark in render.timeline(document)[0]["marks"]] == [render.WIDTH * 0.75, 0]


def test_no_percentage_and_no_claim_of_compliance_is_on_the_page():
    text = re.sub(
        r"<style>.*?</style>", "", render.page(report.make(facts(run(1)))), flags=re.DOTALL
    )
    text = re.sub(r"<[^>]*>", "", text)
    assert "%" not in text
    assert not re.search(r"\bcompliant\b", text)
    assert "What this does not prove" in text


def test_requests_stand_against_their_legal_deadline_and_a_late_one_is_counted():
    day = timedelta(days=1)
    requests = (
        Request("done", DUE - 5 * day, DUE + 10 * day, answered=True, withdrawn=False),
        Request("late", DUE - 40 * day, DUE - 9 * day, answered=False, withdrawn=False),
        Request("grace", TO + day, TO + 2 * day, answered=False, withdrawn=False),
        Request("gone", DUE - 40 * day, DUE - 9 * day, answered=False, withdrawn=True),
    )
    evidence = (
        line("gdpr.claimed", reference="done"),
        line("gdpr.erased", reference="done", counts={"users": 1}),
        line("gdpr.proven", "finding", reference="done"),
        line("gdpr.claimed", reference="late"),
    )
    document = report.make(replace(facts(run(1), evidence=evidence), requests=requests))
    assert document["requests"] == {
        "answered": 1,
        "withdrawn": 1,
        "in_grace": 1,
        "due": 1,
        "past_deadline": 1,
    }
    done, late = document["erasures"]
    assert (done["days_before_deadline"], late["proven_at"], late["days_before_deadline"]) == (
        10,
        None,
        None,
    )
    assert "not proven" in render.page(document)


def test_a_drill_counts_as_equal_only_when_it_compared_and_found_nothing():
    drills = [
        line(
            "backups.drilled",
            "finding",
            "good",
            counts={"rows": 5, "tables": 1, "findings": 0, "restore_ms": 70},
        ),
        line("backups.drilled", "finding", "stale", counts={"rows": 5, "tables": 1, "findings": 1}),
        line("backups.drilled", "finding", "unreadable", counts={"findings": 1, "select_ms": 3}),
    ]
    document = report.make(facts(run(1), evidence=tuple(drills)))
    assert [drill["equal"] for drill in document["drills"]] == [True, False, False]
    page = re.sub(r"\s+", " ", render.page(document))
    assert "3 drills were made to restore one; 1 found every table equal" in page


def test_the_page_of_a_stored_document_is_the_page_that_was_written():
    document = report.make(facts(run(1), run(2, verdict="fail")))
    assert render.page(json.loads(report.canonical(document))) == render.page(document)
