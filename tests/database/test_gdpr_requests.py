"""Whose a request is and when: numbers that come back, dates nobody can hold, claims that change nothing."""

import re
from datetime import UTC, datetime
from typing import NoReturn

import psycopg
import pytest

from gdpr import chapter, figures, night, outside, request, verify
from gdpr.promise import PROMISE
from lifecycle.coverage import conclude
from lifecycle.errors import Unreachable
from lifecycle.outcome import Verdict
from lifecycle.postgres import connect
from tests.database.clinic import ANNA, JOANNA, NOW, Clinic
from tests.keep import plan

SEARCHED = Verdict.UNVERIFIED
LATER = datetime(2027, 3, 1, 12, tzinfo=UTC)
PEOPLE = "select person_id::text from person order by 1"


def figures_of(clinic: Clinic, now: datetime = NOW) -> dict[str, object]:
    """Return what the room says to /metrics."""
    with clinic.system.snapshot("a test") as conn:
        return {value.name: value.value for value in figures.read(clinic.system, conn, now)}


def away(*_: object, **__: object) -> NoReturn:
    """Be a part of the world that does not answer."""
    raise Unreachable("away", hint="")


def begun(clinic: Clinic, at: str) -> None:
    """Let Anna's erasure come as far as its note says: proven, erased, or sealed and her objects gone."""
    with pytest.MonkeyPatch.context() as patch:
        if at == "erased":
            patch.setattr(night, "prove", away)
        if at == "sealed":
            patch.setattr(outside, "delete_payers", away)
        if at == "proven":
            assert clinic.erase().verdict is SEARCHED
        else:
            with pytest.raises(Unreachable):
                clinic.erase()
    assert clinic.ask("select state from lifecycle.erasure") == [at]


def joanna_has_number_one(clinic: Clinic) -> None:
    """Make the table of requests anew, as a restored or migrated application does."""
    clinic.ask("update board set words = 'nobody'")
    clinic.ask("delete from request")
    clinic.ask(
        "insert into request values (1, %(j)s, '2026-10-21 06:00Z', '2026-11-20 06:00Z')", j=JOANNA
    )


@pytest.mark.parametrize("at", ["proven", "erased", "sealed"])
def test_whoever_is_named_in_a_request_whose_number_was_anothers_is_erased(
    clinic: Clinic, at: str
) -> None:
    begun(clinic, at)
    before = clinic.ask(PEOPLE)
    joanna_has_number_one(clinic)
    shown = {(s.verb, s.target) for s in plan(PROMISE, clinic.system, NOW).decision.steps}
    assert ("delete", "person") in shown
    outcome = clinic.erase()
    assert clinic.ask(PEOPLE) == [person for person in before if person != JOANNA]
    assert clinic.ask("select state, person_id from request") == [("completed", None)]
    states = clinic.ask("select state from lifecycle.erasure order by claimed_at")
    assert states == [at, "proven"]
    if at == "proven":
        assert outcome.verdict is SEARCHED
        assert len(clinic.lines_outside()) == 2
        return
    asked: list[str] = []
    # Anna's own is not forgotten over it, and ends when her request is there again.
    for one in (outcome, clinic.erase()):
        [failure] = one.failures
        assert failure.target == f"request {clinic.reference(1)}"
        assert "begun and is not proven" in failure.what
        asked = re.findall(r"asked at (\S+) ", failure.hint)
    assert figures_of(clinic)["erasures_abandoned"] == 1
    assert conclude(verify.verify(clinic.system, "1")).summary.startswith(at)
    clinic.ask("update request set request_id = 7")
    clinic.ask(
        "insert into request values (1, %(a)s, %(asked)s, '2026-11-21 06:00Z', 'processing')",
        a=ANNA if at == "sealed" else None,
        asked=asked[0],
    )
    assert clinic.erase().verdict is SEARCHED
    assert clinic.traces() == []
    assert set(clinic.ask("select state from lifecycle.erasure")) == {"proven"}


@pytest.mark.parametrize("at", ["proven", "erased"])
def test_who_was_put_back_and_asks_again_is_erased_again(clinic: Clinic, at: str) -> None:
    begun(clinic, at)
    clinic.ask(
        "insert into person values (%(a)s, 1, 'anna@example.org', 'Anna \"Nan\" Lind')", a=ANNA
    )
    clinic.ask(
        "update request set state = 'pending', person_id = %(a)s, done = null where request_id = 1",
        a=ANNA,
    )
    assert clinic.erase().verdict is SEARCHED
    assert clinic.traces() == []
    assert clinic.ask("select state, person_id from request where request_id = 1") == [
        ("completed", None)
    ]


def test_a_request_of_nobody_made_at_another_time_is_not_answered_by_an_earlier_proof(
    clinic: Clinic,
) -> None:
    begun(clinic, "erased")
    clinic.ask("update request set asked = '2026-10-01Z' where request_id = 1")
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert "no note says who it was" in str(outcome.coverage["unseen"])
    assert clinic.ask("select state from request where request_id = 1") == ["processing"]


def test_a_second_request_that_is_another_persons_now_is_not_answered_with_the_first(
    clinic: Clinic,
) -> None:
    clinic.ask(
        "insert into request values (9, %(a)s, '2026-11-01Z', '2026-12-01Z', 'pending')", a=ANNA
    )
    begun(clinic, "erased")
    clinic.ask("update request set person_id = %(j)s where request_id = 9", j=JOANNA)
    assert clinic.erase().verdict is SEARCHED
    assert clinic.ask("select request_id, state from request order by 1") == [
        (1, "completed"),
        (2, "pending"),
        (9, "pending"),
    ]


