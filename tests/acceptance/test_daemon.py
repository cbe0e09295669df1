"""The daemon on its good days: what is due runs once, on time, and the ledger tells it."""

import json
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.stage import Stage

SECONDS = {"cron": "* * * * * *", "catch_up": "all"}


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def midnights(count: int) -> datetime:
    """Return a moment before the last `count` midnights."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=count - 1, minutes=1)


def test_a_new_schedule_has_no_past(stage: Stage):
    assert stage.run("daemon", "--until-idle", jobs={"write": {"cron": "* * * * *"}}) == 0
    assert stage.runs() == []
    assert stage.value("select count(*) from lifecycle.schedule") == 1


def test_what_fell_due_during_an_absence_comes_out_by_each_jobs_rule(stage: Stage):
    jobs = {
        rule: {"cron": "0 0 * * *", "catch_up": rule, "max_lateness": 30 * 86400}
        for rule in ("last", "all", "none")
    } | {"late": {"cron": "0 0 * * *", "catch_up": "all", "max_lateness": 1}}
    stage.cover(midnights(3), jobs)
    assert stage.run("daemon", "--until-idle", jobs=jobs) == 0
    assert Counter(row[:3] for row in stage.runs()) == {
        ("last", "missed", None): 2,
        ("last", "finished", "pass"): 1,
        ("all", "finished", "pass"): 3,
        ("none", "missed", None): 3,
        ("late", "missed", None): 3,
    }
    # One alert per job that missed slots, not one per slot.
    alerts = stage.rows("select job from lifecycle.alert where kind = 'missed' order by job")
    assert [job for (job,) in alerts] == ["testroom.last", "testroom.late", "testroom.none"]
    assert stage.value("select count(*) from effect") == 4


@pytest.mark.slow
def test_three_daemons_on_one_ledger_run_every_slot_once(stage: Stage):
    rules = {"cron": "0 0 * * *", "catch_up": "all", "max_lateness": 30 * 86400}
    jobs = {f"job{n}": rules for n in range(3)}
    stage.configure(workers=1)
    stage.cover(midnights(3), jobs)  # whose number does not change while a busy machine starts them
    daemons = [stage.start("daemon", "--until-idle", jobs=jobs) for _ in range(3)]
    assert [stage.finish(daemon, 120) for daemon in daemons] == [0, 0, 0]
    runs = stage.runs()
    assert len(runs) == 9
    assert {row[1:] for row in runs} == {("finished", "pass", 1)}
    assert stage.rows("select job, slot from effect group by 1, 2 having count(*) <> 1") == []
    assert stage.value("select count(*) from effect") == 9


def test_a_run_starts_when_its_slot_comes_and_not_at_the_next_tick(stage: Stage):
    stage.configure(tick="20 seconds", workers=4)
    daemon = stage.start("daemon", jobs={"nothing": SECONDS | {"cron": "*/2 * * * * *"}})
    stage.until(
        lambda: stage.value("select count(*) from lifecycle.run where state = 'finished'") >= 2
    )
    daemon.send_signal(signal.SIGTERM)
    assert stage.finish(daemon) == 0
    late = stage.value("select max(queued_at - scheduled_for) from lifecycle.run")
    assert late < timedelta(seconds=10)


def test_on_an_autumn_night_the_repeated_slot_is_one_row(stage: Stage):
    stage.configure(timezone="Europe/Berlin")
    jobs = {"nothing": {"cron": "30 2 * * *", "catch_up": "all", "max_lateness": 10**9}}
    stage.cover(datetime(2025, 10, 25, 12, tzinfo=UTC), jobs)
    stage.run(
        "daemon", "--until-idle", jobs=jobs | {"nothing": jobs["nothing"] | {"catch_up": "none"}}
    )
    slots = stage.rows(
        "select scheduled_for from lifecycle.run where scheduled_for < '2025-10-27' order by 1"
    )
    assert [f"{slot:%d %H:%M}" for (slot,) in slots] == ["26 00:30"]


def test_a_paused_schedule_records_what_it_misses_with_the_reason(stage: Stage):
    jobs = {"write": {"cron": "0 0 * * *", "max_lateness": 30 * 86400}}
    stage.cover(midnights(2), jobs)
    assert stage.run("schedule", "pause", "testroom.write", "--because", "audit", jobs=jobs) == 0
    assert stage.run("daemon", "--until-idle", jobs=jobs) == 0
    assert {row[1] for row in stage.runs()} == {"missed"}
    assert "audit" in stage.value("select min(summary) from lifecycle.run")
    assert stage.value("select count(*) from lifecycle.alert") == 0


def test_a_removed_job_with_runs_that_wait_is_reported_and_not_run(stage: Stage):
    stage.cover(ago(minutes=1), {"former": {}})
    stage.queue("former")
    assert stage.run("daemon", "--until-idle", jobs={"write": {}}) == 0
    assert stage.runs() == [("former", "queued", None, 0)]
    assert (
        stage.value("select kind || ' ' || job from lifecycle.alert") == "removed testroom.former"
    )


def test_a_worker_takes_what_waits_and_plans_nothing(stage: Stage):
    jobs = {"write": {"cron": "* * * * *"}}
    stage.cover(ago(minutes=5), jobs)
    stage.queue("write")
    assert stage.run("worker", "--until-idle", jobs=jobs) == 0
    assert stage.runs() == [("write", "finished", "pass", 1)]


@pytest.mark.parametrize(
    ("does", "code", "verdict", "error_code"),
    [
        ("write", 0, "pass", None),
        ("unverified", 9, "could not verify", None),
        ("break", 1, "fail", 1),
        ("exit", 1, "fail", 1),
    ],
)
def test_run_ends_with_the_code_of_its_verdict(
    stage: Stage, does: str, code: int, verdict: str, error_code: int | None
):
    assert stage.run("run", "testroom.job", jobs={"job": {"does": does}}) == code
    assert stage.rows("select verdict, error_code, asked_by from lifecycle.run") == [
        (verdict, error_code, "person")
    ]
    told = json.dumps(stage.rows("select * from lifecycle.run"), default=str) + stage.logs()
    assert "carol" not in told


def test_another_scheduler_shares_the_slots_row_with_ours(stage: Stage):
    jobs = {"write": {"cron": "0 0 * * *", "catch_up": "all", "max_lateness": 30 * 86400}}
    slot = midnights(1) + timedelta(minutes=1)
    asked = ("run", "testroom.write", "--scheduled-for", slot.isoformat())
    assert stage.run(*asked, jobs=jobs) == 0
    assert stage.run(*asked, jobs=jobs) == 0  # already done
    stage.cover(midnights(1), jobs)
    assert stage.run("daemon", "--until-idle", jobs=jobs) == 0
    assert stage.runs() == [("write", "finished", "pass", 1)]
    assert stage.value("select count(*) from effect") == 1


def test_a_slot_that_failed_is_not_run_again_by_another_scheduler(stage: Stage):
    jobs = {"job": {"does": "break"}}
    asked = ("run", "testroom.job", "--scheduled-for", "2026-01-01T00:00Z")
    assert stage.run(*asked, jobs=jobs) == 1
    assert stage.run(*asked, jobs=jobs) == 7


@pytest.mark.parametrize("when", ["2026-01-01T00:00:30Z", "2126-01-01T00:00Z"])
def test_what_is_no_slot_or_has_not_come_is_not_run(stage: Stage, when: str):
    jobs = {"job": {"cron": "0 0 * * *"}}
    assert stage.run("run", "testroom.job", "--scheduled-for", when, jobs=jobs) == 2
    assert stage.runs() == []


DAY = 86400.0


def test_on_a_host_a_day_ahead_tomorrows_slot_is_not_run_today(stage: Stage):
    jobs = {"write": {"cron": "0 0 * * *"}}
    tomorrow = (midnights(1) + timedelta(days=1, minutes=1)).isoformat()
    asked = ("run", "testroom.write", "--scheduled-for", tomorrow)
    assert stage.run(*asked, jobs=jobs, ahead=DAY) == 2
    assert stage.runs() == []
    assert "has not come yet by the database's clock" in stage.logs()


def test_a_run_by_hand_on_a_host_a_day_ahead_bears_the_databases_time(stage: Stage):
    assert stage.run("run", "testroom.write", jobs={"write": {}}, ahead=DAY) == 0
    assert stage.value("select scheduled_for <= clock_timestamp() from lifecycle.run")


def test_a_server_that_was_unreachable_is_tried_again_later(stage: Stage):
    stage.queue("job")
    assert stage.run("daemon", "--until-idle", jobs={"job": {"does": "unreachable"}}) == 0
    assert stage.runs() == [("job", "finished", "pass", 2)]


def test_until_idle_says_that_a_run_did_not_pass(stage: Stage):
    stage.queue("job")
    assert stage.run("daemon", "--until-idle", jobs={"job": {"does": "break"}}) == 1
    assert stage.value("select kind from lifecycle.alert") == "fail"


def test_sigterm_waits_for_what_runs_and_claims_nothing_more(stage: Stage):
    jobs = {"job": {"does": "write", "seconds": 2}}
    stage.configure(workers=1)
    stage.queue("job", count=3)
    daemon = stage.start("daemon", jobs=jobs)
    stage.until(lambda: stage.runs()[0][1] == "running")
    daemon.send_signal(signal.SIGTERM)
    assert stage.finish(daemon) == 0
    assert [row[1] for row in stage.runs()] == ["finished", "queued", "queued"]
    assert stage.value("select count(*) from lifecycle.daemon where stopped_at is not null") == 1


def test_a_second_sigterm_cancels_what_runs_and_it_can_be_resumed(stage: Stage):
    stage.queue("job")
    daemon = stage.start("daemon", jobs={"job": {"does": "sleep", "seconds": 60}})
    stage.until(lambda: stage.told("asleep"))
    daemon.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.wait(0.5)
    daemon.send_signal(signal.SIGTERM)
    assert stage.finish(daemon, 40) == 0
    assert stage.rows("select state, error_code from lifecycle.run") == [("cancelled", 5)]
    run = str(stage.value("select id from lifecycle.run"))
    jobs = {"job": {"does": "write"}}
    assert stage.run("runs", "resume", run, jobs=jobs) == 0
    assert stage.run("worker", "--until-idle", jobs=jobs) == 0
    assert stage.runs() == [("job", "finished", "pass", 2)]


def test_drain_over_cancels_what_still_runs(stage: Stage):
    stage.configure(drain="1 second")
    stage.queue("job")
    daemon = stage.start("daemon", jobs={"job": {"does": "sleep", "seconds": 60}})
    stage.until(lambda: stage.told("asleep"))
    daemon.send_signal(signal.SIGTERM)
    assert stage.finish(daemon, 40) == 0
    assert stage.runs() == [("job", "cancelled", None, 1)]
    assert stage.value("select kind from lifecycle.alert") == "cancelled"
