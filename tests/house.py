"""A database of a test's own in which rows end, with the service installed."""

from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.plan import Plan
from lifecycle.policy import whole
from lifecycle.policy.model import Limits, Table
from lifecycle.postgres import catalog
from lifecycle.system import System
from retention.promise import PROMISE
from retention.rule import RetentionRule
from tests import build, declare
from tests.keep import keep, plan

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
# 90 days before midnight of NOW in UTC.
CUTOFF = "2026-08-23"

Rule = tuple[str, str, str | None, str]
LOG = ("log", "90 days", "at", "delete")


PLAIN = "create table log (id int primary key, at timestamptz, value text default 'v');"
# 1,000 rows overdue, 1,000 not, one every hour on both sides of the cutoff.
ROWS = f"""
    insert into log select n, timestamptz '{CUTOFF} 00:00Z' + (n - 1000) * interval '1 hour'
      from generate_series(0, 1999) n;
"""

ROLE = """
    do $$ begin create role house_owner nologin; exception when duplicate_object then null; end $$;
    grant create, usage on schema public to house_owner;
"""
OWNER = ROLE + "set role house_owner;"
"""What is said after it belongs to a role that the service may act as."""


def unseen(outcome: Outcome) -> list[dict[str, str]]:
    """Return the places that were not looked at."""
    return cast("list[dict[str, str]]", outcome.coverage["unseen"])


class House:
    """A database of the test's own with the service installed."""

    def __init__(self, conninfo: str) -> None:
        self.admin = conninfo
        name = conninfo_to_dict(conninfo)["dbname"]
        self.policy = whole.model().model_validate(
            {"system": "house", "database": name, "tables": {}}
        )
        self.slot = 0

    def say(self, text: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute(text.encode())

    def ask(self, text: str) -> list[Any]:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            return conn.execute(text.encode()).fetchall()

    def number(self, text: str) -> int:
        return int(self.ask(text)[0][0] or 0)

    def promise(
        self,
        *rules: Rule | dict[str, Any],
        cap: int = 100_000,
        zone: str = "UTC",
        does: str = "checks",
    ) -> None:
        retention = tuple(
            RetentionRule.model_validate(
                {"do": "delete", "because": "it is promised"}
                | (rule if isinstance(rule, dict) else _spelled(rule))
            )
            for rule in rules
        )
        limits = Limits(rows_per_run=cap)
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute("set timezone to 'UTC'")
            nobodys = Table(personal="none", because="a test made it")
            seen = catalog.read(conn)
            update = {
                "retention": retention,
                "limits": limits,
                "timezone": zone,
                "tables": dict.fromkeys(seen.tables, nobodys),
            }
            self.policy = self.policy.model_copy(update=update)
            install.install(conn, self.policy, seen, None)
            if any(t.triggers or t.functions or t.rules for t in seen.tables.values()):
                seen = catalog.read(conn)  # a function of the ledger that they name is there now
        self.policy = declare.triggers_of(seen, self.policy, does)

    def system(self) -> System:
        return build.system(self.admin, self.policy)

    def claim(self, job: str = PROMISE.job) -> Claim:
        self.slot += 1
        at = NOW.replace(microsecond=self.slot)
        with self.system().connect("test") as conn:
            claims.enqueue(conn, "house", job, at, asked_by="person")
            return claims.claim_one(conn, "house", job, at, claims.new_holder())

    def end(self, claim: Claim, outcome: Outcome | None = None) -> None:
        with self.system().connect("test") as conn:
            claims.finish(conn, claim, outcome or Outcome(Verdict.PASS, ""))

    def run(self, now: datetime = NOW, shown: Plan[Any] | None = None) -> Outcome:
        claim = self.claim()
        try:
            return keep(PROMISE, self.system(), claim, now, shown)
        finally:
            self.end(claim)

    def plan(self, now: datetime = NOW) -> Plan[Any]:
        return plan(PROMISE, self.system(), now)

    def evidence(self, target: str = "log") -> int:
        return self.number(
            "select sum((counts ->> 'rows')::int) from lifecycle.evidence"
            f" where event like 'retention.%' and target = '{target}'"
        )


def _spelled(rule: Rule) -> dict[str, Any]:
    table, after, by, do = rule
    return {"table": table, "after": after, "do": do} | ({"by": by} if by else {})
