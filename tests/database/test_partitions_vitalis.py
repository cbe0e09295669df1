"""The night's partitions on the sample system."""

import psycopg

from lifecycle.outcome import Verdict
from lifecycle.partitions.promise import PROMISE
from tests.conftest import NOW, Vitalis
from tests.keep import keep

CHILDREN = [
    "audit_log_2027_q1",
    "audit_log_2027_q2",
    "wearable_activities_2027",
    "wearable_daily_2027",
    "wearable_sleep_2027",
]


def test_next_year_and_two_quarters_are_made_as_shut_and_as_watched_as_their_parents(
    vitalis: Vitalis,
) -> None:
    outcome = keep(PROMISE, vitalis.system, vitalis.claim("partitions.create"), NOW)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert outcome.counts["made"] == 5
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        found = conn.execute(
            "select target from lifecycle.evidence where event = 'partitions.created' order by 1"
        ).fetchall()
        assert [name for (name,) in found] == CHILDREN
        for name in CHILDREN:
            parent = name.rsplit("_2027", 1)[0]
            assert conn.execute(
                "select c.relrowsecurity, c.relowner = p.relowner,"
                " (select count(*) from pg_policy where polrelid = c.oid)"
                " = (select count(*) from pg_policy where polrelid = p.oid),"
                " (select count(*) from pg_trigger where tgrelid = c.oid and not tgisinternal)"
                " = (select count(*) from pg_trigger where tgrelid = p.oid and not tgisinternal)"
                " from pg_class c, pg_class p where c.oid = %s::regclass and p.oid = %s::regclass",
                [name, parent],
            ).fetchone() == (True, True, True, True)


def test_the_application_reads_nobody_in_a_new_partition_and_its_own_rows_through_the_parent(
    vitalis: Vitalis,
) -> None:
    keep(PROMISE, vitalis.system, vitalis.claim("partitions.create"), NOW)
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        [user] = conn.execute("select user_id from users order by user_id limit 1").fetchone() or []
        conn.execute(
            "insert into wearable_daily (user_id, date, source)"
            " select user_id, '2027-03-01', 'oura' from users"
        )
        conn.execute("set role vitalis_api")
        for name in CHILDREN:
            counted = conn.execute(f"select count(*) from {name}".encode()).fetchone()
            assert counted == (0,)
        conn.execute("select set_config('app.current_user_id', %s, false)", [str(user)])
        for name in ("wearable_daily", "wearable_daily_2027"):
            assert conn.execute(
                f"select count(*) from {name} where date = '2027-03-01'".encode()
            ).fetchone() == (1,)


def test_the_service_keeps_its_rights_on_what_it_made(vitalis: Vitalis) -> None:
    keep(PROMISE, vitalis.system, vitalis.claim("partitions.create"), NOW)
    with psycopg.connect(vitalis.admin, autocommit=True) as conn:
        assert conn.execute(
            "select has_column_privilege('lifecycle', 'audit_log_2027_q1', 'user_id', 'update'),"
            " has_column_privilege('lifecycle', 'wearable_daily_2027', 'raw_data', 'update'),"
            " has_table_privilege('lifecycle', 'wearable_daily_2027', 'delete'),"
            " has_table_privilege('lifecycle', 'audit_log_2027_q1', 'delete')"
        ).fetchone() == (True, True, True, False)


def test_a_second_night_makes_nothing(vitalis: Vitalis) -> None:
    claim = vitalis.claim("partitions.create")
    keep(PROMISE, vitalis.system, claim, NOW)
    again = keep(PROMISE, vitalis.system, claim, NOW)
    assert (again.verdict, again.counts["made"]) == (Verdict.PASS, 0)
