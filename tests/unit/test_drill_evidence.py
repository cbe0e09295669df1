"""Drills written down: signed, as JUnit of which nothing that did not pass looks green, and as a drawing over time."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit import render, report
from backups import evidence_of_drills as written
from backups import history, signed
from backups.wal_g import chapter
from lifecycle.errors import InputError, Unproven
from lifecycle.ledger.reading import Run
from lifecycle.system import System
from tests import build
from tests.unit.test_drill_history import AT, BOTH, GOOD, run
from tests.unit.test_report import facts
from tests.unit.test_wal_g_ends import policy

LIMIT = {
    "place": "pages their checksums",
    "why": "the source has none",
    "hint": "h",
    "kind": "limit",
}
AWAY = {
    "place": "table visits",
    "why": "the store did not answer",
    "hint": "try again",
    "kind": "trouble",
}


def told(number: int, **changed: Any) -> Run:
    from dataclasses import replace

    return replace(run(number, GOOD), **changed)


RUNS = (
    told(0),
    told(1, coverage={"unseen": [LIMIT], "promised": 3}),
    told(2, verdict="could not verify", coverage={"unseen": [AWAY], "promised": 3}),
    told(
        3,
        verdict="fail",
        failures=[{"target": "visits", "what": "1 row less \x00", "hint": "look"}],
    ),
    told(4, verdict=None, state="lost", finished_at=None, counts={}),
)


def clinic(directory: Path, *, key: bool = True) -> System:
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    own = {"signing_key": build.secret(directory, "signing.pem", pem.decode())} if key else {}
    return build.system("dbname=clinic", policy(), {"base": directory}, **own)


def document(system: System) -> dict[str, Any]:
    drills = history.tell(RUNS, BOTH)
    return written.document(system, RUNS, drills, BOTH, history.never(drills, BOTH), AT)


def test_it_says_of_each_drill_what_was_measured_and_is_signed(tmp_path: Path) -> None:
    system = clinic(tmp_path)
    whole = signed.sign(system, document(system))
    file = tmp_path / "drills.json"
    file.write_bytes(signed.spelled(whole))
    found = signed.check(system, file, written.SCHEMA, "list of drills")
    assert found == whole == json.loads(file.read_text())
    assert found["never_proven"] == ["dump"]
    first = found["drills"][-1]
    assert (first["rto_ms"], first["rpo_ms"], first["promises_kept"]) == (30_000, 61_000, True)
    assert [one["result"] for one in found["drills"]] == [
        "lost", "fail", "could not verify", "pass", "pass"
    ]  # fmt: skip
    file.write_bytes(signed.spelled(whole | {"made_at": "2026-11-23T07:00:00Z"}))
    with pytest.raises(Unproven):
        signed.check(system, file, written.SCHEMA, "list of drills")
    file.write_bytes(signed.spelled(whole))
    with pytest.raises(Unproven, match="is no certificate"):
        signed.check(system, file, "lifecycle.certificate.v1", "certificate")
    with pytest.raises(InputError):
        signed.sign(clinic(tmp_path, key=False), whole)


def test_in_junit_only_what_passed_is_green_and_only_a_limit_is_skipped(tmp_path: Path) -> None:
    text = written.junit(document(clinic(tmp_path)), "d" * 64)
    suites = ET.fromstring(text).findall("testsuite")
    counted = [
        tuple(int(suite.get(name, "")) for name in ("failures", "errors", "skipped"))
        for suite in suites
    ]
    assert counted == [(0, 1, 0), (2, 0, 0), (0, 2, 0), (0, 0, 1), (0, 0, 0)]
    assert suites[-1].get("time") == "120.000"
    assert int(suites[-1].get("tests", "")) == 4 == len(suites[-1].findall("testcase"))
    assert b"1 row less \xef\xbf\xbd" in text


def test_the_report_draws_how_long_coming_back_took_over_time() -> None:
    drills = history.tell([told(n, counts=GOOD | {"fetch_ms": 1_000 * n}) for n in range(9)], BOTH)
    made = facts()
    own = {"drills": drills, "promised": BOTH}
    found = chapter.chapter(made, own).document()
    assert [(one["kind"], one["key"]) for one in found["blocks"]] == [
        ("table", "recoveries"), ("trend", "rto"), ("trend", "rpo")
    ]  # fmt: skip
    rto = found["blocks"][1]
    assert [dot["ms"] for dot in rto["dots"]] == [10_000 + 1_000 * n for n in range(9)]
    drawn = render.trend(rto)
    assert [dot["x"] for dot in drawn["dots"]] == [112.5 * n for n in range(9)]
    assert drawn["promise"] is not None
    assert all(0 <= dot["y"] <= render.HIGH for dot in drawn["dots"])
    page = render.page(report.make(made) | {"chapters": [found]})
    assert page.count('<circle class="good"') == 18
    assert "WAL-G: until a copy answered (RTO)" in page
    assert "promised: 1 min 0 s" in page
    assert "9 measured: the last 18.0 s, the longest 18.0 s" in page


def test_a_drill_that_did_not_pass_is_square_and_a_promise_far_above_is_said_in_words() -> None:
    quick = {**GOOD, "fetch_ms": 10, "recover_ms": 10}
    drills = history.tell([told(0, counts=quick), told(1, counts=quick, verdict="fail")], BOTH)
    found = chapter.chapter(facts(), {"drills": drills, "promised": BOTH}).document()
    assert render.trend(found["blocks"][1])["promise"] is None
    page = render.page(report.make(facts()) | {"chapters": [found]})
    assert page.count('<rect class="bad"') == 2
    assert "promised are 1 min 0 s" in page
    assert "promised: 1 min 0 s" not in page


def test_what_was_measured_once_has_no_trend_and_a_drill_of_the_period_is_counted() -> None:
    made = facts()
    at = made.to - timedelta(hours=1)
    drills = history.tell([told(0, scheduled_for=at, finished_at=at)], BOTH)
    found = chapter.chapter(made, {"drills": drills, "promised": BOTH})
    assert found.sentence.startswith("1 drill was made to come back to a point in time; 1 proved")
    assert [block.document()["kind"] for block in found.blocks] == ["table"]
    assert chapter.chapter(made, {}).sentence == "The policy promises nothing of WAL-G."
