"""Our own record of a request, from the night it appeared: what it keeps, what it finds, and how it ends."""

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from psycopg.conninfo import make_conninfo

from gdpr import asked, foresee, trail, why
from gdpr.promise import PROMISE
from gdpr.told import lines
from lifecycle.errors import Unreachable
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.keys import reference_key
from tests.cutting import cutting
from tests.database.clinic import ANNA, JOANNA, NOW, OTTO, TRACES, Clinic
from tests.database.test_gdpr import anna_is_gone, cut_off_at
from tests.database.test_gdpr_requests import SEARCHED, figures_of
from tests.keep import keep, plan

EARLIER = datetime(2026, 11, 2, 4, tzinfo=UTC)
"""A night in Anna's grace."""

OPEN = "select ended_at is null from lifecycle.asked order by asked_id"
NOTED = "select count(*) from lifecycle.evidence where event = 'gdpr.noted'"
ENDS = "select how, sealed is null from lifecycle.asked order by asked_id"
SCRUB = "update person set email = 'gone@invalid', name = 'Scrubbed 17' where person_id = %(p)s"
ASKS_AGAIN = (
    "insert into request values (9, %(p)s, '2026-11-03 06:00Z', '2026-12-03 06:00Z', 'pending')"
)


def in_grace(clinic: Clinic) -> None:
    """Do a night in Anna's grace: she is noted, and nothing else is done."""
    outcome = clinic.erase(EARLIER)
    assert (outcome.verdict, outcome.counts["due"]) == (Verdict.PASS, 0)
    assert clinic.ask(OPEN) == [True, True]


def goes_by(clinic: Clinic, who: str) -> set[str]:
    """Return the identifiers that are sealed of a person."""
    key = reference_key(clinic.system.settings.reference_key)
    with clinic.system.snapshot("a test") as conn:
        note = asked.of_person(conn, key, who)
    return set(note.identifiers) if note else set()


def why_of(clinic: Clinic, wanted: str = "1", now: datetime = NOW) -> dict[str, object]:
    """Return what is said of a request when no run is at it, in which nobody is named."""
    clinic.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
    found = why.document(trail.read(clinic.system, wanted), now)
    said = json.dumps(found, default=str) + "\n".join(lines(found))
    assert not any(trace.lower() in said.lower() for trace in (*TRACES, JOANNA))
    return found


def told(outcome: Outcome, clinic: Clinic, number: int = 1) -> str:
    """Return what the one failure says, which is of this request."""
    [failure] = outcome.failures
    assert outcome.verdict is Verdict.FAIL
    assert failure.target == f"request {clinic.reference(number)}"
    said = failure.what + failure.hint
    assert not any(trace.lower() in said.lower() for trace in (*TRACES, JOANNA))
    return said


def test_an_address_that_the_application_scrubs_in_the_grace_is_found_where_else_it_stands(
    clinic: Clinic,
) -> None:
    in_grace(clinic)
    clinic.ask(SCRUB, p=ANNA)
    clinic.ask("insert into board values (9, 'call anna@example.org')")
    outcome = clinic.erase()
    assert "an identifier of the person would still stand in board (1 row)" in told(outcome, clinic)
    clinic.ask("delete from board where board_id = 9")
    clinic.ask("create materialized view seen as select 'to anna@example.org'::text as sent")
    clinic.ask("grant select on seen to lifecycle")
    [failure] = clinic.erase().failures
    assert failure.target == f"request {clinic.reference(1)}: seen"
    clinic.ask("drop materialized view seen")
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)
    assert clinic.ask(ENDS) == [("proven", True), (None, False)]


def test_without_a_night_in_the_grace_nobody_knows_the_address_that_was_scrubbed(
    clinic: Clinic,
) -> None:
    """What the record is for: an address that nobody noted in time is searched for by nobody."""
    clinic.ask(SCRUB, p=ANNA)
    clinic.ask("insert into board values (9, 'call anna@example.org')")
    assert clinic.erase().verdict is SEARCHED
    assert ("board", 1) in clinic.traces()


