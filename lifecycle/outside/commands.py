"""Starts programs. The only module of the product that imports plumbum: pg_dump, pg_restore and WAL-G run here.

A program runs in a process group of its own, sees an environment written out here and nothing else, and is ended
with all its children at the time limit. It ends, too, when this process is killed. No secret is on a command
line, where every user of the machine could read it. What a program said is quoted only after row values and
secrets have been taken out. Never decides which program runs, or what its exit code means.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle import clock
from lifecycle.errors import CommandFailed, InputError, NotFound
from lifecycle.outside import memory, watching
from lifecycle.outside.watching import Watch

if TYPE_CHECKING:
    from plumbum.machines.local import PlumbumLocalPopen

GRACE = timedelta(seconds=5)
"""How long a program may tidy up between being asked to end and being ended."""

TAIL = 16_384
"""Bytes of a program's complaints that are read back, from their end."""

_INHERITED = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SECRET_NAME = re.compile(r"PASS(?!FILE)|SECRET|TOKEN|_KEY$|CREDENTIAL", re.IGNORECASE)
_PASSWORD = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE)
_USERINFO = re.compile(r"(://[^/@\s:]*:)[^/@\s]+(@)")
# PostgreSQL quotes rows in these parts of a message; what follows belongs to them until the next message.
_QUOTES_A_ROW = re.compile(r"\b(DETAIL|detail|CONTEXT|STATEMENT|QUERY|Command was):|^\t")
_NEW_MESSAGE = re.compile(r"^[A-Za-z_][\w.-]*: |^(ERROR|WARNING|INFO|FATAL|error|hint): ")
_VALUE = re.compile(r'(: )"[^"]*"|=\([^)]*\)|\'[^\']*\'')

