"""A server that archives with the real WAL-G, for tests: checksums on, `archive_command` wal-push, a base backup taken.

WAL-G runs as the server's account, as PostgreSQL starts it, and its store is a folder of that account's.
`Source.archive` gives a test a copy of the store, to be damaged.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from lifecycle.errors import LifecycleError
from lifecycle.postgres import binaries
from lifecycle.postgres.binaries import environment, reachable, rights, server_account
from lifecycle.postgres.server import Cluster, find_binaries
from tests import initdb
from tests.waiting import wait_until

OWN = Path(__file__).parents[2] / ".venv/wal_g/wal-g"
BUILT = Path(os.environ.get("LIFECYCLE_TEST_WAL_G", OWN))
"""Another one than ours may be named: version 3, which no registry serves whole, is tried so."""

PAGE = 8192

# This version of WAL-G calls functions that PostgreSQL 15 renamed. A bridge for tests, and never for a product.
BRIDGE = """
    create function public.pg_start_backup(label text, fast bool default false, exclusive bool default true)
        returns pg_lsn language sql as 'select pg_backup_start(label, fast)';
    create function public.pg_stop_backup(exclusive bool default true, wait_for_archive bool default true,
            out lsn pg_lsn, out labelfile text, out spcmapfile text) returns setof record
        language sql as 'select * from pg_backup_stop(wait_for_archive)';
"""


def program() -> Path:
    """Return the WAL-G that `make .venv/wal_g/wal-g` has built, where the server's account can run it."""
    assert BUILT.is_file(), "the real WAL-G is not built: run `make .venv/wal_g/wal-g`"
    account = server_account()
    if account is None or reachable(BUILT, account):
        return BUILT
    facts = BUILT.stat()
    place = binaries.COPIES / f"test-wal-g-{facts.st_size}-{facts.st_mtime_ns}" / "wal-g"
    if not place.exists():
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = place.with_name(f"wal-g.{os.getpid()}")
        shutil.copy(BUILT, fresh)
        fresh.chmod(0o755)
        fresh.rename(place)
    return place


def give(path: Path) -> None:
    """Hand a file or a tree to the server's account."""
    account = server_account()
    if account is not None:
        for one in (path, *path.rglob("*")):
            os.chown(one, account.uid, account.gid)


def private(prefix: str) -> Path:
    """Return a new directory of the server's account; the caller removes it."""
    place = Path(tempfile.mkdtemp(prefix=prefix))
    give(place)
    return place


@dataclass(frozen=True)
class Archive:
    """A store of WAL-G's: a folder, and the config file that names it."""

    place: Path
    config: Path

    @property
    def store(self) -> Path:
        return self.place / "store"

    @property
    def wal(self) -> list[Path]:
        """The stored segments, in their order."""
        return sorted((self.store / "wal_005").glob("0*"))

    @property
    def base(self) -> Path:
        return self.store / "basebackups_005"

    def files(self) -> dict[str, int]:
        """Return every stored file with its size."""
        return {
            str(found.relative_to(self.store)): found.stat().st_size
            for found in sorted(self.store.rglob("*"))
            if found.is_file()
        }


def archive(place: Path, settings: Mapping[str, str] | None = None) -> Archive:
    """Return the archive in a folder, with WAL-G's config file written beside the store."""
    made = Archive(place, place / "wal-g.json")
    made.store.mkdir(exist_ok=True)
    ours = {
        "WALG_FILE_PREFIX": str(made.store),
        "WALG_COMPRESSION_METHOD": "lz4",
        "WALG_DELTA_MAX_STEPS": "3",
    }
    made.config.write_text(json.dumps(ours | dict(settings or {})))
    made.config.chmod(0o600)
    give(place)
    return made


def wal_g(
    config: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run WAL-G as the server's account and return how it went, whatever its exit code."""
    return subprocess.run(
        [str(program()), "--config", str(config), *words],
        env=environment(env),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        **rights(server_account()),
    )


class Source:
    """A running server whose archive is in good order."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.place = private("lifecycle-wal-g-")
        self.archive = archive(self.place, settings)
        with initdb.anew():
            self.cluster = Cluster.create(
                self.place / "source",
                find_binaries(),
                fast=True,
                settings={
                    "archive_mode": "on",
                    "archive_command": f"{program()} --config {self.archive.config} wal-push %p",
                    "archive_timeout": "60",
                    "autovacuum": "off",
                    # Each above PostgreSQL's own: a copy that did not take them over could not recover.
                    "max_connections": "150",
                    "max_worker_processes": "12",
                    "max_wal_senders": "14",
                    "max_prepared_transactions": "3",
                    "max_locks_per_transaction": "96",
                },
            )
        self.cluster.start()
        if self.cluster.binaries.major >= 15:
            self.say(BRIDGE)

    def end(self) -> None:
        self.cluster.destroy()
        shutil.rmtree(self.place)

    def say(self, text: str, database: str = "postgres") -> None:
        with psycopg.connect(self.cluster.dsn(database), autocommit=True) as conn:
            conn.execute(text.encode())

    def ask(self, text: str, database: str = "postgres") -> list[Any]:
        with psycopg.connect(self.cluster.dsn(database), autocommit=True) as conn:
            return conn.execute(text.encode()).fetchall()

    def wal_g(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run WAL-G beside the server, as a person does on its host."""
        host = str((self.cluster.directory / "socket").resolve())
        return wal_g(self.archive.config, *words, env={"PGHOST": host, "PGUSER": "postgres"})

    def push(self, *words: str) -> str:
        """Take a base backup and return its name."""
        pushed = self.wal_g("backup-push", str(self.cluster.data), *words)
        assert pushed.returncode == 0, pushed.stderr
        listed = self.wal_g("backup-list", "--detail", "--json")
        return max(json.loads(listed.stdout), key=lambda one: one["finish_time"])["backup_name"]

    def lose_page(self, table: str, database: str, page: int = 7) -> None:
        """Make a page of a table's file zeros, as a disk does: legal to PostgreSQL, and to its checksums."""
        self.say("checkpoint")
        [(path,)] = self.ask(f"select pg_relation_filepath('{table}')", database)
        self.cluster.stop()
        with (self.cluster.data / path).open("r+b") as heap:
            heap.seek(page * PAGE)
            heap.write(bytes(PAGE))
        self.cluster.start()

    def copy(self, place: Path, settings: Mapping[str, str] | None = None) -> Archive:
        """Return a copy of the archive as it is now, below a directory of the server's account, to be damaged."""
        shutil.copytree(self.archive.store, place / "store")
        return archive(place, settings)


@contextmanager
def promoted(source: Source, into: Archive) -> Generator[Source]:
    """Give a copy of the server that was restored from an archive, promoted, and archives into it: a second server."""
    place = private("lifecycle-promoted-")
    copy = Cluster(place, source.cluster.binaries)
    copy.data.mkdir(mode=0o700)
    give(place)
    try:
        wal_g(into.config, "backup-fetch", str(copy.data), "LATEST").check_returncode()
        (copy.data / "recovery.signal").touch()
        give(copy.data)
        called = f"{program()} --config {into.config}"
        commands = {"restore_command": "wal-fetch %f %p", "archive_command": "wal-push %p"}
        copy.start(settings={name: f"{called} {words}" for name, words in commands.items()})
        other = Source.__new__(Source)
        other.place, other.archive, other.cluster = place, into, copy
        with suppress(LifecycleError):
            wait_until(lambda: other.ask("select not pg_is_in_recovery()") == [(True,)])
        yield other
    finally:
        copy.stop("immediate")
        shutil.rmtree(place)
