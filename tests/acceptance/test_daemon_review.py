"""The daemon and its schedules on quiet days: many runs of one job, a pause that nobody saw."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

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
def switch(stage: Stage) -> Iterator[list[str]]:
    """The paths that a dead-man's switch hears, once the stage's settings name it."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True).start()
        secret = stage.directory / "switch"
        secret.write_text(f"http://127.0.0.1:{listening.server_port}/uuid")
        secret.chmod(0o600)
        file = stage.directory / "settings.yaml"
        settings = json.loads(file.read_text())
        settings["pings"] = {"daemon": {"file": str(secret)}}
        file.write_text(json.dumps(settings))
        yield heard
        listening.shutdown()


def test_a_daemon_that_reaches_no_database_does_not_say_outside_that_all_is_well(
    stage: Stage, switch: list[str]
):
    """It could alert nobody: alerts are rows of that database. So its silence must be what is heard."""
    closed = f"alter database {stage.database} connection limit"  # but for superusers
    with stage.admin() as conn:
        conn.execute(f"{closed} 0".encode())
        daemon = stage.start("daemon", jobs={"write": {}})
        stage.until(lambda: stage.logs().count("no tick") > 2)
        assert switch == []
        conn.execute(f"{closed} -1".encode())
    stage.until(lambda: "/uuid" in switch)
    daemon.terminate()
    assert stage.finish(daemon) == 0
