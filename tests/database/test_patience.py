"""A server that is frozen and a channel that drips hold up nobody for long; children hear only what they need."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lifecycle import clock, rooms
from lifecycle.errors import Unreachable
from lifecycle.ledger.alert import Alert
from lifecycle.outside import environment
from lifecycle.postgres import connect, server
from lifecycle.postgres.server import Cluster
from lifecycle.running import worker
from lifecycle.settings.model import Alerts, Secret
from lifecycle.watch import alert, dark

SHORT = timedelta(seconds=2)


@pytest.fixture(scope="module")
def freezing() -> Iterator[Cluster]:
    with server.temporary(server.find_binaries()) as running:
        yield running


def signal_all(cluster: Cluster, number: int) -> None:
    postmaster = int((cluster.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task").glob("*/children")
    for pid in (postmaster, *(int(w) for file in children for w in file.read_text().split())):
        os.kill(pid, number)


@pytest.mark.parametrize("moment", ["connect", "statement", "commit"])
def test_a_frozen_server_is_waited_for_no_longer_than_our_patience(
    freezing: Cluster, moment: str
) -> None:
    conn = connect.connect(freezing.dsn(), "test", write=True, patience=SHORT)
    try:
        transaction = conn.transaction()
        transaction.__enter__()
        conn.execute("create temporary table t (a int)")
        signal_all(freezing, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises((psycopg.errors.ConnectionTimeout, Unreachable)):
            if moment == "connect":
                connect.connect(freezing.dsn(), "test", write=True, patience=SHORT)
            elif moment == "statement":
                conn.execute("select 1")
            else:
                transaction.__exit__(None, None, None)
        assert time.monotonic() - begun < 20
        assert moment == "connect" or conn.closed
    finally:
        signal_all(freezing, signal.SIGCONT)
        conn.close()


def test_the_process_of_a_run_hears_no_administrators_password_and_no_other_systems(
    vitalis: Any,
) -> None:
    system = vitalis.system
    own = system.settings.model_copy(update={"password": Secret(env="OWN")})
    chosen = type(system)(system.policy, system.policy_digest, own, system.machine)
    attack = {
        "LIFECYCLE_ADMIN_DSN": "password=x", "PGPASSWORD": "x", "OTHER": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "WEBHOOK": "x", "LIFECYCLE_ANYTHING": "x", "PYTHONSTARTUP": "x", "LD_PRELOAD": "x",
    }  # fmt: skip
    needed = {"PATH": "/bin", "OWN": "mine", "LIFECYCLE_SETTINGS": "f", "PGSSLROOTCERT": "c"}
    job = rooms.jobs(system.policy)[0]
    assert worker.hears(chosen, job, attack | needed) == needed
    assert "LIFECYCLE_ADMIN_DSN" not in environment.SETTINGS


def test_a_webhook_that_drips_is_left_after_its_time_and_stops_no_other_channel(
    tmp_path: Path,
) -> None:
    """One byte every 4 seconds: each wait for a byte is short, all of them together are not."""
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with listening, listening.accept()[0] as wire:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100:
                try:
                    wire.sendall(bytes([byte]))
                except OSError:
                    return
                time.sleep(4)

    threading.Thread(target=drip, daemon=True).start()
    url = tmp_path / "url"
    url.write_text(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    url.chmod(0o600)
    heard = tmp_path / "heard"
    channels = Alerts(webhook=Secret(file=str(url)), command=["/bin/sh", "-c", f"cat >> {heard}"])
    messages = [Alert(n, "s", None, None, "fail", f"m{n}", clock.now()) for n in (1, 2, 3)]
    begun = time.monotonic()
    assert alert.send(channels, messages) == {1: True, 2: True, 3: True}
    assert time.monotonic() - begun < 40
    assert all(f"m{n}" in heard.read_text() for n in (1, 2, 3))


def test_a_sender_is_ended_soon_after_the_daemon_must_leave(tmp_path: Path) -> None:
    channels = Alerts(command=["/bin/sleep", "60"])
    stop = threading.Event()
    stop.set()
    begun = time.monotonic()
    message = Alert(1, "s", None, None, "fail", "m", clock.now())
    assert alert.send(channels, [message], stop=stop) == {1: False}
    assert time.monotonic() - begun < 8


def test_systems_that_go_dark_together_are_one_message_and_one_when_they_are_back() -> None:
    now, every = clock.now(), timedelta(seconds=15)
    error = Unreachable("it is away", hint="Look.")
    gone = {f"s{n}": dark.Dark(now - timedelta(seconds=40 + n), error) for n in range(10)}
    told = dark.Told()
    assert dark.decide(told, {k: gone[k] for k in ("s0",)}, every, now) == ({}, {})  # not yet
    assert dark.decide(told, gone, every, now)[0] == gone
    told = dark.Told(dict(gone), now)
    assert dark.decide(told, gone, every, now + timedelta(hours=1)) == ({}, {})
    assert dark.decide(told, gone, every, now + timedelta(days=1))[0] == gone
    assert dark.decide(told, {}, every, now) == ({}, gone)
