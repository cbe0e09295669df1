"""The daemon and its schedules on quiet days: many runs of one job, a pause that nobody saw."""

from tests.acceptance.stage import Stage


def test_the_next_run_of_a_job_begins_when_the_one_before_it_ends_and_not_at_the_next_tick(
    stage: Stage,
):
    stage.configure(tick="30 seconds", workers=3)
    stage.queue("nothing", count=4)
    daemon = stage.start("daemon", jobs={"nothing": {"does": "nothing"}})
    stage.until(lambda: {row[1] for row in stage.runs()} == {"finished"}, 15)
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
