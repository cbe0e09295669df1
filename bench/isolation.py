"""Ten systems of one daemon, eight of whose databases freeze at work.

Aims: the others' slots start within 5 s, /readyz and /metrics answer below 0.5 s and name the dark ones.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from bench.idle import cpu_seconds, resident_megabytes
from lifecycle import clock
from lifecycle.admin import install
from lifecycle.policy import load
from lifecycle.postgres import catalog, server
from lifecycle.postgres.server import Cluster

FROZEN = tuple(f"frozen{number}" for number in range(8))
WELL = ("well0", "well1")
SETTLED, IDLE, HUNG, ASKED = 15, 30, 60, 20
"""Seconds until a daemon has settled, that it idles, that eight databases are frozen; and how often a page is asked."""

_SCHEMA = "create table public.events (id bigint primary key, at timestamptz not null)"
_POLICY = """
system: {name}
database: {name}
retention:
  - {{table: events, after: 1 year, by: at, do: delete, because: a year is enough}}
schedule: {{retention.expire: "{cron}"}}
tables:
  events: {{personal: none, because: a measurement}}
"""
_NOON, _OFTEN = "0 12 * * *", "*/15 * * * * *"
_LATEST = """
    select coalesce(max(started_at - scheduled_for), interval '0'), count(*) from lifecycle.run
     where started_at > clock_timestamp() - make_interval(secs => %(seconds)s) and attempt = 1
"""
_WAITED = """
    select coalesce(max(clock_timestamp() - scheduled_for), interval '0') from lifecycle.run where state = 'queued'
"""


def measure() -> Iterator[str]:
    """Yield what systems cost that idle, and what the frozen ones cost the others."""
    binaries = server.find_binaries()
    with (
        server.temporary(binaries) as cold,
        server.temporary(binaries) as warm,
        tempfile.TemporaryDirectory() as directory,
    ):
        where = {name: _install(cold, name) for name in FROZEN}
        where |= {name: _install(warm, name) for name in WELL}
        place = Path(directory)
        one = _idle(place, {"well0": where["well0"]})
        ten = _idle(place, where)
        each = [(b - a) / (len(where) - 1) for a, b in zip(one, ten, strict=True)]
        yield f"each of {len(where)} idle systems: {each[0]:.2f} MB and {each[1]:.2%} of a core more than one alone"
        with _daemon(place, where, _OFTEN) as (_, port):
            time.sleep(SETTLED)
            _signal_all(cold, signal.SIGSTOP)
            try:
                time.sleep(HUNG)
                late = max(_latest(warm, name) for name in WELL)
                told = json.loads(_ask(port, "/readyz")[0])["systems"]
                pages = {page: _slowest(port, page) for page in ("/readyz", "/metrics")}
                figures = _ask(port, "/metrics")[0]
            finally:
                _signal_all(cold, signal.SIGCONT)
    dark = [name for name, words in told.items() if words and words["dark_since"] and words["why"]]
    down = [name for name in where if f'lifecycle_up{{system="{name}"}} 0.0' in figures]
    if not sorted(dark) == sorted(down) == sorted(FROZEN):
        raise RuntimeError(f"dark are {FROZEN}, not {dark} and {down}")
    yield f"{len(FROZEN)} of {len(where)} databases frozen: latest start of the others' slots {late:.1f} s (aim < 5 s)"
    for page, seconds in pages.items():
        yield f"{page}: {seconds:.3f} s at most of {ASKED} (aim < 0.5 s), names the {len(dark)} dark ones"


def _install(cluster: Cluster, name: str) -> str:
    """Make a database with a ledger; return the service's connection string."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(b"create database " + name.encode())
    with (
        psycopg.connect(cluster.dsn(name), autocommit=True) as admin,
        tempfile.TemporaryDirectory() as directory,
    ):
        admin.execute(_SCHEMA)
        policy = _write_policy(Path(directory), name, _NOON)
        install.install(admin, load.policy(policy)[0], catalog.read(admin), None)
    return make_conninfo(cluster.dsn(name), user="lifecycle")


def _write_policy(directory: Path, name: str, cron: str) -> Path:
    path = directory / f"{name}.yaml"
    path.write_text(_POLICY.format(name=name, cron=cron), encoding="utf-8")
    return path


@contextmanager
def _daemon(
    directory: Path, where: dict[str, str], cron: str
) -> Generator[tuple["subprocess.Popen[bytes]", int]]:
    """Run a daemon as shipped, but for these schedules; yield it and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    systems = {
        name: {"policy": str(_write_policy(directory, name, cron)), "dsn": dsn}
        for name, dsn in where.items()
    }
    settings = directory / "settings.yaml"
    settings.write_text(
        json.dumps(
            {"systems": systems, "daemon": {"listen": f"127.0.0.1:{port}", "drain": "1 second"}}
        )
    )
    daemon = subprocess.Popen(
        [sys.executable, "-m", "lifecycle", "daemon"],
        env=dict(os.environ) | {"LIFECYCLE_SETTINGS": str(settings)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield daemon, port
    finally:
        daemon.terminate()
        daemon.wait(timeout=120)


def _idle(directory: Path, where: dict[str, str]) -> tuple[float, float]:
    """Return megabytes and share of a core."""
    with _daemon(directory, where, _NOON) as (daemon, _):
        time.sleep(SETTLED)
        before = cpu_seconds(daemon.pid)
        time.sleep(IDLE)
        return resident_megabytes(daemon.pid), (cpu_seconds(daemon.pid) - before) / IDLE


def _signal_all(cluster: Cluster, number: int) -> None:
    postmaster = int((cluster.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    children = Path(f"/proc/{postmaster}/task").glob("*/children")
    for pid in (
        postmaster,
        *(int(pid) for file in children for pid in file.read_text(encoding="utf-8").split()),
    ):
        os.kill(pid, number)


def _latest(cluster: Cluster, name: str) -> float:
    """Return how many seconds after its slot the latest run started, or one waits, since the others froze."""
    with psycopg.connect(cluster.dsn(name)) as conn:
        row, waits = (
            conn.execute(_LATEST, {"seconds": HUNG}).fetchone(),
            conn.execute(_WAITED).fetchone(),
        )
    assert row is not None
    assert waits is not None
    if row[1] < HUNG / 15 / 2:
        raise RuntimeError(f"{name} started {row[1]} runs only")
    return max(row[0], waits[0]).total_seconds()


def _ask(port: int, page: str) -> tuple[str, float]:
    begun = clock.monotonic()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=60) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    return body.decode(), clock.monotonic() - begun


def _slowest(port: int, page: str) -> float:
    taken: Sequence[float] = [_ask(port, page)[1] for _ in range(ASKED)]
    return max(taken)