def test_every_address_that_was_hers_in_the_grace_is_kept_and_nothing_is_written_anew(
    clinic: Clinic,
) -> None:
    in_grace(clinic)
    assert clinic.ask(NOTED) == [2]
    clinic.erase(EARLIER)
    assert clinic.ask(NOTED) == [2]
    clinic.ask("update person set email = 'anna.new@example.org' where person_id = %(a)s", a=ANNA)
    clinic.erase(EARLIER)
    assert clinic.ask(NOTED) == [3]
    assert clinic.ask("select joined_at > noted_at from lifecycle.asked order by asked_id") == [
        True,
        False,
    ]
    clinic.ask("update person set email = 'anna.last@example.org' where person_id = %(a)s", a=ANNA)
    clinic.erase(EARLIER)
    named = {"anna@example.org", "anna.new@example.org", "anna.last@example.org"}
    assert goes_by(clinic, ANNA) == {*named, TRACES[3]}
    assert not clinic.ask(
        "select 1 from lifecycle.asked as a where a::text ~ 'example|Nan|-4000-8000-'"
    )


def test_an_object_of_which_the_row_went_in_the_grace_goes_too(clinic: Clinic) -> None:
    in_grace(clinic)
    clinic.ask("update paper set first_scan = null")
    clinic.ask("update scan set previous = null")
    clinic.ask("delete from scan where person_id = %(a)s", a=ANNA)
    clinic.ask("delete from paper where paper_id in (1, 2)")
    shown = {(s.verb, s.target, s.cost) for s in plan(PROMISE, clinic.system, NOW).decision.steps}
    assert ("delete objects", "papers", "3 keys, 5 versions") in shown
    assert clinic.erase().verdict is SEARCHED
    for key in ("scan-1", "scan-1.jpg", "scan-2"):
        assert clinic.store.versions("papers", key) == ()


def test_what_became_anothers_in_the_grace_stays_theirs(clinic: Clinic) -> None:
    clinic.ask("update board set words = 'nobody'")
    clinic.ask("update request set asked = '2026-10-22Z', due = '2026-11-20Z' where request_id = 2")
    clinic.ask("delete from request where request_id = 1")
    clinic.erase(EARLIER)
    # Otto moves in where Joanna was alone, and she moves out; he has her former address, and she a new one.
    clinic.ask("update person set household_id = 2 where person_id = %(o)s", o=OTTO)
    clinic.ask("update person set household_id = 1 where person_id = %(j)s", j=JOANNA)
    clinic.ask("update person set email = 'jo@example.org' where person_id = %(j)s", j=JOANNA)
    clinic.ask("update person set email = 'joanna@example.org' where person_id = %(o)s", o=OTTO)
    before = clinic.ask("select p::text from person p where person_id = %(o)s", o=OTTO)
    assert clinic.erase().verdict is SEARCHED
    assert clinic.ask("select p::text from person p where person_id = %(o)s", o=OTTO) == before
    for customer in clinic.customers:
        assert not getattr(clinic.stripe.v1.customers.retrieve(customer), "deleted", False)
    assert [one for one, _ in clinic.calls() if one == "DELETE"] == []


def test_whom_the_application_takes_away_in_the_grace_is_searched_for_all_the_same(
    clinic: Clinic,
) -> None:
    """As `on delete set null` leaves it: the request names nobody, and only our record says whose it is."""
    in_grace(clinic)
    clinic.ask("insert into board values (9, 'call anna@example.org')")
    taken_away(clinic)
    assert why_of(clinic)["state"] == "due"
    assert "would still stand in board" in told(clinic.erase(), clinic)
    clinic.ask("update board set words = 'nobody' where board_id = 9")
    assert clinic.erase().verdict is SEARCHED
    assert clinic.traces() == []
    assert clinic.ask("select state from request where request_id = 1") == ["completed"]
    assert clinic.store.versions("papers", "scan-1") == ()
    assert clinic.ask(ENDS)[0] == ("proven", True)


