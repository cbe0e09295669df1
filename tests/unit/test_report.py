"""The compliance report as a document and as a page: what is counted, what is said, what never is."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import render, report
from audit.headline import headline
from gdpr.chapter import Request
from gdpr.deadline import Open
from lifecycle.chapter import Facts
from lifecycle.config.span import Span
from lifecycle.errors import Refused
from lifecycle.ledger.reading import Evidence, Run
from lifecycle.rooms import ROOMS
from lifecycle.schedule.expected import Expected, ExpectedSlot, Grey
from retention import chapter as retention
from tests import toyroom

ROOT = Path(__file__).parents[2]

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
        None,
    )
    return replace(made, **changed)


def line(event: str, kind: str = "effect", target: str = "t", **changed: Any) -> Evidence:
    return replace(Evidence(1, "j", DUE, kind, event, target, None, {}, None), **changed)


def facts(
    *runs: Run,
    evidence: tuple[Evidence, ...] = (),
    schedule: dict[str, Expected] | None = None,
) -> Facts:
    """Return facts of a day; the schedule expected what ran, if nothing else is said."""
    due = {r.job: (ExpectedSlot(r.scheduled_for, None),) for r in runs} or {"backups.dump": ()}
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
        schedule or {job: Expected(slots, ()) for job, slots in due.items()},
        {
            "audit": {
                "configured": True,
                "tables_of_people": 30,
                "tables_unheard": 0,
                "not_captured": (),
            }
        },
    )


def rows(document: dict[str, Any], chapter: str, table: str) -> list[dict[str, Any]]:
    """Return the rows of one table of one chapter."""
    (found,) = [c for c in document["chapters"] if c["key"] == chapter]
    (block,) = [b for b in found["blocks"] if b["key"] == table]
    return block["rows"]


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
    found = headline(report.make(facts(*runs)))
    assert found["level"] == level
    assert said in found["text"]


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
        line("retention.moved", target="visits", counts={"rows": 3}),
        line("partitions.dropped", target="beats_2020", counts={"partitions": 1, "rows": 9}),
    )
    early = run(1, job="retention.expire", counts={"overdue": 40})
    late = run(
        2,
        job="retention.expire",
        counts={"overdue": 3, "without a date": 1},
        finished_at=DUE + timedelta(hours=1),
        coverage={
            "unseen": [
                {
                    "place": "copy materialised view seen",
                    "why": "it stays",
                    "hint": "",
                    "kind": "limit",
                },
                {"place": "leaf jobs", "why": "shut", "hint": "", "kind": "trouble"},
            ]
        },
    )
    found = report.make(facts(late, early, evidence=evidence))
    assert rows(found, "retention", "ended") == [
        {"table": "beats_2020", "how": "dropped", "rows": 9},
        {"table": "jobs", "how": "deleted", "rows": 5012},
        {"table": "visits", "how": "moved", "rows": 3},
        {"table": "wearable_daily", "how": "cleared", "rows": 7},
    ]
    assert (
        "5,028 rows or values reached the end of their time and were removed; 3 rows moved"
        in str(found)
    )
    (left,) = rows(found, "retention", "left")
    assert (left["still_overdue"], left["without_a_date"]) == (3, 1)
    assert rows(found, "retention", "copies") == [
        {"copy": "materialised view seen", "why": "it stays"}
    ]


def test_an_announced_effect_without_an_outcome_is_counted_and_shown():
    evidence = (
        line("gdpr.closed", "intent", "stripe", reference="r1"),
        line("gdpr.closed", "outcome", "stripe", reference="r1"),
        line("gdpr.deleted", "intent", "documents", reference="r1"),
    )
    document = report.make(facts(run(1), evidence=evidence))
    assert document["completeness"]["effects_announced_without_outcome"] == 1
    assert rows(document, "requests", "erasures")[0]["announced_without_outcome"] == 1
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


def test_what_a_person_said_of_a_request_is_told_and_is_no_work_on_it():
    evidence = (line("gdpr.extended", reference="slow"), line("gdpr.settled", reference="lost"))
    of_rooms = {"gdpr": {"requests": ()}}
    document = report.make(replace(facts(run(1), evidence=evidence), of_rooms=of_rooms))
    said = [(row["reference"], row["event"]) for row in rows(document, "requests", "by_hand")]
    assert said == [("slow", "gdpr.extended"), ("lost", "gdpr.settled")]
    assert rows(document, "requests", "erasures") == []


def test_requests_stand_against_their_legal_deadline_and_a_late_one_is_counted():
    day, grace = timedelta(days=1), Span.parse("7 days")

    def asked(when: datetime, due: datetime, *, begun: bool = False) -> Open:
        return Open("", "", None, begun, when, due, grace, Span.parse("30 days"))

    requests = (
        Request("done", asked(DUE - 20 * day, DUE - 5 * day), answered=True, withdrawn=False),
        Request("late", asked(DUE - 40 * day, DUE - 9 * day), answered=False, withdrawn=False),
        Request("grace", asked(TO - day, TO + day), answered=False, withdrawn=False),
        # The application's word is earlier than the policy's grace: nobody acts on it yet.
        Request("early", asked(TO - 6 * day, TO - 5 * day), answered=False, withdrawn=False),
        Request("begun", asked(TO - day, TO + day, begun=True), answered=False, withdrawn=False),
        Request("kept", asked(DUE - 40 * day, TO + day), answered=False, withdrawn=False),
        Request("gone", asked(DUE - 40 * day, DUE - 9 * day), answered=False, withdrawn=True),
        Request("dateless", None, answered=False, withdrawn=False),
    )
    evidence = (
        line("gdpr.claimed", reference="done"),
        line("gdpr.erased", reference="done", counts={"users": 1}),
        line("gdpr.proven", "finding", reference="done"),
        line("gdpr.claimed", reference="late"),
    )
    of_rooms = {"gdpr": {"requests": requests}}
    document = report.make(replace(facts(run(1), evidence=evidence), of_rooms=of_rooms))
    assert rows(document, "requests", "standing") == [
        {
            "answered": 1,
            "withdrawn": 1,
            "in_grace": 3,
            "due": 2,
            "past_deadline": 2,
            "undated": 1,
        }
    ]
    done, late = rows(document, "requests", "erasures")
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
    assert [drill["equal"] for drill in rows(document, "backups", "drills")] == [True, False, False]
    page = re.sub(r"\s+", " ", render.page(document))
    assert "3 drills were made to restore one; 1 found every table equal" in page


def test_the_page_of_a_stored_document_is_the_page_that_was_written():
    document = report.make(facts(run(1), run(2, verdict="fail")))
    assert render.page(json.loads(report.canonical(document))) == render.page(document)


def test_a_room_that_brings_a_chapter_is_in_the_json_and_on_the_page_without_an_edit_elsewhere(
    tmp_path: Path,
):
    told = replace(facts(run(1)), of_rooms={"lockers": {"lockers": 12_345}})
    assert "Lockers" not in render.page(report.make(told))
    with toyroom.brought(tmp_path):
        document = report.make(told)
        page = render.page(document)
    assert rows(document, "lockers", "emptied") == [
        {"locker": "north <1>", "keys": 12_345, "is": {"level": "good", "text": "empty"}}
    ]
    for said in (
        "Lockers", "0 lockers were emptied.", "north &lt;1&gt;", "12 345", "No key was lost.",
        "Some smelled of cheese.", "How long it took: 0.1 s", "sweep 0.1 s", "That nobody put something back.",
    ):  # fmt: skip
        assert said in page, said


def test_what_nobody_looked_at_is_named_with_its_job_its_reason_and_what_to_do():
    unseen = [{"place": "copy s3://a", "why": "no key is set", "hint": "Set it."}]
    coverage = {
        "promised": 3, "looked_at": 2, "found": 0, "not_looked_at": 1, "digest": "c" * 64, "unseen": unseen,
    }  # fmt: skip
    document = report.make(
        facts(
            run(1, verdict="could not verify", coverage=coverage),
            run(2, verdict="could not verify", coverage=coverage),
            run(3, state="lost", verdict=None),
        )
    )
    assert document["not_looked_at"] == [
        {
            "job": "backups.dump",
            "place": "copy s3://a",
            "why": "no key is set",
            "hint": "Set it.",
            "runs": 2,
            "newest": 2,
        }
    ]
    assert [r["coverage"] and r["coverage"]["digest"] for r in document["runs"]] == [
        "c" * 64,
        "c" * 64,
        None,
    ]
    page = render.page(document)
    section = page[page.index("What nobody looked at") : page.index("What was due, and")]
    for said in ("backups.dump", "copy s3://a", "no key is set", "Set it."):
        assert said in section
    assert "2 of 3 promised places looked at" in page
    assert "What nobody looked at" not in render.page(report.make(facts(run(1))))


def test_the_report_names_no_room():
    names = {room.rpartition(".")[2] for room in ROOMS} | {"drills", "erasure", "requests"}
    for file in (
        "report.py",
        "gather.py",
        "render.py",
        "attention.py",
        "headline.py",
        "templates/report.html",
    ):
        path = ROOT / "audit" / file
        text = path.read_text()
        text = text.replace("audit.report", "").replace("from audit", "").replace('"audit"', "")
        assert [name for name in names if re.search(rf"\b{name}\b", text)] == [], file


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("grey", "said"),
    [
        (Grey(TO - 30 * DAY, TO - DAY, "the ledger was not installed yet"), "not installed yet"),
        (Grey(TO, TO + 300 * DAY, "it has not come yet"), "it has not come yet"),
        (Grey(TO - DAY, TO, "no daemon has looked what was due"), "no daemon has looked"),
    ],
)
def test_time_of_which_nothing_is_known_is_grey_however_well_the_rest_went(grey: Grey, said: str):
    known = Expected((ExpectedSlot(DUE, None),), (grey,))
    document = report.make(facts(run(1), schedule={"backups.dump": known}))
    found = headline(document)
    assert found["level"] == "quiet"
    assert found["text"].startswith("Nothing is known of 20")
    assert said in found["text"]
    (part,) = document["unknown"]
    assert (part["why"], part["jobs"]) == (grey.why, ["backups.dump"])
    assert "What nothing is known of" in render.page(document)


def test_a_slot_that_was_expected_and_is_not_on_the_ledger_is_a_gap_and_never_green():
    slots = tuple(ExpectedSlot(DUE + timedelta(hours=hour), None) for hour in range(3))
    document = report.make(facts(run(1), schedule={"backups.dump": Expected(slots, ())}))
    found = headline(document)
    assert found["level"] == "bad"
    assert (
        "2 slots that the schedule expected are not on the ledger: backups.dump (2)"
        in found["text"]
    )
    (item,) = document["attention"]
    assert (item["what"], item["times"]) == ("not on the ledger", 2)
    (row,) = document["schedule"]
    assert (row["expected"], row["recorded"], row["passed"], row["not_recorded"]) == (3, 1, 1, 2)


@pytest.mark.parametrize(
    ("runs", "schedule"),
    [
        ((run(1, verdict="not configured"),), None),
        ((run(1, asked_by="person"),), {"backups.dump": Expected((), ())}),
        ((), {}),
    ],
)
def test_only_what_was_due_and_passed_is_green(
    runs: tuple[Run, ...], schedule: dict[str, Expected] | None
):
    document = report.make(
        replace(facts(*runs), schedule=schedule) if schedule is not None else facts(*runs)
    )
    assert headline(document)["level"] != "good"


def test_failures_come_first_by_name_with_cause_and_next_step():
    failure = {"target": "ingestion_jobs", "what": "it was locked", "hint": "Wait."}
    unseen = [{"place": "copy s3://a", "why": "no key is set", "hint": "Set it."}]
    document = report.make(
        facts(
            run(1),
            run(2, job="gdpr.erase", verdict="could not verify", coverage={"unseen": unseen}),
            run(3, job="retention.expire", verdict="fail", failures=[failure]),
            run(4, job="retention.expire", verdict="fail", failures=[failure]),
            run(
                5, job="backups.drill", state="lost", verdict=None, summary="its process was silent"
            ),
        )
    )
    assert [(i["what"], i["job"], i["runs"]) for i in document["attention"]] == [
        ("failed", "retention.expire", [3, 4]),
        ("lost", "backups.drill", [5]),
        ("could not verify", "gdpr.erase", [2]),
    ]
    assert document["attention"][2]["causes"] == [
        {"target": "copy s3://a", "what": "no key is set", "hint": "Set it."}
    ]
    text = headline(document)["text"]
    assert text.startswith(
        "3 runs failed, were missed or lost: retention.expire (run 4 and 1 more), backups.drill (run 5)."
    )
    assert "could not verify" in text
    page = render.page(document)
    first = page.index("What needs somebody")
    places = [
        page.index(said, first)
        for said in ("it was locked", "Wait.", "lifecycle runs resume 5", "no key is set")
    ]
    assert places == sorted(places)
    assert places[-1] < page.index("<h2>Verdicts") < page.index("In plain words")


def test_the_page_is_readable_on_a_phone_in_the_dark_and_on_paper():
    page = render.page(report.make(facts(run(1))))
    for said in (
        "width=device-width",
        "prefers-color-scheme: dark",
        "max-width: 720px",
        "@media print",
    ):
        assert said in page
    bare = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-f]{6}\b|hsl\(", bare), "a colour that the dark does not change"


def test_what_a_narrowed_plan_left_is_no_total_of_the_chapter() -> None:
    counts = {"overdue": 0, "without a date": 0}
    whole = run(1, "retention.expire", counts=counts)
    part = replace(whole, narrowed=True)
    assert retention.chapter(facts(whole), {}).sentence.endswith("; none is overdue.")
    assert retention.chapter(facts(part), {}).sentence.endswith(
        "; no retention run over all rules ended in this period."
    )
