"""A shop whose partitions several files work on, in a database of the test's own."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome
from lifecycle.partitions.promise import PROMISE
from lifecycle.partitions.rule import Partitioning
from lifecycle.policy import whole
from lifecycle.postgres import catalog
from lifecycle.promise import Task
from lifecycle.system import System
from tests import build
from tests.keep import keep
from tests.roles import roles

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

ROLES = f"""
    {roles("shop_owner", "shop_app", "shop_reader")}
    grant create, usage on schema public to shop_owner;
    grant usage on schema public to shop_app, shop_reader;
"""
EVENTS = """
    set role shop_owner;
    create table people (id int primary key);
    alter table people enable row level security;
    alter table people force row level security;
    create policy anybody on people using (true);
    create table events (
        id bigint generated always as identity, person int not null references people, at timestamptz not null,
        word text default 'none' check (word <> ''), size int generated always as (length(word)) stored,
        primary key (id, at)
    ) partition by range (at);
    create index on events (person, at);
    create function noted() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger audit after insert or update or delete on events for each row execute function noted();
    alter table events enable row level security;
    alter table events force row level security;
    create policy own on events using (person = nullif(current_setting('app.person', true), '')::int);
    create policy known on events as restrictive for select to shop_app
        using (exists (select from people where people.id = events.person));
    grant select, insert on events to shop_app;
    grant select (id, at) on events to shop_reader;
    grant select on people to shop_app;
    alter table events replica identity full;
    alter table events alter column person set statistics 500;
    alter table events alter column person set (n_distinct = -0.5, n_distinct_inherited = 7);
    create statistics events_person on person, at from events;
    comment on column events.person is 'who';
    reset role;
"""


class Shop:
    """A database of the test's own with the service installed."""

    def __init__(self, conninfo: str, directory: Path) -> None:
        self.admin = conninfo
        self.directory = directory
        self.policy = whole.model().model_validate(
            {"system": "shop", "database": conninfo_to_dict(conninfo)["dbname"], "tables": {}}
        )
        self.slot = 0
        self._held: Claim | None = None
        self.say(ROLES)

    def say(self, text: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute(text.encode())

    def ask(self, text: str) -> list[Any]:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            return conn.execute(text.encode()).fetchall()

    def promise(self, zone: str = "UTC", /, **tables: tuple[str, str, int]) -> System:
        partitions = {
            name: Partitioning.model_validate({"by": by, "every": every, "ahead": ahead})
            for name, (by, every, ahead) in tables.items()
        }
        self.policy = self.policy.model_copy(update={"partitions": partitions, "timezone": zone})
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute("set timezone to 'UTC'")
            install.install(conn, self.policy, catalog.read(conn), None)
        return self.system()

    def system(self, **options: str) -> System:
        return build.system(make_conninfo(self.admin, **options), self.policy)

    def claim(self) -> Claim:
        self.slot += 1
        at = NOW.replace(microsecond=self.slot)
        with self.system().connect("test") as conn:
            claims.enqueue(conn, "shop", "partitions.create", at, asked_by="person")
            return claims.claim_one(conn, "shop", "partitions.create", at, claims.new_holder())

    def task(self, now: datetime = NOW) -> Task:
        """One run's work, which goes on until the test ends."""
        if self._held is None:
            self._held = self.claim()
        return Task(self.system(), self._held, now)

    def run(self, now: datetime = NOW) -> Outcome:
        claim = self.claim()
        outcome = keep(PROMISE, self.system(), claim, now)
        with self.system().connect("test") as conn:
            claims.finish(conn, claim, outcome)
        return outcome

    def partitions(self, table: str) -> dict[str, tuple[str | None, str | None]]:
        with self.system().connect("test") as conn:
            found = catalog.read(conn).table(table).partitions
        return {part.name: (part.lower, part.upper) for part in found}

    def evidence(self) -> list[str]:
        return [
            target
            for (target,) in self.ask(
                "select target from lifecycle.evidence where event = 'partitions.created' order by id"
            )
        ]


@contextmanager
def held(shop: Shop, statement: str) -> Generator[psycopg.Connection[Any]]:
    """A transaction that has said something and goes on."""
    with psycopg.connect(shop.admin) as conn:
        conn.execute(statement.encode())
        yield conn
        conn.rollback()