# The guard is there before the program and leads its process group, so no instant is left in which we could die
# unnoticed. Nothing is ever written to it: `read` returns when we, who hold the pipe, are gone, be it by a kill -9.
_GUARD = 'trap "" TERM INT HUP; read -r _; kill -s KILL 0'


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended. `stdout` is empty when it went to a file; `stderr_tail` carries no row or secret."""

    program: str
    exit_code: int
    stdout: str
    stderr_tail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class As:
    """The account a program runs as when this process is root: its rights are dropped, groups included."""

    uid: int
    gid: int


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    limit: timedelta,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    user: As | None = None,
) -> Finished:
    """Run a program to its end and return how it went. Raise CommandFailed unless it ends with 0.

    Raises as `attempt` does.
    """
    finished = attempt(argv, env=env, limit=limit, stdin=stdin, stdout=stdout, user=user)
    if finished.exit_code != 0:
        said = f": {finished.stderr_tail}" if finished.stderr_tail else ""
        raise CommandFailed(
            f"{finished.program} ended with exit code {finished.exit_code}{said}",
            hint="Row values are left out here; run it by hand to see all that it says.",
        )
    return finished


def attempt(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    limit: timedelta,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    user: As | None = None,
    directory: Path = Path("/"),
    watch: Watch | None = None,
) -> Finished:
    """Run a program to its end and return how it went, whatever its exit code (negative: the signal).

    It starts in `directory`. `env` is added to PATH, HOME and the like; nothing else is inherited. Without `stdin`
    it reads nothing, without `stdout` what it prints is returned. Children that outlive it are left alone and not
    waited for.
    Raise InputError when an argument carries a secret, NotFound when the program is missing, CommandFailed
    when it cannot be started, DeadlineExceeded when it took longer than `limit` or was silent for longer than `watch`
    lets it be; it is gone by then. Memory beyond `watch` is refused to it, by the kernel: it ends as it will.
    """
    _no_secrets(argv, env)
    program, began = Path(argv[0]).name, clock.monotonic()
    # Files, not pipes: a child that outlives the program would hold a pipe open for as long as it lives. In memory:
    # an alert goes out, and a program says what is wrong, also where the disk is full.
    with memory.file() as printed, memory.file() as complaints, _guard() as group:
        words = watching.with_less(argv, watch.memory) if watch else argv
        process = _start(words, env, group, (stdin, stdout or printed, complaints), user, directory)
        try:
            files = (stdout or printed, complaints)
            exit_code = watching.end_of(
                lambda seconds: process.wait(timeout=seconds), program, limit, watch, files
            )
        except BaseException:  # its time limit, Ctrl-C, the run's deadline: nothing of ours goes on
            _end(process, group)
            raise
        printed.seek(0)
        return Finished(
            program,
            exit_code,
            printed.read().decode(errors="replace"),
            redacted(_tail(complaints), env),
            clock.monotonic() - began,
        )


@contextlib.contextmanager
def libpq(conninfo: str, directory: Path) -> Generator[tuple[str, dict[str, str]]]:
    """Yield (the connection string without its password, the environment that supplies it).

    The password stands in a file that only we can read, for the length of the block. After a kill -9 it stays,
    so `directory` is one that the next run removes.
    """
    parts: dict[str, Any] = dict(conninfo_to_dict(conninfo))
    password = parts.pop("password", None)
    dsn = make_conninfo("", **parts)
    if not password:
        yield dsn, {}
        return
    with tempfile.NamedTemporaryFile("w", dir=directory, encoding="utf-8") as file:
        escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
        file.write(f"*:*:*:*:{escaped}\n")  # made with mode 0600
        file.flush()
        yield dsn, {"PGPASSFILE": file.name}


def redacted(text: str, env: Mapping[str, str]) -> str:
    """Return what a program said without row values, quoted values and the secrets of `env`."""
    kept: list[str] = []
    quoting = False
    for line in text.splitlines():
        quoting = bool(_QUOTES_A_ROW.search(line)) or (quoting and not _NEW_MESSAGE.match(line))
        if line.strip() and not quoting:
            kept.append(_VALUE.sub(r"\1***", line.strip()))
    said = " | ".join(kept[-8:])
    for secret in _secrets(env):
        said = said.replace(secret, "***")
    return _USERINFO.sub(r"\1***\2", _PASSWORD.sub(r"\1***", said))[-2000:]


def _start(
    argv: Sequence[str],
    env: Mapping[str, str],
    group: int,
    files: tuple[IO[bytes] | None, IO[bytes], IO[bytes]],
    user: As | None,
    directory: Path,
) -> "PlumbumLocalPopen":
    from plumbum.machines.local import PlumbumLocalPopen

    stdin, stdout, stderr = files
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    dropped: dict[str, Any] = (
        {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    )
    try:
        # Plumbum's own process, not `local[...]`: that one adds the whole environment of this process.
        return PlumbumLocalPopen(
            list(argv),
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=directory,
            env=inherited | {"LC_ALL": "C.UTF-8", "TZ": "UTC"} | dict(env),
            process_group=group,
            **dropped,
        )
    except FileNotFoundError:
        raise NotFound(
            f"the program {argv[0]} does not exist", hint="Install it, or correct its path."
        ) from None
    except OSError as error:
        raise CommandFailed(
            f"{Path(argv[0]).name} cannot be started: {error.strerror}",
            hint="Check the file's rights, and that it is built for this machine.",
        ) from None


@contextlib.contextmanager
def _guard() -> Generator[int]:
    """Give a process group that is ended when this process dies within the block, however it dies."""
    from plumbum.machines.local import PlumbumLocalPopen

    guard = PlumbumLocalPopen(
        ["/bin/sh", "-c", _GUARD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        process_group=0,
    )
    try:
        yield guard.pid
    finally:
        guard.kill()  # it alone: a child that outlives the program is left alone
        guard.wait()
        guard.stdin.close()


def _end(process: "PlumbumLocalPopen", group: int) -> None:
    """Ask the whole group to end, then end it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE.total_seconds())
    # SIGKILL went to the group even where the program ended at SIGTERM: children may have stayed.


def _tail(file: IO[bytes]) -> str:
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - TAIL))
    return file.read().decode(errors="replace")


def _secrets(env: Mapping[str, str]) -> list[str]:
    # Anything shorter would be found in the most harmless words.
    return [value for name, value in env.items() if len(value) >= 6 and _SECRET_NAME.search(name)]


def _no_secrets(argv: Sequence[str], env: Mapping[str, str]) -> None:
    for word in argv:
        if (
            _PASSWORD.search(word)
            or _USERINFO.search(word)
            or any(secret in word for secret in _secrets(env))
        ):
            raise InputError(
                f"an argument for {Path(argv[0]).name} carries a secret, and command lines are public",
                hint="Pass it through a file or the environment.",
            )
