"""What is overdue in the sample system goes, and the log does not keep a copy of it."""

from typing import Any

import psycopg
import pytest
from psycopg.errors import ReadOnlySqlTransaction

from lifecycle.outcome import Verdict
from retention.promise import PROMISE
from tests.conftest import NOW, Vitalis
from tests.keep import keep

TABLES_ONLY = Verdict.UNVERIFIED
"""Ended in the tables themselves: the audit log's earlier images of them are not reached yet, and named."""

WEARABLES = {
    "wearable_daily": "date",
    "wearable_sleep": "sleep_date",
    "wearable_activities": "activity_date",
}


def ask(vitalis: Vitalis, text: str) -> list[Any]:
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        return conn.execute(text.encode()).fetchall()


def test_raw_answers_and_finished_jobs_end_on_their_day_and_everything_else_stays(
    vitalis: Vitalis,
) -> None:
    raw = {
        name: ask(vitalis, f"select count(raw_data) from {name} where {by} < '2026-08-23'")[0][0]
        for name, by in WEARABLES.items()
    }
    young = {
        name: ask(vitalis, f"select count(raw_data) from {name} where {by} >= '2026-08-23'")
        for name, by in WEARABLES.items()
    }
    rows = {name: ask(vitalis, f"select count(*) from {name}") for name in WEARABLES}
    jobs = ask(vitalis, "select count(*) from ingestion_jobs where completed_at < '2026-05-25'")[0][
        0
    ]
    requests = ask(vitalis, "select * from deletion_requests order by request_id")
    assert sum(raw.values()) > 0
    assert jobs > 0
    outcome = keep(PROMISE, vitalis.system, vitalis.claim("retention.expire"), NOW)
    assert (outcome.verdict, outcome.failures) == (TABLES_ONLY, ())
    assert (outcome.counts["cleared"], outcome.counts["deleted"]) == (sum(raw.values()), jobs)
    for name in WEARABLES:
        assert ask(vitalis, f"select count(raw_data) from {name}") == young[name]
        assert ask(vitalis, f"select count(*) from {name}") == rows[name]
    assert ask(vitalis, "select * from deletion_requests order by request_id") == requests


def test_the_audit_log_says_that_values_went_and_not_which(vitalis: Vitalis) -> None:
    claim = vitalis.claim("retention.expire")
    outcome = keep(PROMISE, vitalis.system, claim, NOW)
    logged = ask(
        vitalis,
        "select count(*), count(old_values), bool_and(new_values = jsonb_build_object("
        f" 'lifecycle_run', '{claim.id}', 'cleared', '[\"raw_data\"]'::jsonb))"
        f" from audit_log where new_values ->> 'lifecycle_run' = '{claim.id}'"
        " and table_name like 'wearable%'",
    )
    assert logged == [(outcome.counts["cleared"], 0, True)]


def test_the_ledger_adds_up_and_a_second_night_ends_nothing(vitalis: Vitalis) -> None:
    claim = vitalis.claim("retention.expire")
    first = keep(PROMISE, vitalis.system, claim, NOW)
    again = keep(PROMISE, vitalis.system, claim, NOW)
    assert (again.verdict, again.counts["cleared"], again.counts["deleted"]) == (
        TABLES_ONLY,
        0,
        0,
    )
    assert ask(
        vitalis,
        "select event, sum((counts ->> 'rows')::int) from lifecycle.evidence group by 1 order by 1",
    ) == [
        ("retention.cleared", first.counts["cleared"]),
        ("retention.deleted", first.counts["deleted"]),
    ]


def test_a_survey_reads_one_moment_and_writes_nothing(vitalis: Vitalis) -> None:
    count = "select count(*) from public.ingestion_jobs"
    with (
        vitalis.system.snapshot("test") as conn,
        psycopg.connect(vitalis.admin, autocommit=True) as admin,
    ):
        before = conn.execute(count).fetchone()
        assert admin.execute("delete from ingestion_jobs").rowcount
        assert conn.execute(count).fetchone() == before
        with pytest.raises(ReadOnlySqlTransaction), conn.transaction():
            conn.execute("delete from public.ingestion_jobs")
