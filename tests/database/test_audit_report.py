"""The daily report on a real ledger: its period, its evidence, and a second run of the same slot."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from audit import gather, jobs, render, report
from audit.coverage import coverage, of_people
from audit.headline import headline
from lifecycle import rooms as room_list
from lifecycle.coverage import Coverage, Judgement, Place, Reason, conclude
from lifecycle.ledger import claims, evidence
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.system import System
from tests import toyroom
from tests.conftest import Vitalis
from tests.keep import work

# The ledger stamps evidence with the server's clock: the tests of periods lean on the real time.


def over_time(document: dict[str, Any]) -> dict[str, str]:
    """Return the headline of the schedule alone: the sample has a table that is not captured, and late requests."""
    return headline(document | {"chapters": []})


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


def keeps(vitalis: Vitalis, since: datetime, covered: datetime, *, but: str | None = None) -> None:
    """Let the ledger be installed and a daemon begin at `since`; it kept all jobs but one hourly, up to `covered`."""
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute("update lifecycle.installation set created_at = %s", [since])
        conn.execute(
            "insert into lifecycle.daemon (id, host, pid, version, policy, started_at) "
            "values ('d', 'h', 1, '0', '', %s)",
            [since],
        )
        conn.execute(
            "insert into lifecycle.schedule (system, job, cron, timezone, covered_until) "
            "select 'vitalis', job, '0 * * * *', 'UTC', %s from unnest(%s::text[]) job",
            [covered, [job for job in offered(vitalis) if job != but]],
        )
        conn.execute(
            "insert into lifecycle.generation (system, policy, version, timezone, jobs, since, lives_until) "
            "select 'vitalis', '', '0', 'UTC', jsonb_object_agg(job, '0 * * * *'), %s, %s from unnest(%s::text[]) job",
            [since, covered, [job for job in offered(vitalis) if job != but]],
        )


def hourly(vitalis: Vitalis, since: datetime, to: datetime) -> None:
    """Let each job have run and passed at each hour with since < slot <= to."""
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute(
            "insert into lifecycle.run (system, job, scheduled_for, state, verdict, attempt, finished_at) "
            "select 'vitalis', job, at, 'finished', 'pass', 1, at + interval '1 minute' from unnest(%s::text[]) job, "
            "       generate_series(date_trunc('hour', %s::timestamptz) + interval '1 hour', %s, '1 hour') at",
            [offered(vitalis), since, to],
        )


def offered(vitalis: Vitalis) -> list[str]:
    return [job.name for job in room_list.jobs(vitalis.system.policy)]


def said_of(vitalis: Vitalis, since: datetime, to: datetime) -> tuple[str, str]:
    """Return level and text of the headline over a period."""
    found = over_time(report.make(gather.gather(vitalis.system, "0", 0, since, to)))
    return found["level"], found["text"]


def rows(document: dict[str, Any], chapter: str, table: str) -> list[dict[str, Any]]:
    """Return the rows of one table of one chapter."""
    (found,) = [c for c in document["chapters"] if c["key"] == chapter]
    (block,) = [b for b in found["blocks"] if b["key"] == table]
    return block["rows"]


def written(system: System, claim: Claim) -> tuple[Path, dict[str, Any]]:
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
    ended = [{"table": "ingestion_jobs", "how": "deleted", "rows": 3}]
    assert rows(document, "retention", "ended") == ended
    assert rows(document, "retention", "left") == [
        {"failed": 1, "still_overdue": 2, "on_hold": 0, "without_a_date": None}
    ]
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
    assert since.isoformat() == datetime.fromisoformat(one["period"]["to"]).isoformat()
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
    assert over_time(report.make(found))["level"] == "open"


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

    def capture() -> tuple[dict[str, Any], set[str]]:
        document = report.make(gather.gather(vitalis.system, "0", 0, now - timedelta(days=1), now))
        (counted,) = rows(document, "capture", "capture")
        return counted, {row["table"] for row in rows(document, "capture", "not_captured")}

    counted, missing = capture()
    assert counted["captured"] + len(missing) == counted["tables_of_people"]
    assert "users" in set(vitalis.system.policy.tables) - missing
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute("alter table users disable trigger user")
    _, less = capture()
    assert less - missing == {"users"}


def test_a_leaf_that_the_audit_log_does_not_hear_of_is_named_and_the_headline_is_not_green(
    vitalis: Vitalis,
):
    now = clock_of(vitalis)
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        (leaf,) = conn.execute(
            "select relid::regclass::text from pg_partition_tree('wearable_daily') where isleaf limit 1"
        ).fetchone() or ("",)
        conn.execute(sql.SQL("alter table {} disable trigger user").format(sql.Identifier(leaf)))
    document = report.make(gather.gather(vitalis.system, "0", 0, now - timedelta(days=1), now))
    assert leaf in {row["table"] for row in rows(document, "capture", "not_captured")}
    found = headline(document)
    assert found["level"] in ("warn", "bad")
    assert "What the audit log captures" in found["text"]


@pytest.mark.parametrize(
    "change",
    [
        "alter table users disable trigger audit",
        "alter table users enable replica trigger audit",
        (
            "create or replace trigger audit after update of email on users "
            "for each row execute function audit_trigger_fn()"
        ),
    ],
)
def test_a_trigger_that_does_not_hear_of_every_change_captures_nothing(
    vitalis: Vitalis, change: LiteralString
):
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute(change)
        found = coverage(conn, vitalis.system.policy)
    assert ("users", "users") in found


def test_a_policy_without_an_audit_log_says_so(vitalis: Vitalis):
    system = replace(
        vitalis.system, policy=vitalis.system.policy.model_copy(update={"audit": None})
    )
    now = clock_of(vitalis)
    document = report.make(gather.gather(system, "0", 0, now - timedelta(days=1), now))
    (capture,) = [c for c in document["chapters"] if c["key"] == "capture"]
    assert capture["sentence"] == "The policy names no audit log."
    assert "The policy names no audit log" in render.page(document)
    assert "users" in of_people(system.policy)  # all of them are listed, and none is heard of
    with system.connect("test") as conn:
        assert coverage(conn, system.policy) == ()


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


def test_a_room_reads_what_its_chapter_needs_in_the_snapshot_of_the_report(
    vitalis: Vitalis, tmp_path: Path
):
    now = clock_of(vitalis)
    with toyroom.brought(tmp_path / "rooms"):
        document = report.make(gather.gather(vitalis.system, "0", 0, now - timedelta(days=1), now))
    assert [row["keys"] for row in rows(document, "lockers", "emptied")] == [0]
    assert "Some smelled of cheese." in render.page(document)


def test_a_run_that_could_not_verify_names_its_places_and_its_coverage(vitalis: Vitalis):
    now = clock_of(vitalis)
    seen, unseen = Place("leaf", "a"), Place("copy", "s3://old")
    reason = Reason("no key is set", "Set `objects:`.")
    covered = Coverage(frozenset({seen, unseen}), frozenset({seen}), (), {unseen: reason})
    ran(vitalis, "retention.expire", conclude(Judgement(covered, "done")), now)
    document = report.make(
        gather.gather(vitalis.system, "0", 0, now - timedelta(days=1), now + timedelta(1))
    )
    (place,) = document["not_looked_at"]
    assert (place["job"], place["place"]) == ("retention.expire", "copy s3://old")
    assert (place["why"], place["hint"]) == (reason.why, reason.hint)
    (told,) = document["runs"]
    assert told["coverage"] == {**covered.counts(), "digest": covered.digest()}


def test_a_month_with_one_day_of_ledger_is_grey_and_that_day_alone_is_green(vitalis: Vitalis):
    now = clock_of(vitalis)
    began = now - timedelta(days=1)
    keeps(vitalis, began, now)
    hourly(vitalis, began, now)
    level, text = said_of(vitalis, now - timedelta(days=30), now)
    assert level == "quiet"
    assert "Nothing is known of" in text
    assert "the ledger was not installed yet" in text
    level, text = said_of(vitalis, began, now)
    assert (level, text) == ("good", "Everything that was due in this period ran and passed.")


def test_time_before_the_installation_and_time_in_the_future_are_grey(vitalis: Vitalis):
    now = clock_of(vitalis)
    keeps(vitalis, now - timedelta(days=1), now)
    for since, why in (
        (datetime(2020, 1, 1, tzinfo=UTC), "the ledger was not installed yet"),
        (now + timedelta(days=365), "it has not come yet"),
    ):
        level, text = said_of(vitalis, since, since + timedelta(days=31))
        assert level == "quiet", text
        assert why in text


def test_a_ledger_no_daemon_keeps_is_dark_and_grey(vitalis: Vitalis):
    now = clock_of(vitalis)
    level, text = said_of(vitalis, now - timedelta(hours=5), now)
    assert level == "quiet", text
    began, stopped = now - timedelta(days=2), now - timedelta(days=1)
    keeps(vitalis, began, stopped)
    hourly(vitalis, began, stopped)
    level, text = said_of(vitalis, began, now)
    assert level == "quiet"
    assert "no daemon has looked what was due" in text
    assert said_of(vitalis, began, stopped)[0] == "good"


def test_a_slot_whose_run_is_gone_from_the_ledger_is_told_as_a_gap(vitalis: Vitalis):
    now = clock_of(vitalis)
    began = now - timedelta(days=1)
    keeps(vitalis, began, now)
    hourly(vitalis, began, now)
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute(
            "delete from lifecycle.run where job = 'backups.dump' and scheduled_for = date_trunc('hour', %s - interval '5 hours')",
            [now],
        )
    level, text = said_of(vitalis, began, now)
    assert level == "bad"
    assert text.startswith(
        "1 slot that the schedule expected is not on the ledger: backups.dump (1)."
    )


def test_the_slot_of_the_report_itself_is_no_gap(vitalis: Vitalis):
    now = clock_of(vitalis)
    began = now - timedelta(hours=3)
    keeps(vitalis, began, now)
    hourly(vitalis, began, now)
    slot = now.replace(minute=0, second=0, microsecond=0)
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        conn.execute(
            "delete from lifecycle.run where job = 'audit.report' and scheduled_for = %s", [slot]
        )
    claim = vitalis.claim("audit.report", slot)
    found = gather.gather(vitalis.system, "0", claim.id, began, now)
    assert over_time(report.make(found))["level"] == "good"
    assert (
        over_time(report.make(gather.gather(vitalis.system, "0", 0, began, now)))["level"] == "open"
    )


def test_a_job_whose_schedule_no_daemon_keeps_is_grey(vitalis: Vitalis):
    now = clock_of(vitalis)
    began = now - timedelta(hours=3)
    keeps(vitalis, began, now, but="gdpr.erase")
    hourly(vitalis, began, now)
    document = report.make(gather.gather(vitalis.system, "0", 0, began, now))
    assert [(part["jobs"], part["why"]) for part in document["unknown"]] == [
        (["gdpr.erase"], "no daemon keeps the schedule of this job yet")
    ]
    assert over_time(document)["level"] == "quiet"