def test_who_takes_a_number_over_between_look_and_claim_is_not_claimed_for_another(
    clinic: Clinic,
) -> None:
    clinic.ask("""
        create function public.swap() returns trigger language plpgsql security definer as $$ begin
            if new.kind = 'effect' and new.event = 'gdpr.claimed' then raise 'claimed'; end if;
            return new; end $$;
        create trigger swap before insert on lifecycle.evidence for each row execute function swap()
    """)
    with pytest.MonkeyPatch.context() as patch:
        rehearse = request.erase.rehearse

        def late(work: object) -> None:
            rehearse(work)  # pyright: ignore[reportArgumentType]
            clinic.ask("update request set person_id = %(j)s where request_id = 1", j=JOANNA)

        patch.setattr(request.erase, "rehearse", late)
        outcome = clinic.erase()
    whats = sorted(failure.what for failure in outcome.failures)
    assert len(whats) == 2
    assert "it is due, and setting its state changed nothing" in whats[0]
    assert "its number is another request's now" in whats[1]  # hers, which was noted as Anna's
    assert clinic.ask("select state from request where request_id = 1") == ["pending"]


def test_a_claim_that_a_trigger_swallows_is_a_failure_by_name(clinic: Clinic) -> None:
    clinic.ask("""
        create function public.quiet() returns trigger language plpgsql as $$ begin
            if new.state = 'processing' then return null; end if; return new; end $$;
        create trigger quiet before update on request for each row execute function quiet()
    """)
    outcome = clinic.declared().erase()
    assert outcome.verdict is Verdict.FAIL
    [failure] = outcome.failures
    assert failure.target == f"request {clinic.reference(1)}"
    assert "setting its state changed nothing" in failure.what
    assert (outcome.counts["due"], outcome.counts["answered"]) == (1, 0)
    assert ANNA in clinic.ask(PEOPLE)


def test_a_request_that_waits_past_the_legal_deadline_is_found_whatever_it_waits_for(
    clinic: Clinic,
) -> None:
    clinic.ask("update request set state = 'canceled' where request_id = 2")
    clinic.ask("update request set due = '2099-01-01' where request_id = 1")
    assert clinic.erase().verdict is Verdict.PASS
    outcome = clinic.erase(LATER)
    assert outcome.verdict is Verdict.FAIL
    assert "1 request past the legal deadline" in outcome.failures[0].what
    assert figures_of(clinic, LATER)["erasure_requests_overdue"] == 1
    assert clinic.ask("select state from request where request_id = 1") == ["pending"]


def test_an_erasure_that_was_begun_goes_on_whatever_its_request_says_since(clinic: Clinic) -> None:
    begun(clinic, "sealed")
    clinic.ask("update request set state = 'pending', due = '2099-01-01' where request_id = 1")
    assert [row[1] for row in PROMISE.status(clinic.system, NOW).rows] == ["in grace", "due"]
    assert figures_of(clinic)["erasure_requests_due"] == 1
    assert clinic.erase().verdict is SEARCHED
    assert clinic.traces() == []


ODD = {
    "far away": ("asked", "20000-01-01"),
    "before Christ": ("asked", "0044-03-15 BC"),
    "the last of days": ("asked", "9999-12-31"),
    "the last of days, further west": ("due", "9999-12-31 23:59:59-08"),
}


@pytest.mark.parametrize(
    ("odd", "kind"),
    [*((odd, "timestamptz") for odd in ODD), ("far away", "timestamp"), ("far away", "date")],
)
def test_an_odd_date_is_told_of_its_request_and_stops_nobody_else(
    clinic: Clinic, odd: str, kind: str
) -> None:
    column, value = ODD[odd]
    clinic.ask(f"alter table request alter {column} type {kind}")
    clinic.ask(f"update request set {column} = %(v)s where request_id = 2", v=value)
    told = f"its {column} is empty, infinite or odd"
    assert told in str(PROMISE.status(clinic.system, NOW).rows)
    found = figures_of(clinic)
    assert (found["erasure_requests_undated"], found["erasure_requests_due"]) == (1, 1)
    with clinic.system.snapshot("a test") as conn:
        requests = chapter.gather(conn, clinic.system, NOW, NOW)["requests"]
    assert [one.asked is None for one in requests] == [False, True]
    outcome = clinic.erase()
    [failure] = outcome.failures
    assert failure.target == f"request {clinic.reference(2)}"
    assert told in failure.what
    assert outcome.counts["answered"] == 1
    assert clinic.traces() == []


def test_a_date_beyond_the_last_timestamp_stops_nobody(clinic: Clinic) -> None:
    clinic.ask("alter table request alter due type date")
    clinic.ask("update request set due = '5874897-12-31' where request_id = 2")
    assert clinic.erase().counts["answered"] == 1


def test_a_date_that_python_cannot_hold_is_no_lost_connection(clinic: Clinic) -> None:
    with clinic.system.connect("test") as conn, pytest.raises(psycopg.DataError) as failed:
        conn.execute("select '20000-01-01'::timestamptz").fetchone()
    said = connect.explain(failed.value)
    assert not isinstance(said, Unreachable)
    assert "none that this program can hold" in said.what