def test_whom_the_application_takes_away_with_their_request_is_searched_for_when_its_row_is_back(
    clinic: Clinic,
) -> None:
    """As `on delete cascade` leaves it: nothing. The finding says when it was asked, by which it is known again."""
    in_grace(clinic)
    clinic.ask("insert into board values (9, 'call anna@example.org')")
    taken_away(clinic)
    clinic.ask("delete from request where request_id = 1")
    said = told(clinic.erase(), clinic)
    assert "for nobody, where the person's row is gone, too" in said
    [at] = re.findall(r"asked at (\S+) ", said)
    clinic.ask(
        "insert into request values (1, null, %(at)s, '2026-11-21 06:00Z', 'pending')", at=at
    )
    assert "would still stand in board" in told(clinic.erase(), clinic)
    clinic.ask("update board set words = 'nobody' where board_id = 9")
    assert clinic.erase().verdict is SEARCHED
    assert clinic.ask(ENDS)[0] == ("proven", True)
    assert clinic.store.versions("papers", "scan-1") == ()


def taken_away(clinic: Clinic) -> None:
    """Delete Anna's rows as an application does that believes it is done then."""
    clinic.ask("update request set person_id = null where request_id = 1")
    clinic.ask("update visit set doctor_id = null where doctor_id = %(a)s", a=ANNA)
    clinic.ask("update paper set first_scan = null")
    clinic.ask("update scan set previous = null")
    clinic.ask("delete from finding where (site, number) in (select site, number from visit where person_id = %(a)s)", a=ANNA)  # fmt: skip
    for table in ("scan", "paper", "diary", "visit", "person"):
        clinic.ask(f"delete from {table} where person_id = %(a)s", a=ANNA)


def test_of_a_request_that_names_nobody_while_the_person_is_there_nobody_is_erased(
    clinic: Clinic,
) -> None:
    in_grace(clinic)
    clinic.ask("update request set person_id = null where request_id = 1")
    for now in (EARLIER, NOW):
        said = told(clinic.erase(now), clinic)
        assert "it names nobody any more" in said
        assert "Put the person back" in said
    assert clinic.ask("select count(*) from person") == [3]
    found = why_of(clinic)
    assert found["state"] == "names nobody"
    assert "is there still" in str(found["meaning"])
    clinic.ask("update request set person_id = %(a)s where request_id = 1", a=ANNA)
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


def test_a_request_that_never_named_anybody_is_found_while_somebody_can_still_say_whose_it_is(
    clinic: Clinic,
) -> None:
    clinic.ask("update request set person_id = null where request_id = 2")
    outcome = clinic.erase(EARLIER)
    assert "no record of ours says whose it is" in told(outcome, clinic, 2)
    assert clinic.ask(OPEN) == [True]  # Anna's is noted all the same
    assert why_of(clinic, "2", EARLIER)["state"] == "names nobody"


LOST: dict[str, tuple[str, str, str, str]] = {
    "deleted": (
        "delete from request where request_id = 1",
        "its row is gone from the application's table",
        "vanished",
        f"insert into request values (1, '{ANNA}', '2026-10-22 06:00Z', '2026-11-21 06:00Z')",
    ),
    "answered by somebody else": (
        "update request set state = 'completed' where request_id = 1",
        "no erasure of ours is on record",
        "closed by somebody else",
        "update request set state = 'pending' where request_id = 1",
    ),
    "another's number": (
        f"update request set person_id = '{OTTO}' where request_id = 1",
        "its number is another request's now",
        "in grace",
        f"update request set person_id = '{ANNA}' where request_id = 1",
    ),
}


