"""The four systems, night by night over a leap year with three nights without a daemon: their policies hold on each.

The application writes each day, also rows that are about to be too old. What a night must end is said here apart from
the policy, as the owner's document has it; everything else must be there in the morning as it was in the evening. The
jobs are those that the daemon runs, each at its slot; hours of the day are left out, as nothing happens in them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from lifecycle import cron, rooms
from lifecycle.admin import install
from lifecycle.job import Job
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy import load
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from lifecycle.running import apply
from lifecycle.system import System
from lifecycle.systems import shipped
from tests import build
from tests.conftest import NoObjects, NoPayer, a_database
from tests.house import unseen

FIRST = datetime(2023, 9, 20, tzinfo=UTC)
"""The day after that of the sample. It has gone by, as the planner's samples are dated by the server's clock."""
NIGHTS = 370
AWAY = {date(2023, 12, 30), date(2023, 12, 31), date(2024, 1, 1)}
"""No daemon, over the end of a month, a quarter and a year."""
ROOMS = ("partitions.", "retention.", "maintenance.")


class Feed(NamedTuple):
    """Rows that the application writes each day: copies of one, dated so many days before the day."""

    table: str
    clock: str
    key: str
    ages: tuple[int, ...]
    also: str = "{}"
    """What else is not as in the row that is copied, as JSON."""


@dataclass(frozen=True)
class Truth:
    """What is promised of one system, said apart from its policy. `{day}` is the day of the night."""

    feeds: tuple[Feed, ...]
    gone: dict[str, str] = field(default_factory=dict[str, str])
    """Table -> its rows that are over."""
    cleared: dict[str, str] = field(default_factory=dict[str, str])
    """Table -> its rows that lose their raw answer, and nothing else."""
    moved: dict[str, str] = field(default_factory=dict[str, str])
    """Table -> where its rows go that are over."""
    partitioned: tuple[str, ...] = ()
    """Tables that must take a row of the next month."""
    dropped: int = 0
    """How many partitions ended in the year."""


FULL, UNBILLED = '{"raw_data": {"of": "a device"}}', '{"invoice_number": null}'
RAW = "{clock} < date '{{day}}' - 90"
TRUTH = {
    "vitalis": Truth(
        feeds=(
            Feed("wearable_daily", "date", "daily_id", (0, 88), FULL),
            Feed("wearable_sleep", "sleep_date", "sleep_id", (0,), FULL),
            Feed("wearable_activities", "activity_date", "activity_id", (0,), FULL),
            Feed("ingestion_jobs", "completed_at", "job_id", (0, 178)),
        ),
        gone={"ingestion_jobs": "completed_at < timestamptz '{day} 00:00Z' - interval '180 days'"},
        cleared={
            "wearable_daily": RAW.format(clock="date"),
            "wearable_sleep": RAW.format(clock="sleep_date"),
            "wearable_activities": RAW.format(clock="activity_date"),
        },
        partitioned=("wearable_daily", "wearable_sleep", "wearable_activities", "audit_log"),
    ),
    "heartguard": Truth(
        feeds=(Feed("appointments", "date", "id", (0, 7 * 365), UNBILLED),),
        gone={"appointments": "date < date '{day}' - interval '7 years'"},
    ),
    "longevity-coach": Truth(
        feeds=(Feed("biomarkers", "timestamp", "id", (0, 10 * 365)),),
        gone={"biomarkers": "timestamp < timestamptz '{day} 00:00Z' - interval '10 years'"},
        partitioned=("biomarkers",),
    ),
    "keep-going-care": Truth(
        feeds=(
            Feed("chat_memory", "expires_at", "id", (-1, -30)),
            Feed("health_metrics", "date", "id", (0, 360)),
        ),
        gone={
            "chat_memory": "expires_at < timestamptz '{day} 02:00Z'",
            "health_metrics": "date < timestamptz '{day} 00:00Z' - interval '365 days'",
        },
        moved={"health_metrics": "health_metrics_archive"},
        partitioned=("health_metrics", "health_metrics_archive"),
        dropped=15,  # April 2022, the oldest of the sample, to June 2023
    ),
}


class Content(NamedTuple):
    """So many rows, and a sum over what is in them."""

    rows: int
    of: Decimal

    def __add__(self, other: "Content") -> "Content":  # pyright: ignore[reportIncompatibleMethodOverride]
        return Content(self.rows + other.rows, self.of + other.of)


# A copy of some row of the table, with another key and another time.
COPY = """
    insert into {table}
    select copy.*
      from (select t from {table} t order by {by} desc offset {place} limit 1) as one,
           jsonb_populate_record(one.t, jsonb_build_object({key}, {new}::text, {clock}, {at}::timestamptz) || {also}) copy
        on conflict do nothing
