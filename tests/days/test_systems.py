"""The systems that come with the product, each for one day of the real daemon: who is due is gone, the others are as before.

Vitalis has tests of its own, by room, and a whole day in `test_one_day.py`.
"""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import installation
from lifecycle.sandbox.installation import Place
from lifecycle.systems import shipped
from lifecycle.systems.canaries import canaries
from lifecycle.systems.shipped import Cast, Shipped
from tests import forked

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

pytestmark = pytest.mark.slow

TAG = "qzvelin007"
"""What every text carries that the due person wrote or is called by."""

TABLES = """
    select c.oid::regclass::text from pg_class c
     where relkind in ('r', 'p') and not relispartition and relpersistence = 'p'
       and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'lifecycle') order by 1
"""


@dataclass(frozen=True)
class Truth:
    """What a day of this system is, said apart from the policy."""

    tables: int
    """How many tables it has."""
    verdicts: Mapping[str, str]
    """Job -> its verdict."""
    unseen: Mapping[str, str]
    """Job that could not verify -> one place it names."""
    hers: Mapping[str, str]
    """Table whose rows are the due person's and name her nowhere -> which of them."""
    ended: Mapping[str, str]
    """Table -> which rows are over age, whoever they belong to."""
    changed: Mapping[str, int]
    """Table -> how many rows stay without what named her."""
    moved: Mapping[str, str] = field(default_factory=dict[str, str])
    """Table -> the archive in which its rows over age are found, but for hers."""
    log: str | None = None
    """The audit log, which loses no row."""
    about: tuple[str, ...] = ()
    """The columns of the log that name somebody."""


SPELLING = "spelling compressed, encrypted, aliased or cut"
TRUTH = {
    "heartguard": Truth(
        tables=35,
        verdicts={
            "partitions.create": "pass",
            "backups.dump": "pass",
            "retention.archives": "pass",
            "retention.expire": "pass",
            "maintenance.analyze": "pass",
            "maintenance.refresh": "pass",
            "gdpr.erase": "could not verify",
            "backups.drill": "pass",
            "records.keep": "pass",
            "audit.report": "pass",
        },
        unseen={"gdpr.erase": SPELLING},
        hers={
            "device_timeseries": "device_id in (select id from user_devices where user_id = %(due)s)",
            "health_goal_progress": "goal_id in (select id from user_health_goals where user_id = %(due)s)",
        },
        ended={"appointments": "date < current_date - interval '7 years'"},
        changed={"appointments": 3, "erasure_requests": 1},
    ),
    "longevity-coach": Truth(
        tables=9,
        verdicts={
            "partitions.create": "pass",
            "backups.dump": "pass",
            "retention.expire": "could not verify",
            "maintenance.analyze": "pass",
            "maintenance.refresh": "pass",
            "gdpr.erase": "could not verify",
            "backups.drill": "pass",
            "records.keep": "pass",
            "audit.report": "pass",
        },
        unseen={
            "retention.expire": "copy materialised view mv_biomarker_months",
            "gdpr.erase": SPELLING,
        },
        hers={},
        ended={"biomarkers": "timestamp < current_date - interval '10 years'"},
        changed={"erasure_requests": 1},
        log="audit_logs",
        about=("patient_id", "actor_id"),
    ),
    "keep-going-care": Truth(
        tables=21,
        verdicts={
            "partitions.create": "pass",
            "backups.dump": "pass",
            "retention.expire": "could not verify",
            "maintenance.analyze": "pass",
            "maintenance.refresh": "pass",
            "gdpr.erase": "could not verify",
            "backups.drill": "pass",
            "records.keep": "pass",
            "audit.report": "pass",
        },
        unseen={
            "retention.expire": "rows without a date of chat_memory",
            "gdpr.erase": SPELLING,
        },
        hers=dict.fromkeys(
            (
                "content_interactions",
                "erasure_requests",
                "feature_usage",
                "health_metrics",
                "health_metrics_archive",
            ),
            "user_id = %(due)s",
        ),
        ended={
            "chat_memory": "expires_at < date_trunc('hour', now())",
            "health_metrics": "date < current_date - interval '365 days'",
        },
        moved={"health_metrics": "health_metrics_archive"},
        changed={"erasure_requests": 1},
        log="audit_log",
        about=("user_id", "actor_id"),
    ),
}
Rows = dict[str, Counter[str]]


