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
    daemon = stage.start("daemon", jobs={"nothing": {"cron": "*/2 * * * * *", "catch_up": "all"}})
    done = "select count(*) from lifecycle.run where verdict = 'pass'"
    stage.until(lambda: stage.value(done) >= 8, 60)
    late = stage.value(
        "select max(started_at - scheduled_for) from lifecycle.run where verdict = 'pass'"
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
    assert max(took, scrape) < 3
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