"""
# Whether a leaf takes a row of this time.
TAKES = """
    select format('select count(*) from (select %%L::%%s as %%I) as t where %%s',
                  %(at)s::text, format_type(a.atttypid, null), a.attname, pg_get_partition_constraintdef(i.inhrelid))
      from pg_inherits i join pg_partitioned_table p on p.partrelid = i.inhparent
      join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
     where i.inhparent = %(table)s::regclass
"""
TABLES = """
    select c.oid::regclass::text from pg_class c
     where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace
       and relname !~ '^audit_log'
"""
ALONE = "select name from lifecycle.detached where ended_at is null"
GRACE = "update lifecycle.detached set drop_not_before = %s where name = any (%s)"


class Year:
    """One system over the year."""

    def __init__(self, name: str, conninfo: str, tmp_path: Path) -> None:
        self.truth, system = TRUTH[name], shipped.named(name)
        self.policy = load.policy(system.policy)[0]
        self.admin = psycopg.connect(conninfo, autocommit=True)
        self.admin.execute("set timezone to 'UTC'")
        self.admin.execute(system.schema)
        stores: Any = NoObjects()
        before = FIRST - timedelta(days=1)
        system.load(self.admin, stores, system.buckets, NoPayer(), seed=2, now=before)
        install.install(self.admin, self.policy, catalog.read(self.admin), None)
        own = build.reference_key(tmp_path)
        self.system: System = build.system(conninfo, self.policy, {"base": tmp_path}, **own)
        self.jobs = [job for job in rooms.jobs(self.policy) if job.name.startswith(ROOMS)]
        self.written = 0
        self.taken_off: dict[str, date] = {}

    def ask(self, query: str) -> Any:
        row = self.admin.execute(query.encode()).fetchone()
        assert row is not None
        return row[0] if len(row) == 1 else row

    def write(self, day: date) -> None:
        """Let the application write the day's rows, each a copy of one that is there."""
        for table, clock, key, ages, also in self.truth.feeds:
            for age in ages:
                at = day - timedelta(days=age)
                self.written += 1
                copy = sql.SQL(COPY).format(
                    table=sql.Identifier(table),
                    by=sql.Identifier(key),
                    place=sql.Literal(age % 7),
                    key=sql.Literal(key),
                    new=sql.Literal(self.fresh(table, key)),
                    clock=sql.Literal(clock),
                    at=sql.Literal(f"{at} 12:00Z"),
                    also=sql.Literal(also),
                )
                self.admin.execute(copy)

    def fresh(self, table: str, key: str) -> str:
        """Return a key that no row has."""
        kind = self.ask(f"select pg_typeof({key})::text from {table} limit 1")
        return str(UUID(int=self.written)) if kind == "uuid" else str(1_000_000 + self.written)

    def takes(self, table: str, day: date) -> bool:
        """Say whether a partition of a table takes a row of this day."""
        questions = self.admin.execute(TAKES, {"at": f"{day} 12:00Z", "table": table}).fetchall()
        return sum(self.ask(question) for (question,) in questions) == 1

    def night(self, day: date) -> None:
        """Run every job whose slot is in the night, in the order of their slots."""
        since, until = (datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in (0, 6))
        slots = {
            job.name: next(cron.slots(job.cron, self.policy.timezone, since, until), None)
            for job in self.jobs
        }
        for job in sorted(self.jobs, key=lambda job: (slots[job.name] or until, job.name)):
            at = slots[job.name]
            if at is not None:
                outcome = self.run(job, at)
                trouble = [one for one in unseen(outcome) if one["kind"] != "limit"]
                assert (outcome.failures, trouble) == ((), []), (day, job.name)
                assert outcome.verdict in (Verdict.PASS, Verdict.UNVERIFIED), (day, job.name)

    def run(self, job: Job, at: datetime) -> Outcome:
        with self.system.connect("test") as conn:
            claims.enqueue(conn, self.system.name, job.name, at, asked_by="schedule")
            claim = claims.claim_one(conn, self.system.name, job.name, at, claims.new_holder())
        outcome = apply.carry_out(self.system, claim, job, at)
        with self.system.connect("test") as conn:
            claims.finish(conn, claim, outcome)
        return outcome

    def rows(self, table: str, condition: str, without: str = "") -> Content:
        """Return how many rows these are, and a sum over what is in them: it adds up where rows move."""
        return Content(
            *self.ask(f"""
            select count(*), coalesce(sum(hashtextextended((to_jsonb(t) - '{without}')::text, 0)), 0)
              from {table} t where {condition}
        """)
        )

    def kept(self, day: date) -> dict[str, Content]:
        """Return what a night has to leave as it is: what is young, of what is cleared all else, what has moved."""
        found: dict[str, Content] = {}
        for table, over in (self.truth.gone | self.truth.cleared).items():
            found[table] = self.rows(table, f"({over.format(day=day)}) is not true")
        for table, over in self.truth.cleared.items():
            found[f"{table}, old"] = self.rows(table, over.format(day=day), "raw_data")
        for to in self.truth.moved.values():
            found[to] = self.rows(to, "true")
        return found

    def over(self, day: date) -> dict[str, Content]:
        """Return what is there that should have ended by this night."""
        raw = {
            name: f"{over} and raw_data is not null" for name, over in self.truth.cleared.items()
        }
        ends = {table: over.format(day=day) for table, over in (self.truth.gone | raw).items()}
        return {table: self.rows(table, over) for table, over in ends.items()}

    def others(self) -> list[str]:
        """Return the tables in which nothing of the year is written."""
        named = {feed.table for feed in self.truth.feeds} | set(self.truth.moved.values())
        return [name for (name,) in self.admin.execute(TABLES) if name not in named]

    def let_graces_end(self, day: date) -> None:
        """Let a week be over, for the database too, for what was taken off a week ago: a grace is of its own clock."""
        alone = {name for (name,) in self.admin.execute(ALONE)}
        self.taken_off = {name: self.taken_off.get(name, day) for name in alone}
        over = [name for name, since in self.taken_off.items() if day - since >= timedelta(days=7)]
        self.admin.execute(GRACE, [day, over])


