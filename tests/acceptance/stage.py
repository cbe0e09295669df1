"""A stage for processes: a database with a ledger, settings on disk, daemons to start and kill."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from lifecycle import settings_file
from lifecycle.admin import logins
from lifecycle.postgres import ddl
from lifecycle.postgres.server import Cluster
from lifecycle.system import System
from tests import forked
from tests.forked import Started
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
EFFECT = """
    create table public.effect (
        id bigint generated always as identity primary key,
        job text not null, slot timestamptz not null, attempt integer not null, step integer not null,
        at timestamptz not null default clock_timestamp());
    grant select, insert on public.effect to lifecycle;
"""
POLICY = """
system: stage
database: {database}
timezone: {timezone}
tables:
  effect: {{personal: none, because: a test writes it}}
"""


def lay(conn: "psycopg.Connection[Any]") -> None:
    """Make the ledger and the table of effects."""
    conn.execute(logins.ROLES)
    conn.execute(logins.MAKE)
    for text in ddl.render(tuple(ddl.migrations(("lifecycle.ledger",)))):
        conn.execute(text.encode())
    conn.execute(EFFECT)


@dataclass
class Stage:
    """One database with a ledger, and the processes that a test starts on it."""

    cluster: Cluster
    database: str
    directory: Path
    started: list[Started] = field(default_factory=list[Started])
    _asking: "psycopg.Connection[Any] | None" = None
    _beside: "list[Stage]" = field(default_factory=list["Stage"])

    def __post_init__(self) -> None:
        with self.admin() as conn:
            if conn.execute("select to_regclass('public.effect')").fetchone() == (None,):
                lay(conn)  # it is no copy of one where that was done
        self.configure()

    def beside(self, cluster: Cluster, database: str, name: str) -> "Stage":
        """Return another stage, in a directory of this one's, that is closed with it."""
        directory = self.directory / name
        directory.mkdir()
        self._beside.append(Stage(cluster, database, directory))
        return self._beside[-1]

    def configure(self, *, timezone: str = "UTC", **daemon: object) -> None:
        """Write policy and settings; `daemon` changes the daemon's own."""
        dsn = self.dsn
        (self.directory / "policy.yaml").write_text(
            POLICY.format(database=self.database, timezone=timezone)
        )
        # A process of a run may be silent for four heartbeats, its beginning included: on a busy machine, seconds.
        spans = {"tick": "1 second", "heartbeat": "15 seconds", "drain": "10 seconds"}
        settings = {
            "systems": {"stage": {"policy": "policy.yaml", "dsn": dsn}},
            "daemon": {"workers": 2, "listen": None, **spans, **daemon},
        }
        (self.directory / "settings.yaml").write_text(json.dumps(settings))

    @property
    def dsn(self) -> str:
        """The service role's connection string."""
        return make_conninfo(self.cluster.dsn(self.database), user="lifecycle")

    def admin(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.cluster.dsn(self.database), autocommit=True)

    def system(self) -> System:
        """The system as this process sees it."""
        return settings_file.open(
            settings_file.settings_from(self.directory / "settings.yaml"), "stage"
        )

    def start(
        self,
        *words: str,
        jobs: Mapping[str, Mapping[str, object]],
        ahead: float = 0,
        stuck: bool = False,
        temporary: Path | None = None,
        steps: Path | None = None,
    ) -> Started:
        """Start `lifecycle WORDS` as a process of its own, with these jobs; its files without a name go to `temporary`.

        By how many seconds its host's clock is off says the file `steps`, at any time.
        """
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "LIFECYCLE_SETTINGS": str(self.directory / "settings.yaml"),
            "LIFECYCLE_TESTROOM": json.dumps(jobs),
            "LIFECYCLE_TEST_AHEAD": str(ahead),
            "LIFECYCLE_TEST_STUCK": "yes" if stuck else "",
            "LIFECYCLE_TEST_TEMPORARY": str(temporary or ""),
            "LIFECYCLE_TEST_STEPS": str(steps or ""),
        }
        log = (self.directory / f"log{len(self.started)}").open("wb")
        with log, Path(os.devnull).open("rb") as nothing:
            process = forked.start(
                words, environment, self.directory, (nothing, log, log), forked.TEST_ROOM
            )
        self.started.append(process)
        return process

    def finish(self, process: Started, patience: float = PATIENCE) -> int:
        """Wait for a process to leave and return its exit code."""
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {patience} s\n{self.logs()}") from None

    def run(self, *words: str, jobs: Mapping[str, Mapping[str, object]], ahead: float = 0) -> int:
        """Run a command to its end and return its exit code."""
        return self.finish(self.start(*words, jobs=jobs, ahead=ahead))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask on a connection that is kept, as most is asked again until it is so; lost with its server, a new one."""
        if self._asking is not None:
            with contextlib.suppress(psycopg.OperationalError):
                return self._asking.execute(statement.encode()).fetchall()
            self._asking.close()
        self._asking = self.admin()
        return self._asking.execute(statement.encode()).fetchall()

    def value(self, statement: str) -> Any:
        return self.rows(statement)[0][0]

    def runs(self) -> list[tuple[Any, ...]]:
        """Return (job without its room, state, verdict, attempt) in the order of the slots."""
        return self.rows(
            "select split_part(job, '.', 2), state, verdict, attempt from lifecycle.run order by scheduled_for, job"
        )

    def cover(self, until: datetime, jobs: Mapping[str, Mapping[str, object]]) -> None:
        """Let the jobs have been covered until that instant, as after a daemon that stopped then."""
        timezone = self.system().policy.timezone
        with self.admin() as conn:
            for name, job in jobs.items():
                conn.execute(
                    "insert into lifecycle.schedule (system, job, cron, timezone, covered_until) "
                    "values ('stage', %s, %s, %s, %s)",
                    (f"testroom.{name}", job.get("cron", "0 0 1 1 *"), timezone, until),
                )

    def queue(self, job: str, *, count: int = 1, since: datetime | None = None) -> None:
        """Put slots of a job on the ledger, a minute apart."""
        with self.admin() as conn:
            conn.execute(
                "insert into lifecycle.run (system, job, scheduled_for) "
                "select 'stage', %s, %s::timestamptz + n * interval '1 minute' from generate_series(1, %s) n",
                (f"testroom.{job}", since or datetime.now(UTC) - timedelta(hours=1), count),
            )

    def silent_for_long(self) -> None:
        """Let the run that is going be one whose process was silent for as long as it may be, and longer."""
        self.until(
            lambda: self.rows(
                "update lifecycle.run set lease = interval '1 ms' where id in "
                "(select id from lifecycle.run where state = 'running' for update skip locked) returning id"
            )
        )

    def until(self, what: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait until `what` is true and return it."""
        return wait_until(what, self.logs, patience=patience, forgive=psycopg.OperationalError)

    def told(self, event: str) -> int | None:
        """Return the pid of the process that told this on the ledger last."""
        rows = self.rows(
            f"select target from lifecycle.evidence where event = 'testroom.{event}' order by id desc limit 1"
        )
        return int(rows[0][0]) if rows else None

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text()}" for path in sorted(self.directory.glob("log*"))
        )

    def close(self) -> None:
        """End every process that is left, children of daemons included."""
        for other in self._beside:
            other.close()
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        if self.cluster.running():
            for (pid,) in self.rows(
                "select target::int from lifecycle.evidence where kind = 'finding' and target ~ '^[0-9]+$'"
            ):
                if _is_ours(pid):
                    os.kill(pid, signal.SIGKILL)
        if self._asking is not None:
            self._asking.close()


def _is_ours(pid: int) -> bool:
    try:
        return b"tests/acceptance/start.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
