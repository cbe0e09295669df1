"""Knows how to make, run and remove a private PostgreSQL cluster in one directory.

The server listens on a Unix socket only, inside a directory that nobody but its owner and root may
enter; that directory is the lock on the door, so no password exists that could leak. As root the
server runs as an unprivileged account. It ends when the process that started it ends, however that
process dies. This module never touches a cluster it was not given by its directory.

    directory/            0700, owned by the server's account
        data/             PGDATA
        socket            a directory, or a link to a short one where the path is too long for a socket
        pg_hba.conf       ours, not the data directory's: a restored cluster may bring any rules
        log               what the server said, appended
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from lifecycle.errors import CommandFailed, Conflict, Refused
from lifecycle.postgres import door, postmaster
from lifecycle.postgres.binaries import (
    Binaries,
    find_binaries,
    last_lines,
)

__all__ = ["Binaries", "Cluster", "find_binaries", "temporary"]

READY = ("ready", "standby")  # a standby that takes queries counts: recovery drills wait for it
# For data that may vanish with the machine. A commit still outlives a kill of the server, because it
# is handed to the kernel (synchronous_commit stays on): crash tests may rely on that.
FAST = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """A private cluster: its directory and the programs that serve it.

    `Cluster.create` makes a new one; `Cluster(directory, binaries)` takes up one that is there,
    for instance a data directory restored from a backup.
    """

    directory: Path
    binaries: Binaries
    superuser: str = "postgres"

    @classmethod
    def create(
        cls,
        directory: Path,
        binaries: Binaries,
        *,
        settings: Mapping[str, str] | None = None,
        fast: bool = False,
        superuser: str = "postgres",
    ) -> "Cluster":
        """Make a new, stopped cluster with data checksums, UTF-8 and the C locale.

        `settings` go to its postgresql.conf. `fast` gives up durability: for tests only.
        Raise Conflict if the directory is not empty, Refused if the server's account cannot reach
        it, CommandFailed if initdb fails (nothing is left behind then).
        """
        cluster = cls(directory.absolute(), binaries, superuser)
        if directory.exists() and any(directory.iterdir()):
            raise Conflict(f"{directory} is not empty", hint="Name a new or an empty directory.")
        door.make(cluster.directory)
        command = ("--data-checksums", "--encoding=UTF8", "--locale-provider=libc", "--locale=C")
        command += ("--auth-local=trust", "--auth-host=reject", f"--username={superuser}")
        command += ("--no-instructions",) + (("--no-sync",) if fast else ())
        try:
            cluster.run("initdb", *command, "-D", str(cluster.data), timeout=180)
        except BaseException:
            shutil.rmtree(cluster.directory, ignore_errors=True)
            raise
        chosen = {"timezone": "UTC", "log_timezone": "UTC"} | (FAST if fast else {})
        with (cluster.data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(
                f"{name} = {_quoted(value)}\n"
                for name, value in (chosen | dict(settings or {})).items()
            )
        return cluster

    @classmethod
    def empty(cls, directory: Path, binaries: Binaries, superuser: str = "postgres") -> "Cluster":
        """Make a private directory with an empty data directory of the server's account: a backup is unpacked there.

        Raise Conflict if the directory is there, Refused if the server's account cannot reach it.
        """
        cluster = cls(directory.absolute(), binaries, superuser)
        if directory.exists():
            raise Conflict(f"{directory} is there already", hint="Name a new directory.")
        door.make(cluster.directory)
        cluster.data.mkdir(mode=0o700)
        door.give(cluster.data)
        return cluster

    @property
    def data(self) -> Path:
        """The data directory (PGDATA)."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The file the server writes its messages to."""
        return self.directory / "log"

    def start(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        outlives_us: bool = False,
        timeout: int = 60,
    ) -> None:
        """Start the server and return when it takes queries; do nothing if it already does.

        `settings` hold for this run and win over every configuration file. The server sees of our
        environment only PATH, plus `environment` (for archive and restore commands). It is stopped
        when this process ends unless it `outlives_us`. `timeout` is in seconds. Raise CommandFailed
        with the end of the server's log if it does not come up; nothing is left running then.
        """
        door.make(self.directory)
        with self._alone():
            if postmaster.status(self.data) in READY:
                return
            postmaster.kill(self.data)  # what a starter that was killed left half-started
            postmaster.forget_stale_locks(self.data, door.sockets(self.directory))
            said_before = self.log.stat().st_size if self.log.exists() else 0
            if not outlives_us:
                # Before the start, so that no moment is left in which we could die unnoticed.
                postmaster.watch(self.data, self.binaries)
            command = ("start", "-w", "-t", str(timeout), "-D", str(self.data), "-l", str(self.log))
            command += ("-o", self._options(settings or {}))
            try:
                self.binaries.run(
                    "pg_ctl", *command, cwd=self.directory, extra=environment, timeout=timeout + 10
                )
            except CommandFailed as error:
                postmaster.kill(self.data)
                postmaster.release(self.data)
                raise CommandFailed(
                    f"the PostgreSQL server in {self.directory} did not start"
                    + self._said_since(said_before),
                    hint=f"The whole log is {self.log}.",
                ) from error

    def _options(self, settings: Mapping[str, str]) -> str:
        """Return the server's command line: what nobody may override, and this run's settings."""
        ours = {
            "listen_addresses": "",
            "port": str(door.PORT),
            "unix_socket_directories": str(door.sockets(self.directory)),
            "unix_socket_permissions": "0700",
            "hba_file": str(self.directory / "pg_hba.conf"),
            "logging_collector": "off",
        }
        return shlex.join(
            word
            for name, value in (dict(settings) | ours).items()
            for word in ("-c", f"{name}={value}")
        )

    def _said_since(self, position: int) -> str:
        """Return the end of what the server logged after this byte position."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(position)
            return last_lines(log.read())
        return ""

    def stop(self, mode: str = "fast", *, timeout: int = 60) -> None:
        """Stop the server (`smart`, `fast` or `immediate`); do nothing if it is not running.

        `timeout` is in seconds. Raise CommandFailed if it is still there afterwards.
        """
        if self.running():
            command = ("stop", "-w", "-t", str(timeout), "-D", str(self.data), "-m", mode)
            self.run("pg_ctl", *command, timeout=timeout + 10)
        postmaster.release(self.data)

    def kill(self) -> None:
        """Take all its processes away at once, as a power cut would; the pid file stays behind."""
        postmaster.kill(self.data)
        postmaster.release(self.data)

    def running(self) -> bool:
        """Say whether a server runs on this data directory, ready or not."""
        return postmaster.pid_of(self.data) is not None

    def destroy(self) -> None:
        """Stop the server and remove the directory; do nothing if it is gone already.

        Raise Refused if the directory holds no cluster.
        """
        if not self.directory.exists():
            return
        if not door.is_ours(self.directory):
            raise Refused(
                f"{self.directory} does not hold a cluster of ours, so it is not removed",
                hint="Look at it and remove it by hand.",
            )
        # Not by a kill where it can be helped: a killed server leaves shared memory behind.
        with contextlib.suppress(CommandFailed):
            self.stop("immediate", timeout=20)
        self.kill()
        door.remove_sockets(self.directory)
        # The rules go last: by them a removal that was cut short and is repeated knows the rest as ours.
        if self.data.exists():
            shutil.rmtree(self.data)
        shutil.rmtree(self.directory)

    def dsn(self, dbname: str = "postgres", user: str | None = None) -> str:
        """Return the connection string: no password, because the directory is the lock."""
        host = str(door.sockets(self.directory))
        return make_conninfo(host=host, port=door.PORT, dbname=dbname, user=user or self.superuser)

    def run(self, tool: str, *arguments: str, timeout: float = 600) -> str:
        """Run one of PostgreSQL's programs as the server's account and return what it printed.

        Relative paths count from the cluster's directory; `timeout` is in seconds. Raise
        CommandFailed with the last lines it wrote if it fails or takes longer.
        """
        return self.binaries.run(tool, *arguments, cwd=self.directory, timeout=timeout)

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        """Hold off every other process that wants to start or stop this cluster."""
        handle = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


@contextlib.contextmanager
def temporary(
    binaries: Binaries, *, settings: Mapping[str, str] | None = None, fast: bool = True
) -> Generator[Cluster]:
    """Give a running cluster below the system's temporary directory; remove it at the end.

    If this process is killed, the server still stops; only the directory is then left behind.
    """
    directory = Path(tempfile.mkdtemp(prefix="lifecycle-pg-"))
    try:
        cluster = Cluster.create(directory, binaries, settings=settings, fast=fast)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.destroy()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _quoted(value: str) -> str:
    """Return a value as postgresql.conf spells it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
