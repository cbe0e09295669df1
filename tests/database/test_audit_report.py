"""The daily report on a real ledger: its period, its evidence, and a second run of the same slot."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from audit import gather, jobs, render, report
from lifecycle.ledger import claims, evidence
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.system import System
from tests.conftest import Vitalis
from tests.keep import work

# The ledger stamps evidence with the server's clock: the tests of periods lean on the real time.


def clock_of(vitalis: Vitalis) -> datetime:
    with psycopg.connect(vitalis.admin) as conn:
        row = conn.execute("select clock_timestamp()").fetchone()
    assert row is not None
    return row[0]


def after(vitalis: Vitalis) -> datetime:
    """Return the next whole second: everything written so far lies before it."""
    return clock_of(vitalis).replace(microsecond=0) + timedelta(seconds=1)


def ran(vitalis: Vitalis, job: str, outcome: Outcome, at: datetime) -> Claim:
    claim = vitalis.claim(job, at)
    with vitalis.system.connect("test") as conn:
        evidence.record(
            conn, claim, "effect", "retention.deleted", "ingestion_jobs", counts={"rows": 3}
        )
        claims.finish(conn, claim, outcome)
    return claim


def write(vitalis: Vitalis, slot: datetime, now: datetime) -> tuple[Claim, Outcome]:
    claim = vitalis.claim("audit.report", slot)
    outcome = work(jobs.write_report, vitalis.system, claim, now)
    with vitalis.system.connect("test") as conn:
        claims.finish(conn, claim, outcome)
    return claim, outcome


def written(system: System, claim: Claim) -> tuple[Path, dict[str, object]]:
    directory = system.machine.path(system.machine.reports) / system.name
    (found,) = [path for path in directory.iterdir() if path.name.endswith(f"-{claim.id}")]
    return found, json.loads((found / "report.json").read_bytes())


def test_the_daily_report_shows_what_ran_and_is_on_the_ledger_with_its_digest(vitalis: Vitalis):
    now = clock_of(vitalis)
    failed = Outcome(
        Verdict.FAIL,
        "1 rule failed",
        {"overdue": 2},
        (Failure("ingestion_jobs", "locked", "Wait."),),
    )
    ran(vitalis, "retention.expire", failed, now - timedelta(hours=3))
    claim, outcome = write(vitalis, now - timedelta(minutes=1), after(vitalis))
    assert outcome.summary.startswith("1 run failed")
    directory, document = written(vitalis.system, claim)
    assert {path.name for path in directory.iterdir()} == {
        "report.json",
        "report.html",
        "manifest.json",
    }
    assert document["retention"] == {
        "ended": [{"table": "ingestion_jobs", "how": "deleted", "rows": 3}],
        "failed": 1, "still_overdue": 2, "without_a_date": None,
    }  # fmt: skip
    assert "locked" in (directory / "report.html").read_text()
    with psycopg.connect(vitalis.admin) as conn:
        row = conn.execute(
            "select target, digest, counts from lifecycle.evidence where event = 'audit.reported'"
        ).fetchone()
    assert row is not None
    assert (row[0], row[1]) == (
        directory.name,
        report.digest((directory / "report.json").read_bytes()),
    )
    assert row[2]["runs"] == 1


def test_a_report_takes_up_where_the_last_one_ended_and_loses_no_line(vitalis: Vitalis):
    now = clock_of(vitalis)
    first = ran(vitalis, "retention.expire", Outcome(Verdict.PASS, "ok"), now - timedelta(hours=3))
    claim, _ = write(vitalis, now - timedelta(minutes=2), after(vitalis))
    _, one = written(vitalis.system, claim)
    # A day later than it should be: nobody was there for three days.
    later = now + timedelta(days=3)
    since, to = gather.period(vitalis.system, 0, later, later)
    assert since.isoformat() == datetime.fromisoformat(one["period"]["to"]).isoformat()  # type: ignore[index,call-overload]
    assert to == later.replace(microsecond=0)
    again = gather.gather(vitalis.system, "0", 0, since, to)
    assert first.id not in {run.id for run in again.runs}
    assert [line.event for line in again.evidence if line.at < since] == []


def test_evidence_at_the_edge_belongs_to_exactly_one_of_two_periods(vitalis: Vitalis):
    now = clock_of(vitalis)
    claim = ran(vitalis, "retention.expire", Outcome(Verdict.PASS, "ok"), now)
    with psycopg.connect(vitalis.admin) as conn:
        row = conn.execute(
            "select at from lifecycle.evidence where run_id = %s", [claim.id]
        ).fetchone()
    assert row is not None
    edge, day = row[0], timedelta(days=1)
    before = gather.gather(vitalis.system, "0", 0, edge - day, edge)
    after_it = gather.gather(vitalis.system, "0", 0, edge, edge + day)
    assert (len(before.evidence), len(after_it.evidence)) == (0, 1)


def test_a_run_that_has_not_ended_is_in_every_report_until_it_has(vitalis: Vitalis):
    now = clock_of(vitalis)
    waiting = vitalis.claim("backups.dump", now - timedelta(days=9))
    found = gather.gather(vitalis.system, "0", 0, now - timedelta(days=1), now)
    assert [(run.id, run.state) for run in found.runs] == [(waiting.id, "running")]
    assert render.headline(report.make(found))["level"] == "open"


def test_the_same_slot_run_again_keeps_the_report_that_was_written(vitalis: Vitalis):
    now = clock_of(vitalis)
    claim = vitalis.claim("audit.report", now)
    work(jobs.write_report, vitalis.system, claim, after(vitalis))
    directory, _ = written(vitalis.system, claim)
    before = (directory / "report.json").read_bytes()
    work(jobs.write_report, vitalis.system, claim, now + timedelta(hours=5))
    assert (directory / "report.json").read_bytes() == before
    with psycopg.connect(vitalis.admin) as conn:
        rows = conn.execute(
            "select digest, counts from lifecycle.evidence where event = 'audit.reported'"
        ).fetchall()
    assert rows[0] == rows[1]


def test_a_report_names_the_tables_the_audit_log_does_not_hear_of(vitalis: Vitalis):
    now = clock_of(vitalis)
    capture = report.make(gather.gather(vitalis.system, "0", 0, now - timedelta(days=1), now))[
        "capture"
    ]
    assert capture["configured"]
    assert capture["captured"] + len(capture["not_captured"]) == capture["tables_of_people"]
    table = next(
        name
        for name in vitalis.system.policy.tables
        if name not in capture["not_captured"] and name == "users"
    )
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute(f"alter table {table} disable trigger user")  # pyright: ignore[reportArgumentType, reportCallIssue]
    less = report.make(gather.gather(vitalis.system, "0", 0, now - timedelta(days=1), now))[
        "capture"
    ]
    assert set(less["not_captured"]) - set(capture["not_captured"]) == {"users"}


def test_a_policy_without_an_audit_log_says_so(vitalis: Vitalis):
    system = replace(
        vitalis.system, policy=vitalis.system.policy.model_copy(update={"audit": None})
    )
    now = clock_of(vitalis)
    document = report.make(gather.gather(system, "0", 0, now - timedelta(days=1), now))
    assert document["capture"]["configured"] is False
    assert "The policy names no audit log" in render.page(document)


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_no_value_of_a_person_is_in_a_report(vitalis: Vitalis, name: str):
    now = clock_of(vitalis)
    ran(vitalis, "retention.expire", Outcome(Verdict.PASS, "ok"), now - timedelta(hours=3))
    claim, _ = write(vitalis, now - timedelta(minutes=1), after(vitalis))
    text = (written(vitalis.system, claim)[0] / name).read_text()
    with psycopg.connect(vitalis.admin) as conn:
        rows = conn.execute("select user_id::text, email, display_name from users").fetchall()
    assert rows
    assert [
        value for row in rows for value in row if value and len(value) > 5 and value in text
    ] == []
