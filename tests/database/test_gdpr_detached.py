"""Partitions that hang on their table no more, or not quite: nobody is answered while rows may be left in one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from gdpr import request
from gdpr.outside import delete_objects
from lifecycle.admin import install
from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy import reality
from lifecycle.postgres import catalog
from lifecycle.postgres.catalog import Catalog
from retention.promise import PROMISE as RETENTION
from retention.rule import RetentionRule
from tests.database.clinic import ANNA, NOW, Clinic
from tests.keep import keep

OTTO = "'b0000000-0000-4000-8000-00000000000b'"


def interrupted(clinic: Clinic, parent: str, part: str) -> None:
    """Begin to detach a partition, and end before it is done."""
    with (
        psycopg.connect(clinic.admin) as reader,
        psycopg.connect(clinic.admin, autocommit=True) as conn,
    ):
        reader.execute(f"select from {parent} limit 1".encode())
        conn.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            conn.execute(f"alter table {parent} detach partition {part} concurrently".encode())


def below(clinic: Clinic) -> None:
    """Give the diary a leaf three levels down, with a row of Anna in it."""
    clinic.ask("""
        create table diary_2024 partition of diary
            for values from ('2024-01-01') to ('2025-01-01') partition by range (day);
        create table diary_2024_h1 partition of diary_2024
            for values from ('2024-01-01') to ('2024-07-01') partition by range (day);
        create table diary_2024_q1 partition of diary_2024_h1
            for values from ('2024-01-01') to ('2024-04-01')""")
    clinic.ask("insert into diary values (%(a)s, '2024-02-01', 'about anna@example.org')", a=ANNA)


def test_a_detach_that_was_interrupted_at_any_level_is_refused_before_anything_goes(
    clinic: Clinic,
) -> None:
    below(clinic)
    interrupted(clinic, "diary_2024", "diary_2024_h1")
    before = clinic.everything()
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    [failure] = outcome.failures
    assert "rows of diary cannot be reached: the detach of diary_2024_h1 was begun" in failure.what
    assert clinic.everything() == before
    assert len(clinic.store.versions("papers", "scan-1")) == 2
    clinic.ask("alter table diary_2024 detach partition diary_2024_h1 finalize")
    clinic.ask("""alter table diary_2024 attach partition diary_2024_h1
                  for values from ('2024-01-01') to ('2024-07-01')""")
    assert clinic.erase().verdict is Verdict.UNVERIFIED
    assert clinic.traces() == []


def detached(clinic: Clinic) -> None:
    clinic.ask("alter table diary detach partition diary_2025")


def half_detached(clinic: Clinic) -> None:
    interrupted(clinic, "diary", "diary_2025")


MEANWHILE: Mapping[str, tuple[Callable[[Clinic], None], str]] = {
    "detached": (detached, "diary_2025"),
    "interrupted": (half_detached, "diary: the detach of diary_2025 was begun and not ended"),
}


@pytest.mark.parametrize("how", MEANWHILE)
def test_a_leaf_that_leaves_while_objects_go_keeps_the_request_open(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It has no foreign key, so nothing but the proof can see that its rows were not reached."""
    clinic.ask("alter table diary drop constraint diary_person_id_fkey")
    leave, said = MEANWHILE[how]

    def then(*args: object) -> None:
        delete_objects(*args)  # pyright: ignore[reportArgumentType]
        leave(clinic)

    monkeypatch.setattr(request.outside, "delete_objects", then)
    outcome = clinic.erase()
    monkeypatch.undo()
    assert outcome.verdict is Verdict.FAIL
    assert said in told(outcome)
    assert clinic.ask("select state from request where request_id = 1") == ["processing"]
    assert clinic.ask("select count(*) from diary_2025") == [1]
    if how == "interrupted":
        clinic.ask("alter table diary detach partition diary_2025 finalize")
    clinic.ask("""alter table diary attach partition diary_2025
                  for values from ('2025-01-01') to ('2026-01-01')""")
    assert clinic.erase().verdict is Verdict.UNVERIFIED
    assert clinic.traces() == []


def told(outcome: Outcome) -> str:
    return "; ".join(f"{failure.target}: {failure.what}" for failure in outcome.failures)


def ending(clinic: Clinic) -> Clinic:
    """The clinic with a rule by which the year 2025 of the diary ends, and stands alone now."""
    rule = {"table": "diary", "after": "3 months", "do": "drop", "because": "a diary is for a year"}
    policy = clinic.system.policy.model_copy(
        update={"retention": (RetentionRule.model_validate(rule),)}
    )
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, policy, catalog.read(conn), None)
    found = replace(clinic, system=replace(clinic.system, policy=policy))
    outcome = keep(RETENTION, found.system, found.claim(), NOW)
    assert outcome.counts["taken off"] == 1, outcome.failures
    return found


def test_what_a_rule_took_off_is_reached_by_an_erasure_before_it_is_dropped(clinic: Clinic) -> None:
    """It is no table of the policy, and nobody but the service and its owner may read it."""
    clinic = ending(clinic)
    assert reality.compare(clinic.system.policy, picture(clinic)).mistakes == ()
    assert clinic.ask("select count(*) from diary_2025") == [1]
    outcome = clinic.erase()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert clinic.ask("select count(*) from diary_2025") == [0]
    assert clinic.traces() == []
    clinic.ask("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
    later = keep(RETENTION, clinic.system, clinic.claim(), NOW + timedelta(days=20))
    assert (later.counts["dropped"], later.failures) == (1, ())


def test_what_an_erasure_changed_there_does_not_keep_it_from_its_drop(clinic: Clinic) -> None:
    """Otto's page mentions Anna, and is written anew without her: a row newer than the detach, and nobody else's work."""
    clinic.ask("alter table diary add column told uuid references person")
    clinic.ask(f"insert into diary values ({OTTO}, '2025-02-02', 'ours', %(a)s)", a=ANNA)
    tables = clinic.system.policy.tables
    diary = tables["diary"].model_copy(update={"mentions": {"told": "set null"}})
    policy = clinic.system.policy.model_copy(update={"tables": {**tables, "diary": diary}})
    clinic = ending(replace(clinic, system=replace(clinic.system, policy=policy)))
    outcome = clinic.erase()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert clinic.ask("select told is null from diary_2025") == [True]
    clinic.ask("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
    later = keep(RETENTION, clinic.system, clinic.claim(), NOW + timedelta(days=20))
    assert (later.counts["dropped"], later.failures) == (1, ())


def test_a_hold_on_a_person_or_the_table_holds_their_rows_in_what_was_taken_off(
    clinic: Clinic,
) -> None:
    clinic = ending(clinic)
    for what in (What("table", table="diary"), What("person", subject="person", key=ANNA)):
        with clinic.system.connect("test") as conn:
            number = place.place(conn, what, because="a suit", placed_by="case 7", until=None)
        clinic.ask("update lifecycle.detached set drop_not_before = now() - interval '1 s'")
        later = keep(RETENTION, clinic.system, clinic.claim(), NOW + timedelta(days=20))
        assert later.counts["dropped"] == 0
        assert later.counts["on hold"] > 0
        assert "diary_2025 on legal hold" in told(clinic.erase())
        with clinic.system.connect("test") as conn:
            place.release(conn, number, because="over", released_by="case 7")


def picture(clinic: Clinic) -> Catalog:
    with clinic.system.connect("test") as conn:
        return catalog.read(conn)