@pytest.fixture(params=sorted(TRUTH))
def year(cluster: Cluster, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Year]:
    for conninfo in a_database(cluster, "template0"):
        year = Year(request.param, conninfo, tmp_path)
        yield year
        year.admin.close()


@pytest.mark.timeout(3600)
def test_on_every_night_what_is_over_is_gone_and_all_else_is_as_it_was(year: Year) -> None:
    others, ended = {name: year.rows(name, "true") for name in year.others()}, 0
    for night in range(NIGHTS):
        day = (FIRST + timedelta(days=night)).date()
        year.write(day)
        if day in AWAY:
            continue
        year.let_graces_end(day)
        wanted, due = year.kept(day), year.over(day)
        for table, to in year.truth.moved.items():
            wanted[to] += due[table]
        year.night(day)
        assert year.kept(day) == wanted, day
        assert {rows.rows for rows in year.over(day).values()} == {0}, day
        ended += sum(rows.rows for rows in due.values())
        for table in year.truth.partitioned:
            assert year.takes(table, day + timedelta(days=31)), (day, table)
    assert {name: year.rows(name, "true") for name in others} == others
    assert ended > NIGHTS - 10
    assert (
        year.ask("select count(*) from lifecycle.detached where ended = 'dropped'")
        == year.truth.dropped
    )
