"""What is on legal hold stays: whoever destroys, and whenever the hold was placed."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from gdpr import held, outside, request
from lifecycle.errors import InputError, NotFound, Refused, Unreachable
from lifecycle.holds import gate, place
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from lifecycle.postgres import catalog
from lifecycle.postgres.names import sql_name
from lifecycle.promise import Task
from lifecycle.system import System
from retention import expire
from retention.promise import PROMISE
from tests.database.clinic import ANNA, TRACES, Clinic
from tests.database.test_gdpr import joanna_asks
from tests.house import LOG, NOW, PLAIN, House


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


def hold(system: System, what: What, until: datetime | None = None) -> int:
    with system.connect("test") as conn:
        return place.place(conn, what, because="a lawsuit", placed_by="case 7", until=until)


def release(system: System, number: int) -> None:
    with system.connect("test") as conn:
        place.release(conn, number, because="it is over", released_by="case 7")


def papers(clinic: Clinic) -> list[str]:
    """Return every version of every object in the clinic's bucket."""
    bucket = clinic.system.settings.buckets["papers"]
    found = clinic.store.client.list_object_versions(Bucket=bucket)
    return [f"{one.get('Key')} {one.get('VersionId')}" for one in found.get("Versions", [])]


SPAN = What(
    "span",
    table="log",
    column="at",
    since=datetime(2020, 1, 2, tzinfo=UTC),
    before=datetime(2020, 1, 4, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        (What("table", table="log"), {1, 2, 3, 4, 5}),
        (What("value", column="value", key="7"), {2, 5}),
        (SPAN, {2, 3}),
        (What("table", table="other"), set[int]()),
    ],
)
def test_rows_on_hold_stay_until_it_is_released(house: House, what: What, kept: set[int]) -> None:
    house.say(
        "create table log (id int primary key, at timestamptz, value int); create table other (id int);"
        "insert into log select n, timestamptz '2020-01-01 00:00Z' + (n - 1) * interval '1 day',"
        " case when n in (2, 5) then 7 end from generate_series(1, 5) n"
    )
    house.promise(LOG)
    number = hold(house.system(), what)
    plan = house.plan()
    assert bool(plan.decision.notes) == bool(kept)
    outcome = house.run()
    assert {row for (row,) in house.ask("select id from log")} == kept
    assert outcome.verdict is Verdict.PASS
    assert outcome.counts.get("on hold", 0) == len(kept)
    assert ("on legal hold" in outcome.summary) == bool(kept)
    release(house.system(), number)
    assert house.run().counts["deleted"] == len(kept)


