"""A firm with two owners: mallory, whose tables the service changes, and payroll_owner, whose rows she is after."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.partitions.promise import PROMISE as PARTITIONS
from lifecycle.policy import whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.promise import Promise
from lifecycle.system import System
from retention.promise import PROMISE as RETENTION
from tests import build, declare
from tests.keep import keep
from tests.roles import roles

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

TABLES = f"""
    {roles("mallory login", "payroll_owner")}
    grant usage, create on schema public to mallory, payroll_owner;
    set role payroll_owner;
    create table payroll (id int primary key, salary int not null, at timestamptz not null default '2020-01-01');
    create table payslips (id int, at date not null) partition by range (at);
    insert into payroll values (1, 1000);
    set role mallory;
    create table sessions (id int primary key, at timestamptz not null, word text, size int);
    create table hits (id int primary key, session int);
    create table visits (id int, at date not null, word text) partition by range (at);
    create table visits_2020 partition of visits for values from ('2020-01-01') to ('2021-01-01');
    insert into sessions values (1, '2020-01-01', 'old', 1), (2, '2026-11-20', 'new', 2);
    insert into hits values (1, 1);
    insert into visits values (1, '2020-06-01', 'old');
    reset role;
"""


def policy(database: str) -> Policy:
    """Sessions and visits end, partitions are made for both owners, payroll is kept: nobody has a right to change it."""
    nobodys = {"personal": "none", "because": "made for a test"}
    names = ("payroll", "payslips", "sessions", "hits", "visits")
    ends = {"after": "90 days", "by": "at", "because": "it is promised"}
    return whole.model().model_validate(
        {
            "system": "firm",
            "database": database,
            "tables": dict.fromkeys(names, nobodys),
            "retention": (
                {"table": "sessions", "do": "delete"} | ends,
                {"table": "visits.word", "do": "clear"} | ends,
            ),
            "partitions": {
                name: {"by": "at", "every": "year", "ahead": 1} for name in ("visits", "payslips")
            },
        }
    )


def make(conninfo: str) -> None:
    """Make tables and installation in an empty database: a template for `Firm`."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(TABLES.encode())
        database = str(conninfo_to_dict(conninfo)["dbname"])
        install.install(conn, policy(database), catalog.read(conn), None)


@dataclass
class Firm:
    """One copy of the firm."""

    admin: str
    slot: int = 0

    def __post_init__(self) -> None:
        self.policy = policy(str(conninfo_to_dict(self.admin)["dbname"]))

    def ask(self, text: str, user: str | None = None) -> list[Any]:
        """Say something as superuser or as `user`. Return rows, of one column as values."""
        with psycopg.connect(self.dsn(user), autocommit=True) as conn:
            done = conn.execute(text.encode())
            rows = done.fetchall() if done.description else []
        return [row[0] if len(row) == 1 else row for row in rows]

    def mallory(self, text: str) -> None:
        """Do something as the owner of what the service changes."""
        self.ask(text, "mallory")

    def dsn(self, user: str | None) -> str:
        return make_conninfo(self.admin, user=user) if user else self.admin

    def declared(self, does: str = "checks") -> None:
        """Declare every trigger and rule that is there, as if somebody had read them and been taken in."""
        self.policy = declare.triggers_now(self.admin, self.policy, does)

    def system(self) -> System:
        return build.system(self.admin, self.policy)

    def claim(self, job: str) -> Claim:
        self.slot += 1
        at = NOW.replace(microsecond=self.slot)
        with self.system().connect("test") as conn:
            claims.enqueue(conn, "firm", job, at, asked_by="person")
            return claims.claim_one(conn, "firm", job, at, claims.new_holder())

    def keep(self, promise: Promise[Any, Any, Any]) -> Outcome:
        claim = self.claim(promise.job)
        try:
            return keep(promise, self.system(), claim, NOW)
        finally:
            with self.system().connect("test") as conn:
                claims.finish(conn, claim, Outcome(Verdict.PASS, ""))

    def expire(self) -> Outcome:
        return self.keep(RETENTION)

    def partition(self) -> Outcome:
        return self.keep(PARTITIONS)

    def salary(self) -> list[int]:
        """Return what mallory is after."""
        return self.ask("select salary from payroll order by id")

    def ddl(self) -> Connection[TupleRow]:
        return psycopg.connect(self.dsn("lifecycle_ddl"), autocommit=True)
