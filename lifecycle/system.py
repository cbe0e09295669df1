"""A system at hand: its policy, where its things are, and how to open a connection to its database."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from psycopg import Connection, IsolationLevel
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName, UndefinedTable
from psycopg.rows import TupleRow

from lifecycle.errors import Refused
from lifecycle.policy.model import Policy
from lifecycle.postgres import connect
from lifecycle.settings.model import Settings, SystemSettings


@dataclass(frozen=True, slots=True)
class System:
    """One managed database with everything needed to work on it. Handed to every job."""

    policy: Policy
    policy_digest: str
    settings: SystemSettings
    machine: Settings

    @property
    def name(self) -> str:
        """Return the system's name."""
        return self.policy.system

    def connect(
        self, purpose: str, *, write: bool = True, patience: timedelta | None = None
    ) -> Connection[TupleRow]:
        """Open a connection for `purpose` (shown in pg_stat_activity). The caller closes it.

        With `patience`, no answer is waited for longer than that: for whoever has other systems to serve.
        In autocommit: transactions are opened where they belong. RLS is off or an error, never a silent filter.
        Raise AccessDenied, Unreachable, NotFound or Refused (a pooler; wrong version; read-only when `write`; the
        database belongs to another system's policy).
        """
        return self._open(self.conninfo(), purpose, write=write, patience=patience)

    @contextmanager
    def snapshot(self, purpose: str, *, reader: bool = False) -> Generator[Connection[TupleRow]]:
        """Give a connection on which all that is read is of one moment and nothing can be written: to survey, to judge.

        Code of a table's owner that runs when it is read can write nothing here with the rights of the service, and as
        it is always rolled back, nobody hears what it would `notify`. What may fail without ending the look goes into
        a `conn.transaction(force_rollback=True)` of its own, a savepoint: with it goes what such code has set for the
        session, a search path above all, and would have others' tables be read by. As a `reader` it may be of a
        standby, which may not have heard of the latest yet, or by a login that can only read.
        """
        with closing(self.connect(purpose, write=not reader)) as conn:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            conn.read_only = True
            with conn.transaction(force_rollback=True):
                yield conn

    def connect_ddl(self, purpose: str) -> Connection[TupleRow]:
        """Open a connection of the login that steps into owners, for DDL and ANALYZE. It may read no row.

        Raise as `connect` does.
        """
        return self._open(self.conninfo_ddl(), purpose, write=True, patience=None)

    def _open(
        self, info: str, purpose: str, *, write: bool, patience: timedelta | None
    ) -> Connection[TupleRow]:
        database = self.policy.database
        conn = connect.connect(info, purpose, write=write, database=database, patience=patience)
        try:
            self._must_be_ours(conn)
        except BaseException:
            conn.close()
            raise
        return conn

    def _must_be_ours(self, conn: Connection[TupleRow]) -> None:
        """Raise Refused when `lifecycle init` gave this database to another system. One not given yet is fine."""
        try:
            owner = conn.execute("select system from lifecycle.installation").fetchone()
        except (UndefinedTable, InvalidSchemaName, InsufficientPrivilege):
            return
        if owner is not None and owner[0] != self.name:
            raise Refused(
                f"this database belongs to the policy of system {owner[0]!r}",
                hint="One database has one policy: each would delete what the other keeps. Correct the dsn, "
                "or merge the two.",
            )

    def conninfo(self) -> str:
        """Return the connection string with the password, for libpq only: never for a log or a command line."""
        password = self.settings.password
        return connect.conninfo(
            self.settings.dsn, password.read(f"{self.name}: password") if password else None
        )

    def conninfo_ddl(self) -> str:
        """Return the connection string of the login that steps into owners, as `conninfo` does."""
        ddl, parts = self.settings.ddl, connect.conninfo(self.settings.dsn, None)
        password = ddl.password.read(f"{self.name}: ddl password") if ddl.password else None
        return connect.conninfo(make_conninfo(parts, user=ddl.user), password)