@dataclass(frozen=True)
class Day:
    """One system before and after the day."""

    system: Shipped
    truth: Truth
    place: Place
    cluster: Cluster
    cast: Cast
    store: "S3Client"
    personal: frozenset[str]
    of_the_due: frozenset[str]
    before: Rows
    hers: Rows
    ended: Rows
    checked: str

    def admin(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.cluster.dsn(self.system.database), autocommit=True)


def command(place: Place, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"LIFECYCLE_SETTINGS": str(place.settings)} | more
    done = forked.run(words, env, Path.cwd(), timeout=240)
    assert done.returncode in (0, 9), done.stdout + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module", params=sorted(TRUTH))
def day(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    outside: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Day]:
    """Install the system, be away for a day, come back and let the daemon do what is due."""
    system, truth = shipped.named(request.param), TRUTH[request.param]
    place, now = Place(tmp_path_factory.mktemp("day")), datetime.now(UTC)
    store, stripe = outside
    objects = installation.objects_at(store)
    cast = installation.load(system, cluster, objects, stripe, seed=3, now=now)
    installation.write_settings(system, place, cluster, store, stripe)
    installation.write_policy(system, place, now)
    command(place, "init", LIFECYCLE_ADMIN_DSN=cluster.dsn(system.database))
    checked = command(place, "policy", "check", "--live").stdout
    installation.be_absent(system, cluster, now)
    with psycopg.connect(cluster.dsn(system.database), autocommit=True) as admin:
        before = everything(admin)
        made = Day(
            system,
            truth,
            place,
            cluster,
            cast,
            objects,
            personal=canaries(admin, system.identifying),
            of_the_due=frozenset({str(cast.due), TAG}),
            before=before,
            hers=chosen(admin, truth.hers, due=cast.due),
            ended=chosen(admin, truth.ended),
            checked=checked,
        )
    done = command(place, "daemon", "--until-idle")
    (place.directory / "daemon.log").write_text(done.stdout + done.stderr)
    yield made
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        drop = sql.SQL("drop database {} with (force)").format(sql.Identifier(system.database))
        admin.execute(drop)


def everything(admin: "psycopg.Connection[Any]") -> Rows:
    """Return every row of every table of the application, as JSON."""
    return chosen(admin, {name: "true" for (name,) in admin.execute(TABLES).fetchall()})


def chosen(admin: "psycopg.Connection[Any]", which: Mapping[str, str], **values: object) -> Rows:
    found: Rows = {}
    for table, condition in which.items():
        query = f"select row_to_json(t)::text from {table} t where {condition}".encode()
        found[table] = Counter(row[0] for row in admin.execute(query, values or None))
    return found


def names(day: Day, text: str) -> bool:
    """Say whether a text names the due person, who may have a number for a key: digits alone name nobody."""
    lower = text.lower()
    return any(value in lower for value in day.of_the_due if not value.isdigit())


def test_its_policy_has_no_mistakes_and_speaks_of_every_table(day: Day) -> None:
    number = day.truth.tables
    assert f"no mistakes; {number} tables declared, {number} in database" in day.checked
    assert len(day.before) == number


def test_the_sample_is_whole_and_its_keys_lead_somewhere(day: Day) -> None:
    assert [name for name, rows in day.before.items() if not rows] == []
    with day.admin() as admin:
        for table, column, to, key in admin.execute(KEYS).fetchall():
            query = sql.SQL(
                "select count(*) from {t} t where t.{c} is not null"
                " and not exists (select from {to} o where o.{key} = t.{c})"
            ).format(
                t=sql.Identifier(table),
                c=sql.Identifier(column),
                to=sql.Identifier(to),
                key=sql.Identifier(key),
            )
            assert admin.execute(query).fetchone() == (0,), (table, column)


KEYS = """
    select c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text, f.attname
      from pg_constraint c
      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      join pg_attribute f on f.attrelid = c.confrelid and f.attnum = c.confkey[1]
     where c.contype = 'f' and c.conparentid = 0 and array_length(c.conkey, 1) = 1
       and c.connamespace = 'public'::regnamespace
"""


