"""The daemon and its schedules on quiet days: many runs of one job, a pause that nobody saw."""

from collections.abc import Iterator

import pytest

from tests.acceptance.ear import Ear, listening, secret, settle
from tests.acceptance.stage import Stage


def test_the_next_run_of_a_job_begins_when_the_one_before_it_ends_and_not_at_the_next_tick(
    stage: Stage,
):
    stage.configure(tick="30 seconds", workers=3)
    stage.queue("nothing", count=4)
    daemon = stage.start("daemon", jobs={"nothing": {"does": "nothing"}})
    stage.until(lambda: {row[1] for row in stage.runs()} == {"finished"})
    daemon.terminate()
    assert stage.finish(daemon) == 0


def test_slots_of_a_pause_without_a_daemon_do_not_run_once_it_is_over(stage: Stage):
    jobs = {"write": {"cron": "0 0 * * *", "catch_up": "all", "max_lateness": 30 * 86400}}
    assert stage.run("schedule", "pause", "testroom.write", "--because", "audit", jobs=jobs) == 0
    with stage.admin() as conn:
        conn.execute("update lifecycle.schedule set covered_until = now() - interval '3 days'")
    assert stage.run("schedule", "resume", "testroom.write", jobs=jobs) == 0
    assert stage.run("daemon", "--until-idle", jobs=jobs) == 0
    assert {row[1] for row in stage.runs()} == {"missed"}
    assert stage.value("select bool_and(summary ~ 'audit') from lifecycle.run")


@pytest.fixture
def switch(stage: Stage) -> Iterator[Ear]:
    """A dead-man's switch that the stage's settings name."""
    with listening() as ear:
        settle(stage, pings={"daemon": secret(stage.directory, f"{ear.url}/uuid")})
        yield ear


def test_a_daemon_that_reaches_no_database_does_not_say_outside_that_all_is_well(
    stage: Stage, switch: Ear
):
    """It could alert nobody: alerts are rows of that database. So its silence must be what is heard."""
    closed = f"alter database {stage.database} connection limit"  # but for superusers
    with stage.admin() as conn:
        conn.execute(f"{closed} 0".encode())
        daemon = stage.start("daemon", jobs={"write": {}})
        stage.until(lambda: stage.logs().count("no tick") > 2)
        assert switch.paths() == []
        conn.execute(f"{closed} -1".encode())
    stage.until(lambda: "/uuid" in switch.paths())
    daemon.terminate()
    assert stage.finish(daemon) == 0
