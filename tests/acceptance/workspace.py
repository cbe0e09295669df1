"""An installation on disk as its owner would have it: settings, policy, key files; and the real command line."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests import forked

VITALIS = Path(__file__).parents[2] / "lifecycle/systems/vitalis/policy.yaml"
COMMAND = (sys.executable, "-m", "lifecycle")
# What a refused or interrupted command might have left behind: relations, columns, partitions, roles.
PICTURE = """
    select (select count(*) from pg_class where relpersistence = 'p'), (select count(*) from pg_inherits),
           (select count(*) from pg_roles), (select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid
                                              where c.relpersistence = 'p')
"""
LEDGER = """
    select (select count(*) from lifecycle.run), (select count(*) from lifecycle.evidence),
           (select count(*) from lifecycle.alert), (select count(*) from lifecycle.schedule)
"""


@dataclass
class Workspace:
    """The files in `directory`, for the database that `admin` leads to as a superuser."""

    directory: Path
    admin: str
    system: dict[str, Any] = field(default_factory=dict[str, Any])
    machine: dict[str, Any] = field(default_factory=dict[str, Any])
    policy: str = ""

    def __post_init__(self) -> None:
        self.policy = VITALIS.read_text().replace("database: vitalis", f"database: {self.database}")
        dsn = make_conninfo(self.admin, user="lifecycle")
        key = self.secret("reference.key", secrets.token_hex(32))
        self.system = {"policy": "policy.yaml", "dsn": dsn, "reference_key": key} | self.system

    @property
    def database(self) -> str:
        """The database's name."""
        return str(conninfo_to_dict(self.admin)["dbname"])

    def secret(self, name: str, value: str) -> dict[str, str]:
        """Write a secret that its owner alone can read, and return how the settings name it."""
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(value)
        return {"file": str(path)}

    def write(self) -> None:
        """Write settings and policy. JSON is YAML."""
        (self.directory / "policy.yaml").write_text(self.policy)
        whole = {"systems": {"vitalis": self.system}} | self.machine
        (self.directory / "lifecycle.yaml").write_text(json.dumps(whole, indent=1))

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a command: ours, with this installation's settings."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("LIFECYCLE_", "PG"))}
        return ours | {"LIFECYCLE_SETTINGS": str(self.directory / "lifecycle.yaml")} | more

    def cli(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        stdout: int | IO[str] = subprocess.PIPE,
        before: Callable[[], None] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Write the files, run `lifecycle` with these words and return what it said."""
        self.write()
        environment = self.environment(**(env or {}))
        if stdout == subprocess.PIPE and before is None:
            return forked.run(words, environment, self.directory)
        return subprocess.run(
            [*COMMAND, *words],
            env=environment,
            cwd=self.directory,
            check=False,
            text=True,
            timeout=60,
            stderr=subprocess.PIPE,
            stdout=stdout,
            preexec_fn=before,
        )

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Start `lifecycle` and return the process, with Ctrl-C as a terminal would have it."""
        self.write()
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.environment(),
            cwd=self.directory,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )

    def picture(self) -> tuple[object, ...]:
        """Return what a command that was refused must have left as it was."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            found = conn.execute(PICTURE).fetchone()
            there = conn.execute("select to_regclass('lifecycle.run') is not null").fetchone()
            ledger = conn.execute(LEDGER).fetchone() if there and there[0] else None
        return (found, ledger)