def test_every_job_of_the_day_ran_once_and_ended_as_is_true(day: Day) -> None:
    with day.admin() as admin:
        runs = admin.execute(
            "select job, state, verdict, coverage from lifecycle.run order by scheduled_for"
        ).fetchall()
    assert [job for job, *_ in runs] == list(installation.day(day.system))
    assert {state for _, state, *_ in runs} == {"finished"}
    assert {job: verdict for job, _, verdict, _ in runs} == day.truth.verdicts
    for job, _, verdict, coverage in runs:
        places = [unseen["place"] for unseen in coverage["unseen"]]
        assert coverage["in_the_way"] == 0, places  # limits only: nothing was in the way
        assert (verdict == "pass") == (places == [])
        assert day.truth.unseen.get(job) in (*places, None), places


def test_the_due_are_in_no_row_of_a_full_dump_of_the_database(day: Day) -> None:
    assert any(names(day, row) for rows in day.before.values() for row in rows)
    dump = day.cluster.run("pg_dump", "--inserts", "-d", day.cluster.dsn(day.system.database))
    assert "INSERT INTO public." in dump
    assert [line[:80] for line in dump.splitlines() if names(day, line)] == []


def test_no_object_of_theirs_is_left_and_none_that_was_written_names_them(day: Day) -> None:
    for bucket in (*day.system.papers, "erasure-ledger"):
        name, number = day.system.buckets[bucket], 0
        for page in day.store.get_paginator("list_object_versions").paginate(Bucket=name):
            assert not any(names(day, one.get("Key", "")) for one in page.get("DeleteMarkers", []))
            for one in page.get("Versions", []):
                key, version = one.get("Key", ""), one.get("VersionId", "")
                got = day.store.get_object(Bucket=name, Key=key, VersionId=version)
                assert not names(day, key + got["Body"].read().decode())
                number += 1
        assert number > (30 if bucket in day.system.papers else 0)


def test_every_row_of_everybody_else_is_as_before(day: Day) -> None:
    with day.admin() as admin:
        after = everything(admin)
    moved = {to: day.ended[table] - hers(day, table) for table, to in day.truth.moved.items()}
    assert all(moved.values())
    for table, rows in day.before.items():
        expected = rows - hers(day, table) - day.ended.get(table, Counter())
        expected += moved.get(table, Counter())
        assert expected, table
        assert expected - after[table] == Counter(), table
        if table == day.truth.log:
            assert after[table].total() > rows.total()
        else:
            new = (after[table] - expected).total()
            assert new == day.truth.changed.get(table, 0), table


def hers(day: Day, table: str) -> Counter[str]:
    """Return the rows of a table that are the due person's, or name them."""
    rows = day.before[table]
    named = {row: n for row, n in rows.items() if names(day, row) or logs(day, table, row)}
    return Counter(named) | day.hers.get(table, Counter())


def logs(day: Day, table: str, row: str) -> bool:
    """Say whether a row of the audit log is about the due person, or about what they did."""
    if table != day.truth.log:
        return False
    return any(str(json.loads(row)[column]) == str(day.cast.due) for column in day.truth.about)


def test_the_request_is_answered_and_the_other_waits(day: Day) -> None:
    with day.admin() as admin:
        found = dict(
            admin.execute(
                "select id::text, status::text from erasure_requests where id::text = any(%s)",
                [[str(day.cast.due_request), str(day.cast.not_yet_request)]],
            ).fetchall()
        )
    assert found == {
        str(day.cast.due_request): "completed",
        str(day.cast.not_yet_request): "pending",
    }


def test_nothing_the_product_wrote_carries_a_personal_value(day: Day) -> None:
    assert len(day.personal) > 500
    files = [p for p in (day.place.directory / "reports").rglob("*") if p.is_file()]
    written = "\n".join(p.read_text() for p in (*files, day.place.directory / "daemon.log"))
    with day.admin() as admin:
        for (table,) in admin.execute(
            "select relname from pg_class where relnamespace = 'lifecycle'::regnamespace and relkind = 'r'"
        ).fetchall():
            query = f"select t::text from lifecycle.{table} t".encode()
            written += "\n".join(row[0] for row in admin.execute(query))
    assert re.findall(r"(?i)qzvelin\d{3}", written) == []
    assert {value for value in day.personal if value in written} == set()
    assert any(path.name == "report.html" for path in files)
    [report] = [path for path in files if path.name == "report.json"]
    assert day.system.name in json.dumps(json.loads(report.read_text()))
