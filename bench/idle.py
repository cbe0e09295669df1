"""A daemon with nothing to do. Aims: below 100 MB of resident memory, below 1 % of a core."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from lifecycle import clock
from lifecycle.admin import install
from lifecycle.policy import load
from lifecycle.postgres import catalog, server
from lifecycle.sandbox import installation
from lifecycle.sandbox.installation import Place
from lifecycle.systems.vitalis.sample import SYSTEM

SECONDS = 60


def measure() -> Iterator[str]:
    """Yield resident memory and share of a core over a minute, after the daemon has settled."""
    with (
        server.temporary(server.find_binaries()) as cluster,
        tempfile.TemporaryDirectory() as directory,
    ):
        place = Place(Path(directory))
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute("create database vitalis")
        with psycopg.connect(cluster.dsn("vitalis"), autocommit=True) as admin:
            admin.execute(SYSTEM.schema)
            policy = load.policy(SYSTEM.policy)[0]
            install.install(admin, policy, catalog.read(admin), None)
        installation.write_policy(SYSTEM, place, clock.now())
        installation.write_settings(
            SYSTEM, place, cluster, "http://127.0.0.1:9", "http://127.0.0.1:9"
        )
        # As shipped: a tick every 15 seconds, with its HTTP endpoint.
        text = place.settings.read_text(encoding="utf-8")
        place.settings.write_text(
            text.replace("tick: 1 second", "tick: 15 seconds").replace(
                "listen:", "listen: 127.0.0.1:19877"
            ),
            encoding="utf-8",
        )
        environment = dict(os.environ) | {"LIFECYCLE_SETTINGS": str(place.settings)}
        daemon = subprocess.Popen(
            [sys.executable, "-m", "lifecycle", "daemon"],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(10)
            before = cpu_seconds(daemon.pid)
            time.sleep(SECONDS)
            used = cpu_seconds(daemon.pid) - before
            resident = resident_megabytes(daemon.pid)
        finally:
            daemon.terminate()
            daemon.wait(timeout=60)
    yield f"{resident:.0f} MB resident (aim < 100), {used / SECONDS:.2%} of a core (aim < 1 %) over {SECONDS} s"


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of a core so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Return the memory that a process holds. Raise RuntimeError when it is gone."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} is gone")
