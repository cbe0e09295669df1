"""An office: a database of a test's own with people who ask to be forgotten, and whatever tables a test adds."""

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from gdpr.promise import PROMISE
from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome
from lifecycle.plan import Plan, Step
from lifecycle.policy import check, reality, whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.system import System
from tests import build, declare
from tests.keep import keep
from tests.keep import plan as planned

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ASKED = "timestamptz '2026-10-22 06:00Z'"

SCHEMA = """
    do $$ begin create role office_owner nologin; exception when duplicate_object or unique_violation then null; end $$;
    grant usage, create on schema public to office_owner;
    set role office_owner;
    create table people (id bigint primary key, email text not null unique, phone text, role text not null default 'staff',
                         constraint a_role check (role in ('staff', 'nobody')));
    create table requests (request_id bigint primary key, person_id bigint references people, asked timestamptz not null,
                           due timestamptz not null, state text not null default 'pending', done timestamptz);
    insert into people values (1, 'anna@x.example', '+49 170 1234567'), (2, 'berta@x.example', '212 555 0123'),
                              (3, 'carl@x.example', '312 555 0123');
"""
POLICY: dict[str, Any] = {
    "system": "office",
    "subjects": {"person": {"table": "people", "key": "id", "identifiers": ["email"]}},
    "tables": {
        "people": {"owner": {"person": "id"}},
        "requests": {
            "owner": {"person": "person_id"},
            "keep": {"clear": ["person_id"], "because": "proof that it was honoured"},
        },
    },
    "erasure": {
        "subject": "person",
        "grace": "30 days",
        "requests": {
            "table": "requests",
            "key": "request_id",
            "subject": "person_id",
            "requested": "asked",
            "due": "due",
            "status": "state",
            "completed": "done",
        },
    },
}


@dataclass
class Office:
    """One such database. `tables` are what the policy says of the tables that a test made."""

    admin: str
    directory: Path
    policy: Policy
    slot: int = 0

    def ask(self, query: str) -> list[Any]:
        """Run statements as superuser and return the rows of the last, of one column as values."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            found = conn.execute(query.encode())
            while found.nextset():
                pass
            rows = found.fetchall() if found.description else []
        return [row[0] if len(row) == 1 else row for row in rows]

    def say(self, policy: dict[str, Any], does: str = "checks") -> None:
        """Promise this, and install the service for it. The policy has no mistake."""
        self.policy = whole.model().model_validate_json(json.dumps(policy))
        self.policy = declare.triggers_now(self.admin, self.policy, does)
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute("set timezone to 'UTC'")
            picture = catalog.read(conn)
            found = check.check(self.policy) or reality.compare(self.policy, picture).mistakes
            assert not found, [str(one) for one in found]
            install.install(conn, self.policy, picture, None)

    def system(self) -> System:
        return build.system(self.admin, self.policy, **build.reference_key(self.directory))

    def asks(self, *people: int) -> None:
        """Let these ask to be forgotten, in time."""
        for person in people:
            self.ask(
                f"insert into requests values ({person}, {person}, {ASKED}, {ASKED} + interval '30 days')"
            )

    def erase(self, shown: Plan[Any] | None = None) -> Outcome:
        """Do what the night's job does."""
        self.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
        self.slot += 1
        at = NOW.replace(microsecond=self.slot)
        with self.system().connect("test") as conn:
            claim = claims.claim_new(
                conn, "office", "gdpr.erase", at, claims.new_holder(), asked_by="person"
            )
        return keep(PROMISE, self.system(), claim, NOW, shown)

    def plan(self) -> Plan[Step]:
        return planned(PROMISE, self.system(), NOW)

    def states(self) -> dict[int, str]:
        return dict(self.ask("select request_id, state from requests order by 1"))

    def evidence(self, event: str) -> dict[str, int]:
        return dict(
            self.ask(
                "select target, (counts ->> 'rows')::int from lifecycle.evidence"
                f" where event = '{event}' order by at"
            )
        )


def under(database: str, tables: dict[str, Any]) -> dict[str, Any]:
    """Return the policy of an office in this database with these tables besides."""
    policy: dict[str, Any] = copy.deepcopy(POLICY)
    return policy | {"database": database, "tables": policy["tables"] | tables}


def opened(admin: str, directory: Path, schema: str, tables: dict[str, Any], **more: Any) -> Office:
    """Make an office with these tables besides, and the service installed. `more`: parts of its policy."""
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute((SCHEMA + schema).encode())
        policy = under(conn.info.dbname, tables) | more
    office = Office(admin, directory, whole.model().model_validate_json(json.dumps(policy)))
    office.say(policy)
    return office
