"""A system at hand: its policy, where its things are, and how to open a connection to its database."""

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.policy.model import Policy
from lifecycle.postgres import connect
from lifecycle.settings import Settings, SystemSettings


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

    def connect(self, purpose: str, *, write: bool = True) -> Connection[TupleRow]:
        """Open a connection for `purpose` (shown in pg_stat_activity). The caller closes it.

        In autocommit: transactions are opened where they belong. RLS is off or an error, never a silent filter.
        Raise AccessDenied, Unreachable, NotFound or Refused (wrong version; read-only when `write`).
        """
        return connect.connect(self.conninfo(), purpose, write=write, database=self.policy.database)

    def conninfo(self) -> str:
        """Return the connection string with the password, for libpq only: never for a log or a command line."""
        password = self.settings.password
        return connect.conninfo(
            self.settings.dsn, password.read(f"{self.name}: password") if password else None
        )
