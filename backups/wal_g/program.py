"""Runs WAL-G: finds the program, holds it against its pin, gives it its settings, and says what its errors are of.

Its settings stay its own: a configuration file or its variables, whose values stand in files or in our environment and
reach it by its environment alone. As root it runs as the account that servers run as, like whatever PostgreSQL starts.
`push` takes a base backup, `remove` deletes one object, by its name.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from backups.wal_g import lines
from backups.wal_g.lines import File
from lifecycle.errors import (
    AccessDenied,
    CommandFailed,
    InputError,
    LifecycleError,
    NotFound,
    Refused,
    Unproven,
    Unreachable,
)
from lifecycle.outside import commands
from lifecycle.outside.commands import As, Finished
from lifecycle.outside.digest import file_sha256
from lifecycle.outside.watching import Watch
from lifecycle.postgres.binaries import server_account
from lifecycle.system import System

ASKING = timedelta(minutes=2)
"""How long WAL-G may take to answer a question about its store; a wrong region lets it hang for ever."""

_GONE = re.compile(r"[Oo]bject .*does not exist")

# What it says, in the order in which it is asked; in both versions, and of the libraries it is made of.
KINDS: tuple[tuple[str, type[LifecycleError], str, str], ...] = (
    (
        # Not its own `DecryptAndDecompressTar`, which it names of any part that is damaged.
        r"openpgp: |incorrect key|libsodium|decrypt(?!anddecompress)",
        Unproven,
        "what is stored cannot be decrypted with the key that WAL-G has here",
        "Name the key it was encrypted with in WAL-G's settings; without that key there is no backup.",
    ),
    (
        r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|NoCredentialProviders|ExpiredToken|Forbidden",
        AccessDenied,
        "the store of the backups refused WAL-G",
        "Look at its credentials and what they may read: `wal-g st ls`, with the same settings.",
    ),
    (
        r"NoSuchBucket|permission denied|Folder not exists|no such bucket|init folder|BucketRegionError|MovedPerman",
        NotFound,
        "the store of the backups is not where WAL-G's settings say",
        "Look at the prefix, the bucket and its region: `wal-g st ls`, with the same settings.",
    ),
    (
        r"connection refused|no such host|i/o timeout|TLS handshake|connection reset|RequestError|dial tcp|EOF$",
        Unreachable,
        "the store of the backups did not answer WAL-G",
        "Look at the network, the endpoint and the region; it is safe to try again.",
    ),
    (
        r"no space left|disk quota|file too large",
        Refused,
        "the disk is full",
        "Free space, or name a directory on a larger disk under `scratch:` in the settings.",
    ),
)


@dataclass(frozen=True, slots=True)
class Program:
    """WAL-G on this machine, with its settings."""

    path: Path
    sha256: str
    options: tuple[str, ...]
    env: Mapping[str, str]

    @property
    def argv(self) -> tuple[str, ...]:
        """Return the words that every call begins with."""
        return (str(self.path), *self.options)

    def ask(self, *words: str, limit: timedelta = ASKING, directory: Path = Path("/")) -> Finished:
        """Run it and return how it went, whatever its exit code. Raise as `commands.attempt` does."""
        return commands.attempt(
            (*self.argv, *words), env=self.env, limit=limit, user=account(), directory=directory
        )

    def run(self, *words: str, limit: timedelta = ASKING, directory: Path = Path("/")) -> str:
        """Run it and return what it printed. Raise what its complaint is of, else CommandFailed; and as `ask`."""
        ended = self.ask(*words, limit=limit, directory=directory)
        if ended.exit_code != 0:
            raise explain(words[0], ended)
        return ended.stdout

    def push(self, pgdata: Path, limit: timedelta, watch: Watch) -> None:
        """Take a base backup of the server whose files these are. Raise as `run`, and as `commands.attempt` of a watch.

        That it returns proves nothing: look into the store.
        """
        # Its runtime frees what it can before it comes to the limit.
        env = {"GOMEMLIMIT": str(watch.memory * 3 // 4), **self.env}
        words = (*self.argv, "backup-push", str(pgdata))
        ended = commands.attempt(words, env=env, limit=limit, user=account(), watch=watch)
        if ended.exit_code != 0:
            raise explain("backup-push", ended)

    def ls(self, folder: str, *, below: bool = False) -> Iterator[File]:
        """Yield the files of a folder of the store, or of all below it. Raise as `run`."""
        return lines.files(self.run("st", "ls", *(["-r"] if below else []), folder))

    def remove(self, key: str) -> None:
        """Delete one object; one that is gone already is no error. Raise as `run`."""
        ended = self.ask("st", "rm", key)
        if ended.exit_code != 0 and not _GONE.search(ended.stderr_tail):
            raise explain("st rm", ended)

    def alone(self) -> "Program":
        """Return it without the child that fetches ahead and outlives the call."""
        return replace(self, env={**self.env, "WALG_DOWNLOAD_CONCURRENCY": "1"})

    def configured(self) -> list[str]:
        """Return the names of its variables here, and the lines of its configuration file: JSON, YAML, TOML or else."""
        try:
            texts = [Path(path).read_text(encoding="utf-8") for path in self.options[1:]]
        except (OSError, UnicodeDecodeError):
            texts = []
        lines = (line for text in texts for line in text.splitlines())
        return [*self.env, *(line for line in lines if not line.lstrip().startswith("#"))]

    def version(self) -> str:
        """Return what it calls itself. Raise as `run`."""
        return " ".join(self.run("--version").split())[:100]


def account() -> As | None:
    """Return whom it runs as: nobody else unless this process is root."""
    found = server_account()
    return As(found.uid, found.gid) if found else None


def find(system: System) -> Program:
    """Return the program that the settings name.

    Raise InputError where they say nothing of it or a value cannot be read, NotFound where the program or its
    configuration file is missing, Refused where it is another one than was pinned.
    """
    named = system.settings.wal_g
    if named is None:
        raise InputError(
            "the policy promises what WAL-G keeps, and the settings do not say where WAL-G is",
            hint=f"Add `wal_g:` with its program and its `config:` to the system {system.name!r} in the settings.",
        )
    bare = "/" not in named.program
    path = shutil.which(named.program) if bare else str(system.machine.path(named.program))
    if path is None or not Path(path).is_file():
        where = "in PATH" if bare else "there"
        raise NotFound(
            f"the program {named.program} is not {where}",
            hint="Install WAL-G, or correct `wal_g: program:` in the settings.",
        )
    digest = file_sha256(Path(path))
    if named.sha256 is not None and digest != named.sha256:
        raise Refused(
            f"{path} is another program than the settings pin: its SHA-256 is {digest}",
            hint="Install the one that was tried, or try this one and correct `wal_g: sha256:`.",
        )
    options = ()
    if named.config is not None:
        config = system.machine.path(named.config)
        if not config.is_file():
            raise NotFound(
                f"WAL-G's configuration file {config} is not there",
                hint="Correct `wal_g: config:` in the settings.",
            )
        options = ("--config", str(config))
    env = {
        name: secret.read(f"{system.name}: wal_g.environment.{name}")
        for name, secret in named.environment.items()
    }
    return Program(Path(path), digest, options, env)


def explain(word: str, ended: Finished) -> LifecycleError:
    """Return what an exit with an error is of, by what was said."""
    for pattern, kind, what, hint in KINDS:
        if re.search(pattern, ended.stderr_tail, re.IGNORECASE):
            return kind(f"{what} (`wal-g {word}`)", hint=hint)
    said = f": {ended.stderr_tail}" if ended.stderr_tail else ""
    return CommandFailed(
        f"`wal-g {word}` ended with exit code {ended.exit_code}{said}",
        hint="Run it by hand with the same settings to see all that it says.",
    )