def test_a_hold_that_is_placed_after_the_survey_keeps_what_has_not_gone_yet(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say(PLAIN + "insert into log select n, '2020-01-01' from generate_series(1, 500) n")
    house.promise(LOG)
    system, real, batches = house.system(), expire.batch, [0]

    def batch(*args: Any, **more: Any) -> expire.Gone:
        batches[0] += 1
        if batches[0] == 3:
            hold(system, What("table", table="log"))
        return real(*args, **more)

    monkeypatch.setattr(expire, "batch", batch)
    outcome = house.run()
    left = house.number("select count(*) from log")
    assert 0 < left < 500
    assert outcome.counts["on hold"] == left == 500 - outcome.counts["deleted"]


def test_while_somebody_destroys_no_hold_is_placed_and_then_it_is(house: House) -> None:
    house.say(PLAIN)
    house.promise(LOG)
    placed: list[int] = []
    with house.system().connect("test") as conn, conn.transaction():
        assert gate.standing(conn) == ()
        one = threading.Thread(
            target=lambda: placed.append(hold(house.system(), What("table", table="log")))
        )
        one.start()
        one.join(0.3)
        assert placed == []
    one.join()
    assert len(placed) == 1


def test_a_person_on_hold_is_not_erased_and_nobody_else_is_held_by_it(clinic: Clinic) -> None:
    before = clinic.everything()
    number = hold(clinic.system, What("person", subject="person", key=ANNA))
    with clinic.system.connect("test") as conn:
        holds, picture = gate.standing(conn), catalog.read(conn)
        on_hold = {
            table: conn.execute(
                sql.SQL("select count(*) from {} as t where {}").format(sql_name(table), held.rows),
                held.keys,
            ).fetchone()
            for table in ("person", "visit", "finding", "household")
            if (held := gate.on(holds, clinic.system.policy, picture, table)).rows
        }
    # What is theirs by their key, by the row of another table, and by sharing it.
    assert on_hold == {"person": (1,), "visit": (2,), "finding": (2,), "household": (1,)}
    [refusal] = [f for f in clinic.erase().failures if "legal hold" in f.what]
    assert ANNA not in repr(refusal)
    assert "2 rows of visit on legal hold" in refusal.what
    assert clinic.everything() == before
    release(clinic.system, number)
    mail = hold(clinic.system, What("value", column="email", key=TRACES[1].upper()))
    other = hold(clinic.system, What("value", column="email", key="joanna@example.org"))
    release(clinic.system, mail)
    release(clinic.system, other)
    assert clinic.erase().counts["answered"] == 1
    # The holds have ended, and their words do not keep her either; all else of them stays.
    assert clinic.traces() == []
    assert clinic.ask("select key from lifecycle.hold order by hold_id") == [
        "",
        "",
        "joanna@example.org",
    ]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        clinic.ask("update lifecycle.hold set because = 'none', key = ''")
    assert clinic.ask("select because from lifecycle.hold where hold_id = 1") == ["a lawsuit"]


def test_nobody_waits_for_a_person_while_the_holds_are_compared(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared, free = held.held, list[int]()

    def compare(*args: Any) -> tuple[str, ...]:
        why = compared(*args)
        free.extend(
            clinic.ask(f"select 1 from person where person_id = '{ANNA}' for update nowait")
        )
        return why

    hold(clinic.system, What("value", column="email", key="joanna@example.org"))
    monkeypatch.setattr(held, "held", compare)
    outcome = clinic.erase()
    assert outcome.counts["answered"] == 1, outcome.failures
    assert len(free) > 2  # at least in the survey, the rehearsal and the erasure


@pytest.mark.parametrize("what", [What("table", table="visit"), What("table", table="history")])
def test_a_table_on_hold_keeps_whoever_is_in_it(clinic: Clinic, what: What) -> None:
    hold(clinic.system, what)
    assert any("on legal hold" in failure.what for failure in clinic.erase().failures)
    assert clinic.traces() != []


def test_a_hold_that_comes_while_an_erasure_is_under_way_stops_it_before_a_row_or_an_object_goes(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = request._claim  # pyright: ignore[reportPrivateUsage]

    def claim(*args: Any) -> bool:
        done = claimed(*args)
        hold(clinic.system, What("table", table="visit"))
        return done

    monkeypatch.setattr(request, "_claim", claim)
    rows, kept = clinic.ask("select count(*) from visit"), papers(clinic)
    assert kept
    assert any("legal hold" in failure.what for failure in clinic.erase().failures)
    assert clinic.ask("select count(*) from visit") == rows
    assert papers(clinic) == kept


def test_a_hold_is_placed_when_no_object_goes_any_more_and_keeps_what_is_still_there(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted, placed = outside.delete_objects, list[str]()
    one = threading.Thread(
        target=lambda: placed.append(str(hold(clinic.system, What("table", table="visit"))))
    )

    def delete(*args: Any) -> int:
        gone = deleted(*args)
        one.start()
        one.join(0.3)
        assert placed == []
        return gone

    monkeypatch.setattr(outside, "delete_objects", delete)
    rows = clinic.ask("select count(*) from visit")
    failures = clinic.erase().failures
    assert any("legal hold" in failure.what for failure in failures), failures
    one.join()
    assert len(placed) == 1
    assert clinic.ask("select count(*) from visit") == rows


@pytest.mark.parametrize("lost_before", ["an object", "a customer"])
def test_nothing_goes_after_the_connection_is_lost_for_which_a_hold_would_wait(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, lost_before: str
) -> None:
    name = {"an object": "delete_objects", "a customer": "delete_payers"}[lost_before]
    delete, kept = getattr(outside, name), papers(clinic)

    def lost(*args: Any) -> int:
        clinic.ask(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
            " and (classid, objid) = (7, 20190406)"
        )
        return delete(*args)

    if lost_before == "a customer":
        joanna_asks(clinic)
    monkeypatch.setattr(outside, name, lost)
    with pytest.raises(Unreachable):
        clinic.erase()
    assert lost_before == "a customer" or papers(clinic) == kept
    for customer in clinic.customers:
        assert not getattr(clinic.stripe.v1.customers.retrieve(customer), "deleted", False)


def test_what_holds_nothing_is_refused(clinic: Clinic) -> None:
    system = clinic.system
    with system.connect("test") as conn:
        picture = catalog.read(conn)
        for what in (
            What("person", subject="nobody", key="1"),
            What("table", table="vist"),
            What("value", column="tenant", key="1"),
            What("span", table="visit", column="tenant"),
        ):
            with pytest.raises(NotFound):
                place.must_be_there(what, system.policy, picture)
        for key in ("not a key", "00000000-0000-0000-0000-000000000000"):
            nobody = What("person", subject="person", key=key)
            assert place.of_somebody(conn, nobody, system.policy) is None
        anna = What("person", subject="person", key=ANNA.upper())
        assert place.of_somebody(conn, anna, system.policy) == replace(anna, key=ANNA)
        with pytest.raises(InputError, match="never hold"):
            hold(system, What("table", table="visit"), until=datetime(2020, 1, 1, tzinfo=UTC))
        with pytest.raises(NotFound):
            release(system, 99)
        number = hold(system, What("table", table="visit"))
        release(system, number)
        with pytest.raises(Refused):
            release(system, number)
        for said in (
            "update lifecycle.hold set until = now()",
            "delete from lifecycle.hold_release",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(said.encode())
    with (
        psycopg.connect(clinic.admin) as admin,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        admin.execute("delete from lifecycle.hold_release")


def test_a_plan_made_before_a_hold_is_another_one_afterwards(house: House) -> None:
    house.say(PLAIN + "insert into log values (1, '2020-01-01'), (2, '2020-01-01')")
    house.promise(LOG)
    task = Task(house.system(), house.claim(), NOW)
    before = PROMISE.decide(house.policy, PROMISE.survey(task.system, NOW, None), NOW)
    hold(task.system, What("table", table="log"))
    after = PROMISE.decide(house.policy, PROMISE.survey(task.system, NOW, None), NOW)
    assert (len(before.steps), len(after.steps)) == (1, 0)
