"""One system's trouble stays its own: six frozen databases, and the other one's slots start on time."""

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from tests.acceptance.ear import Ear, listening, secret, settle
from tests.acceptance.stage import POLICY, Stage


@pytest.fixture
def frozen() -> Iterator[Cluster]:
    """A cluster of this test's own, whose processes are stopped while the test runs."""
    with server.temporary(server.find_binaries()) as running:
        yield running
        signal_all(running, signal.SIGCONT)


def signal_all(cluster: Cluster, number: int) -> None:
    postmaster = int((cluster.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task").glob("*/children")
    for pid in (postmaster, *(int(w) for file in children for w in file.read_text().split())):
        os.kill(pid, number)


def several(stage: Stage, others: dict[str, str], port: int | None) -> None:
    """Let the stage's settings name these systems too, before its own."""
    stage.configure(listen=f"127.0.0.1:{port}" if port else None)
    file = stage.directory / "settings.yaml"
    settings = json.loads(file.read_text())
    for number, (name, dsn) in enumerate(others.items()):
        policy = POLICY.format(database=f"d{number}", timezone="UTC")
        policy = policy.replace("system: stage", f"system: {name}")
        (stage.directory / f"{name}.yaml").write_text(policy)
        others_settings = {
            "policy": f"{name}.yaml",
            "dsn": f"{dsn} dbname=d{number} user=lifecycle",
        }
        settings["systems"] = {name: others_settings, **settings["systems"]}
    file.write_text(json.dumps(settings))


def ask(port: int, page: str) -> tuple[str, float]:
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=20) as answer:
            return answer.read().decode(), time.monotonic() - begun
    except urllib.error.HTTPError as error:
        return error.read().decode(), time.monotonic() - begun


@pytest.mark.slow
def test_six_frozen_databases_keep_neither_the_seventh_nor_a_monitor_waiting(
    stage: Stage, frozen: Cluster
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    where = f"host={frozen.directory}/socket port=5432"
    several(stage, {f"cold{n}": where for n in range(6)}, port)
    signal_all(frozen, signal.SIGSTOP)
    daemon = stage.start("daemon", jobs={"nothing": {"cron": "*/5 * * * * *", "catch_up": "all"}})
    done = "select count(*) from lifecycle.run where verdict = 'pass'"
    stage.until(lambda: stage.value(done) >= 5, 120)
    # The middle one: a busy machine is late once, who waits for frozen databases is late each time.
    late = stage.value(
        "select percentile_cont(0.5) within group (order by started_at - scheduled_for)"
        " from lifecycle.run where verdict = 'pass'"
    )
    stage.until(lambda: "did not answer in time" in ask(port, "/readyz")[0], 40)
    body, took = ask(port, "/readyz")
    scraped, scrape = ask(port, "/metrics")
    print(f"latest start {late}, /readyz {took:.3f} s, /metrics {scrape:.3f} s")  # noqa: T201
    told = json.loads(body)["systems"]
    assert told["stage"] is None
    assert all(told[f"cold{n}"]["dark_since"] for n in range(6))
    assert 'lifecycle_up{system="cold0"} 0.0' in scraped
    assert 'lifecycle_up{system="stage"} 1.0' in scraped
    assert late < timedelta(seconds=10)
    assert max(took, scrape) < 9  # who waited for a frozen database would wait 10 s
    assert daemon.poll() is None
    daemon.terminate()
    assert stage.finish(daemon) == 0


def test_until_idle_serves_the_others_and_ends_with_the_code_of_what_was_in_the_way(
    stage: Stage,
) -> None:
    several(stage, {"away": "host=/nonexistent"}, None)
    stage.queue("write", count=3)
    assert stage.run("daemon", "--until-idle", jobs={"write": {}}) == 8
    assert {row[1:3] for row in stage.runs()} == {("finished", "pass")}
    assert "1 of 2 systems could not be served" in stage.logs()


@pytest.mark.parametrize(
    "harm",
    [
        "alter database {} set default_transaction_read_only = on",
        "revoke insert, update on lifecycle.daemon from lifecycle",
    ],
)
def test_a_database_that_can_only_be_read_is_dark_and_somebody_is_told_by_another_way(
    stage: Stage, harm: str
) -> None:
    heard = stage.directory / "heard"
    file = stage.directory / "settings.yaml"
    settings = json.loads(file.read_text())
    settings["alerts"] = {"command": ["/bin/sh", "-c", f"cat >> {heard}; echo >> {heard}"]}
    file.write_text(json.dumps(settings))
    with psycopg.connect(stage.cluster.dsn(stage.database), autocommit=True) as admin:
        admin.execute(harm.format(stage.database).encode())
        daemon = stage.start("daemon", jobs={"write": {}})
        stage.until(lambda: heard.exists() and '"dark"' in heard.read_text(), 40)
        admin.execute("set default_transaction_read_only = off")
        admin.execute(
            f"alter database {stage.database} reset default_transaction_read_only".encode()
        )
        admin.execute("grant insert, update on lifecycle.daemon to lifecycle")
    stage.until(lambda: '"recovered"' in heard.read_text(), 40)
    daemon.terminate()
    assert stage.finish(daemon) == 0


@pytest.fixture
def ear(stage: Stage) -> Iterator[Ear]:
    """A webhook that hears the stage's alerts."""
    with listening() as open_ear:
        settle(stage, alerts={"webhook": secret(stage.directory, open_ear.url)})
        yield open_ear


def test_an_alert_the_ledger_does_not_take_holds_no_ending_and_is_told_by_another_way(
    stage: Stage, ear: Ear
) -> None:
    """Both by the process of the run, which ends it, and by the daemon, where that process was killed."""
    with stage.admin() as admin:
        admin.execute("revoke insert on lifecycle.alert from lifecycle")
    stage.queue("fails")
    stage.queue("dies")
    jobs = {
        "fails": {"does": "break"},
        "dies": {"does": "sleep", "seconds": 60, "retry_safe": False},
    }
    daemon = stage.start("daemon", jobs=jobs)
    os.kill(stage.until(lambda: stage.told("asleep")), signal.SIGKILL)
    stage.until(lambda: ear.alerts("fail") and ear.alerts("lost"))
    assert sorted(stage.runs()) == [("dies", "lost", None, 1), ("fails", "finished", "fail", 1)]
    daemon.terminate()
    assert stage.finish(daemon) == 0
    # Of one that was under way when the daemon left nobody knows whether it was heard: it is told again.
    assert {words["job"] for words in ear.alerts("fail")} == {"testroom.fails"}
    assert {words["job"] for words in ear.alerts("lost")} == {"testroom.dies"}
    assert stage.value("select count(*) from lifecycle.alert") == 0


def test_alerts_arrive_although_no_temporary_file_can_be_made(stage: Stage, ear: Ear) -> None:
    """That of a failed run, and the alarm of a dark system."""
    stage.queue("fails")
    jobs = {"fails": {"does": "break"}}
    daemon = stage.start("daemon", jobs=jobs, temporary=stage.directory / "full")
    stage.until(lambda: ear.alerts("fail"))
    with stage.admin() as admin:
        admin.execute("revoke insert, update on lifecycle.daemon from lifecycle")
    stage.until(lambda: ear.alerts("dark"), 40)
    daemon.terminate()
    assert stage.finish(daemon) == 0


def test_alerts_that_nobody_may_take_are_told_of_by_another_way(stage: Stage, ear: Ear) -> None:
    with stage.admin() as admin:
        admin.execute("revoke update on lifecycle.alert from lifecycle")
    stage.queue("fails")
    assert stage.run("daemon", "--until-idle", jobs={"fails": {"does": "break"}}) == 1
    (told,) = ear.alerts("undelivered")
    assert told["system"] == "stage"


def test_a_failing_alert_channel_leaves_a_line_in_the_log_that_says_which_alert(
    stage: Stage,
) -> None:
    settle(stage, alerts={"command": ["/bin/false"]})
    with stage.admin() as admin:
        admin.execute("revoke insert on lifecycle.alert from lifecycle")
    stage.queue("fails")
    assert stage.run("daemon", "--until-idle", jobs={"fails": {"does": "break"}}) == 1
    (line,) = [words for words in stage.logs().splitlines() if "alert.nobody_told" in words]
    told = json.loads(line)
    assert (told["job"], told["kind"], told["level"]) == ("testroom.fails", "fail", "error")


def test_a_system_whose_runs_hold_every_place_keeps_no_other_from_its_own(
    stage: Stage, frozen: Cluster
) -> None:
    with psycopg.connect(frozen.dsn(), autocommit=True) as admin:
        admin.execute("create database d0")
    slow = stage.beside(frozen, "d0", "slow")
    several(stage, {"slow": f"host={frozen.directory}/socket port=5432"}, None)
    settle(stage, daemon={"workers": 2, "listen": None, "tick": "1 second", "drain": "1 second"})
    jobs = {name: {"does": "sleep", "seconds": 90} for name in ("a", "b", "c")} | {"write": {}}
    for job in ("a", "b", "c"):
        slow.queue(job)
    slow.rows("update lifecycle.run set system = 'slow' returning id")
    daemon = stage.start("daemon", jobs=jobs)
    going = "select count(*) from lifecycle.run where state = 'running'"
    stage.until(lambda: slow.value(going) == 2)
    stage.queue("write", count=2)
    stage.until(lambda: [row[1:3] for row in stage.runs()] == [("finished", "pass")] * 2)
    assert slow.value(going) == 2
    daemon.terminate()
    assert stage.finish(daemon) == 0


def test_until_idle_delivers_every_alert_of_those_it_can_reach_until_none_is_left(
    stage: Stage, ear: Ear
) -> None:
    with psycopg.connect(stage.cluster.dsn(), autocommit=True) as admin:
        admin.execute(f"create database {stage.database}_two".encode())
    two = stage.beside(stage.cluster, f"{stage.database}_two", "two")
    file = stage.directory / "settings.yaml"
    settings = json.loads(file.read_text())
    policy = POLICY.format(database=two.database, timezone="UTC")
    for name, dsn in (("two", two.dsn), ("away", "host=/nonexistent")):
        (stage.directory / f"{name}.yaml").write_text(policy.replace("stage", name, 1))
        settings["systems"][name] = {"policy": f"{name}.yaml", "dsn": dsn}
    file.write_text(json.dumps(settings))
    alert = (
        "insert into lifecycle.alert (system, kind, message) "
        "select '{}', 'fail', 'm' || n from generate_series(1, 20) n returning id"
    )
    stage.rows(alert.format("stage"))
    two.rows(alert.format("two"))
    stage.queue("write")
    assert stage.run("daemon", "--until-idle", jobs={"write": {}}) == 8
    assert len(ear.alerts("fail")) == 40
    left = "select count(*) from lifecycle.alert where delivered_at is null"
    assert (stage.value(left), two.value(left)) == (0, 0)
    assert [row[1:3] for row in stage.runs()] == [("finished", "pass")]


def test_a_daemon_leaves_soon_although_its_webhook_drips(stage: Stage) -> None:
    with listening(drips=True) as ear:
        settle(stage, alerts={"webhook": secret(stage.directory, ear.url)})
        stage.rows(
            "insert into lifecycle.alert (system, kind, message) values ('stage', 'fail', 'm') returning id"
        )
        daemon = stage.start("daemon", jobs={"write": {}})
        stage.until(lambda: ear.heard)
        daemon.terminate()
        assert stage.finish(daemon, 30) == 0


def test_what_a_killed_daemon_had_taken_is_delivered_by_another(stage: Stage, ear: Ear) -> None:
    stage.rows(
        "insert into lifecycle.alert (system, kind, message) values ('stage', 'fail', 'm') returning id"
    )
    with listening(drips=True) as deaf:
        good = json.loads((stage.directory / "settings.yaml").read_text())["alerts"]
        settle(stage, alerts={"webhook": secret(stage.directory, deaf.url)})
        first = stage.start("daemon", jobs={"write": {}})
        stage.until(lambda: deaf.heard)
        first.kill()
        first.wait()
    settle(stage, alerts=good)
    lease = "select not_before - clock_timestamp() from lifecycle.alert"
    assert stage.value(lease) < timedelta(seconds=61)
    stage.rows("update lifecycle.alert set not_before = clock_timestamp() returning id")
    assert stage.run("daemon", "--until-idle", jobs={"write": {}}) == 0
    assert [words["message"] for words in ear.alerts("fail")] == ["m"]


def test_the_ping_of_a_system_stops_with_its_ticks_and_that_of_another_goes_on(
    stage: Stage,
) -> None:
    with listening() as ear:
        several(stage, {"away": "host=/nonexistent"}, None)
        pings = {
            name: secret(stage.directory, f"{ear.url}/{name}")
            for name in ("daemon", "away", "stage")
        }
        settle(stage, pings={"daemon": pings.pop("daemon"), "systems": pings})
        daemon = stage.start("daemon", jobs={"write": {}})
        stage.until(lambda: ear.paths().count("/stage") > 3 and "/daemon" in ear.paths())
        assert "/away" not in ear.paths()
        with stage.admin() as admin:
            admin.execute("revoke insert, update on lifecycle.daemon from lifecycle")
            stage.until(lambda: "no tick" in stage.logs().split('"system": "stage"', 1)[-1])
            stage.until(lambda: stopped(ear, "/stage"))
            admin.execute("grant insert, update on lifecycle.daemon to lifecycle")
        before = ear.paths().count("/stage")
        stage.until(lambda: ear.paths().count("/stage") > before)
        daemon.terminate()
        assert stage.finish(daemon) == 0


def stopped(ear: Ear, path: str) -> bool:
    """Say whether the others went on for three pings while this one was silent."""
    seen = ear.paths()
    last = max(n for n, heard in enumerate(seen) if heard == path)
    return seen[last:].count("/daemon") >= 3
