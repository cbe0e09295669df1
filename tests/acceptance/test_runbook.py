"""The runbook "run-failed" with the real commands, a real ledger, a real worker, and somebody at the keyboard."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.admin import install
from lifecycle.policy import whole
from lifecycle.postgres import catalog
from tests import forked
from tests.waiting import wait_until

POLICY = "system: small\ndatabase: {database}\ntables: {{}}\n"
FAILED = """
    insert into lifecycle.run (system, job, scheduled_for, state, verdict, attempt, summary, finished_at)
    values ('small', 'audit.report', now() - interval '1 hour', 'finished', %s, 1, 'the disk was full', now()) returning id
"""


@dataclass
class Installation:
    """A small system of its own with one run that failed."""

    admin: str
    directory: Path
    run: int

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {"LIFECYCLE_SETTINGS": str(self.directory / "lifecycle.yaml")}

    def lifecycle(self, *words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        return forked.run(words, self.environment(), Path.cwd(), timeout=120, typed=typed)

    def state(self) -> Any:
        with psycopg.connect(self.admin) as conn:
            return conn.execute(
                "select state, verdict from lifecycle.run where id = %s", [self.run]
            ).fetchone()

    def walks(self) -> list[dict[str, Any]]:
        files = (self.directory / "reports" / "small" / "runbooks").glob("*.json")
        return [json.loads(file.read_bytes()) for file in sorted(files)]

    def results(self) -> list[tuple[str, str]]:
        (walk,) = self.walks()
        return [(entry["step"], entry["result"]) for entry in walk["entries"]]


@pytest.fixture
def installation(database: str, tmp_path: Path) -> Installation:
    name = str(conninfo_to_dict(database)["dbname"])
    policy = whole.model().model_validate({"system": "small", "database": name, "tables": {}})
    with psycopg.connect(database, autocommit=True) as admin:
        install.install(admin, policy, catalog.read(admin), None)
        row = admin.execute(FAILED, ["fail"]).fetchone()
    assert row is not None
    (tmp_path / "policy.yaml").write_text(POLICY.format(database=name))
    settings = {
        "systems": {
            "small": {"policy": "policy.yaml", "dsn": make_conninfo(database, user="lifecycle")}
        },
        "daemon": {"listen": None},
    }
    (tmp_path / "lifecycle.yaml").write_text(json.dumps(settings))
    return Installation(database, tmp_path, row[0])


@pytest.fixture
def worker(installation: Installation) -> Iterator[None]:
    with (installation.directory / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lifecycle", "worker"],
            env=installation.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        yield
        process.terminate()
        process.wait(timeout=60)


LOOK = "r\nr\ns\nnobody watches a test from outside\n"


@pytest.mark.slow
def test_a_person_walks_from_the_alert_to_a_run_that_passed(
    installation: Installation, worker: None
):
    walked = installation.lifecycle(
        "runbooks",
        "run",
        "run-failed",
        "--run",
        str(installation.run),
        typed=LOOK + "r\nthe disk has room\nr\nr\nr\ntold the team\n",
    )
    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert "the disk was full" in walked.stdout
    assert installation.state() == ("finished", "pass")
    assert [result for result in installation.results() if result[1] != "started"] == [
        ("series", "done"), ("look", "done"), ("doctor", "skipped"), ("decide", "done"), ("resume", "done"), ("watch", "done"), ("tell", "done"),
    ]  # fmt: skip
    assert "done" in installation.lifecycle("runbooks", "history").stdout
    assert installation.lifecycle("runbooks", "resume").returncode == 6


@pytest.mark.slow
def test_an_aborted_walk_has_changed_nothing_and_goes_on_where_it_stopped(
    installation: Installation, worker: None
):
    aborted = installation.lifecycle(
        "runbooks", "run", "run-failed", "--run", str(installation.run), typed=LOOK + "a\n"
    )
    assert aborted.returncode == 5
    assert "hint: `lifecycle runbooks resume` goes on from there." in aborted.stderr
    assert installation.state() == ("finished", "fail")
    resumed = installation.lifecycle(
        "runbooks", "resume", typed="r\nthe disk has room\nr\nr\nr\ntold\n"
    )
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "done before" in resumed.stdout
    assert installation.results().count(("look", "done")) == 1
    assert installation.state() == ("finished", "pass")


@pytest.mark.slow
def test_a_step_finds_the_settings_of_the_working_directory_as_the_walk_did(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(installation.directory)

    def without_settings(_: Installation) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "LIFECYCLE_SETTINGS"}

    monkeypatch.setattr(Installation, "environment", without_settings)
    words = ("runbooks", "run", "run-failed", "--run", str(installation.run))
    walked = installation.lifecycle(*words, typed="r\na\n")
    assert walked.returncode == 5, walked.stdout + walked.stderr
    assert installation.results() == [("series", "started"), ("series", "done")]


def test_nobody_at_the_keyboard_is_an_interruption_and_not_a_traceback(installation: Installation):
    ended = installation.lifecycle("runbooks", "run", "run-failed", "--run", str(installation.run))
    assert (ended.returncode, "Traceback" in ended.stderr) == (5, False)
    assert installation.state() == ("finished", "fail")


@pytest.mark.slow
def test_a_walk_killed_while_it_waits_says_so_when_it_is_resumed(installation: Installation):
    """Without a worker the resumed run stays queued, so the walk waits; it is killed there."""
    walk = subprocess.Popen(
        [sys.executable, "-m", "lifecycle", "runbooks", "run", "run-failed", "--run", str(installation.run)],
        env=installation.environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert walk.stdin is not None
    walk.stdin.write(LOOK + "r\nmended\nr\nr\n")
    walk.stdin.flush()
    try:
        wait_until(
            lambda: installation.walks() and installation.results()[-1:] == [("watch", "started")]
        )
    finally:
        walk.send_signal(signal.SIGKILL)
        walk.wait()
        walk.stdin.close()
    assert installation.state() == ("queued", None)
    resumed = installation.lifecycle("runbooks", "resume", typed="a\n")
    assert "its effect is not known" in resumed.stdout
    assert resumed.returncode == 5


@pytest.mark.slow
def test_without_a_person_it_stops_before_it_changes_anything_when_an_expectation_is_not_met(
    installation: Installation,
):
    with psycopg.connect(installation.admin, autocommit=True) as admin:
        admin.execute(
            "revoke insert on lifecycle.evidence from lifecycle"
        )  # for the doctor to find
    ended = installation.lifecycle(
        "runbooks", "run", "run-failed", "--run", str(installation.run), "--auto"
    )
    assert ended.returncode == 9, ended.stdout + ended.stderr
    assert "step 'doctor' did not end as expected" in ended.stderr
    assert installation.state() == ("finished", "fail")


def test_a_run_that_did_not_fail_has_no_runbook_and_one_that_is_unknown_is_not_found(
    installation: Installation,
):
    with psycopg.connect(installation.admin, autocommit=True) as admin:
        admin.execute("update lifecycle.run set verdict = 'pass' where id = %s", [installation.run])
    ended = installation.lifecycle("runbooks", "run", "run-failed", "--run", str(installation.run))
    assert (ended.returncode, "did not fail" in ended.stderr) == (4, True)
    assert (
        installation.lifecycle("runbooks", "show", "run-failed", "--run", "99999").returncode == 6
    )
    assert installation.walks() == []


def test_the_page_has_the_values_of_the_run(installation: Installation):
    page = installation.lifecycle(
        "runbooks", "show", "run-failed", "--run", str(installation.run)
    ).stdout
    assert f"$ lifecycle --system small runs resume {installation.run}" in page
    assert "the disk was full" in page