@pytest.mark.parametrize("how", LOST)
def test_what_became_of_a_request_without_us_is_found_every_night_until_somebody_has_looked(
    clinic: Clinic, how: str
) -> None:
    change, words, state, back = LOST[how]
    in_grace(clinic)
    clinic.ask(change)
    for _ in range(2):
        said = told(clinic.erase(EARLIER), clinic)
        assert words in said
        assert "It was noted at 20" in said
    assert figures_of(clinic, EARLIER)["erasure_requests_lost"] == 1
    assert words in str(PROMISE.status(clinic.system, EARLIER).rows)
    found = why_of(clinic, "1", EARLIER)
    assert found["state"] == state
    assert words in str(found["meaning"]) + str(found["lost"])
    assert goes_by(clinic, ANNA) == {"anna@example.org", TRACES[3]}
    clinic.ask(back)
    assert clinic.erase(EARLIER).verdict is (
        Verdict.FAIL if how == "another's number" else Verdict.PASS
    )
    assert clinic.erase().counts["answered"] == 1
    assert clinic.traces() == []


@pytest.mark.parametrize("at", ["noted", "joined"])
def test_who_takes_it_back_is_forgotten_by_the_record(clinic: Clinic, at: str) -> None:
    in_grace(clinic)
    if at == "joined":
        clinic.ask("update person set email = 'anna.new@example.org' where name like 'Anna%%'")
        clinic.erase(EARLIER)
    clinic.ask("update request set state = 'canceled' where request_id = 1")
    assert clinic.erase(EARLIER).verdict is Verdict.PASS
    assert clinic.ask(ENDS) == [("withdrawn", True), (None, False)]
    assert why_of(clinic)["state"] == "canceled"
    assert clinic.ask("select count(*) from person") == [3]
    clinic.ask("update request set state = 'pending' where request_id = 1")
    clinic.erase(EARLIER)
    assert clinic.ask(ENDS) == [("withdrawn", True), (None, False), (None, False)]


def test_who_asks_again_is_searched_for_by_what_the_first_request_knew(clinic: Clinic) -> None:
    in_grace(clinic)
    clinic.ask("delete from request where request_id = 1")
    clinic.ask(ASKS_AGAIN, p=ANNA)
    clinic.ask("update person set email = 'anna.new@example.org' where person_id = %(a)s", a=ANNA)
    assert clinic.erase(EARLIER).verdict is Verdict.PASS
    assert clinic.ask(OPEN) == [True, True, True]  # nothing ends before the other one knows it all
    assert clinic.erase(EARLIER).verdict is Verdict.PASS
    assert clinic.ask(ENDS) == [("asked again", True), (None, False), (None, False)]
    assert why_of(clinic)["state"] == "asked again"
    assert goes_by(clinic, ANNA) == {"anna@example.org", "anna.new@example.org", TRACES[3]}


def test_who_would_be_erased_is_shown_with_what_was_noted(clinic: Clinic) -> None:
    in_grace(clinic)
    clinic.ask(SCRUB, p=ANNA)
    clinic.ask("insert into board values (9, 'call anna@example.org')")
    seen = foresee.foresee(clinic.system, "person", ANNA)
    assert [one.table for one in seen.quoted] == ["board"]


def test_trouble_with_one_request_hinders_no_other(clinic: Clinic) -> None:
    clinic.ask(
        f"""create function public.no() returns trigger language plpgsql security definer as $$ begin
               if new.event = 'gdpr.noted' and new.reference = '{clinic.reference(2)}' then
                   raise insufficient_privilege; end if;
               return new; end $$"""
    )
    clinic.ask(
        "create trigger no before insert on lifecycle.evidence for each row execute function public.no()"
    )
    outcome = clinic.erase()
    assert "it could not be noted" in told(outcome, clinic, 2)
    assert outcome.counts["answered"] == 1
    anna_is_gone(clinic)
    assert clinic.ask(ENDS) == [("proven", True)]


