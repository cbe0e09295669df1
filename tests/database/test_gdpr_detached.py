"""Partitions that hang on their table no more, or not quite: nobody is answered while rows may be left in one."""

from collections.abc import Callable, Mapping

import psycopg
import pytest

from gdpr import request
from gdpr.outside import delete_objects
from lifecycle.outcome import Outcome, Verdict
from tests.database.clinic import ANNA, Clinic


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