def test_who_cannot_be_noted_is_not_erased_before_they_are(clinic: Clinic) -> None:
    cut_off_at(clinic, "effect", "gdpr.noted", "pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Unreachable):
        clinic.erase()
    assert clinic.ask("select count(*) from lifecycle.asked") == [0]
    assert clinic.ask("select state from request order by 1") == ["pending", "pending"]


STATEMENTS: dict[str, Callable[[Clinic], None]] = {
    "gdpr.noted": lambda clinic: clinic.ask(SCRUB, p=ANNA).clear(),
    "gdpr.withdrawn": lambda clinic: clinic.ask(
        "update request set state = 'canceled' where request_id = 1"
    ).clear(),
    "gdpr.proven": lambda _: None,
}


@pytest.mark.parametrize("event", STATEMENTS)
def test_a_connection_lost_while_a_record_is_written_leaves_it_as_it_was(
    clinic: Clinic, event: str
) -> None:
    in_grace(clinic)
    before = clinic.ask("select a::text from lifecycle.asked a order by asked_id")
    STATEMENTS[event](clinic)
    now = NOW if event == "gdpr.proven" else EARLIER
    cut_off_at(clinic, "finding" if event == "gdpr.proven" else "effect", event, "pg_terminate_backend(pg_backend_pid())")  # fmt: skip
    with pytest.raises(Unreachable):
        clinic.erase(now)
    assert clinic.ask("select a::text from lifecycle.asked a order by asked_id") == before
    clinic.ask("drop trigger cut on lifecycle.evidence")
    clinic.erase(now)
    after = clinic.ask("select a::text from lifecycle.asked a order by asked_id")
    assert after[0] != before[0]
    assert after[1] == before[1]


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_at_any_commit_that_nobody_hears_of_a_request_is_noted_once_and_as_a_whole(
    clinic: Clinic, done: bool
) -> None:
    with cutting(clinic.admin) as way:
        dsn = make_conninfo(way.conninfo, user="lifecycle")
        settings = clinic.system.settings.model_copy(update={"dsn": dsn})
        over = replace(clinic, system=replace(clinic.system, settings=settings))
        cuts = 0
        while not cuts or way.seen >= cuts:  # as long as there was one to cut
            clinic.ask("delete from lifecycle.asked")
            before = clinic.ask(NOTED)[0]
            claim = clinic.claim()
            way.at(cuts, done=done)
            with contextlib.suppress(Unreachable):
                keep(PROMISE, over.system, claim, EARLIER)
            cuts += 1
            clinic.erase(EARLIER)
            assert clinic.ask(OPEN) == [True, True]
            assert clinic.ask(NOTED)[0] == before + 2
            assert goes_by(clinic, ANNA) == {"anna@example.org", TRACES[3]}
    assert cuts >= 3


EXCHANGED = {
    "by another key": ("'x'", "does not open with the reference key"),
    "for another person's": (
        "(select sealed from lifecycle.asked where reference = %(two)s)",
        "a sealed note is of another person than its record",
    ),
}


@pytest.mark.parametrize("how", EXCHANGED)
def test_a_record_of_which_the_seal_was_exchanged_is_found_by_name_and_nobody_is_erased_by_it(
    clinic: Clinic, how: str
) -> None:
    value, words = EXCHANGED[how]
    in_grace(clinic)
    one, two = clinic.reference(1), clinic.reference(2)
    change = f"update lifecycle.asked set sealed = {value} where reference = %(one)s"
    clinic.ask(change, one=one, two=two)
    assert words in told(clinic.erase(), clinic)
    clinic.ask("update request set person_id = null where request_id = 1")
    clinic.ask("delete from paper where person_id = %(j)s", j=JOANNA)
    assert words in told(clinic.erase(), clinic)
    assert clinic.ask("select count(*) from person") == [3]
    if how == "by another key":
        clinic.ask("delete from request where request_id = 1")
        assert "whose it is does not open" in told(clinic.erase(), clinic)


def test_only_the_record_of_the_request_that_a_plan_is_of_is_written(clinic: Clinic) -> None:
    shown = plan(PROMISE, clinic.system, NOW, clinic.reference(1))
    clinic.erase(shown=shown)
    assert clinic.ask("select reference from lifecycle.asked") == [clinic.reference(1)]
