"""What becomes a person's between the first night of their erasure and its proof: noted, shown, counted, and gone too."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from gdpr import night, outside
from gdpr.note import Note
from gdpr.promise import PROMISE
from gdpr.prove import Proof
from lifecycle.errors import LifecycleError, Unreachable
from lifecycle.outcome import Outcome, Verdict
from lifecycle.system import System
from tests.database.clinic import ANNA, JOANNA, NOW, Clinic
from tests.database.test_gdpr import capped
from tests.database.test_gdpr_requests import SEARCHED, away, begun, joanna_has_number_one
from tests.keep import plan

HER_ROW = "insert into person values (%(a)s, 1, 'anna.new@example.org', 'Anna Neumann')"
ON_THE_BOARD = "insert into board values (9, 'call anna.new@example.org')"


def stands_on_the_board(outcome: Outcome) -> None:
    [failure] = outcome.failures
    assert outcome.verdict is Verdict.FAIL
    assert "an identifier of the person would still stand in board (1 row)" in failure.what


def test_an_address_that_she_changes_while_her_objects_go_is_looked_for_too(clinic: Clinic) -> None:
    clinic.ask(
        f"""create function public.late() returns trigger language plpgsql security definer as $$ begin
               if new.kind = 'outcome' and new.event = 'gdpr.objects_deleted' then
                   update public.person set email = 'anna.new@example.org' where person_id = '{ANNA}';
                   insert into public.board values (9, 'call anna.new@example.org') on conflict do nothing; end if;
               return new; end $$"""
    )
    clinic.ask(
        "create trigger late before insert on lifecycle.evidence for each row execute function public.late()"
    )
    stands_on_the_board(clinic.erase())
    clinic.ask("update board set words = 'nobody' where board_id = 9")
    assert clinic.erase().verdict is SEARCHED
    assert clinic.traces() == []
    [left] = clinic.ask("select count(*) from history as h where h::text like '%%anna.new%%'")
    assert left == 0


def test_an_address_with_which_her_row_was_put_back_is_looked_for_too(clinic: Clinic) -> None:
    begun(clinic, "erased")
    clinic.ask(HER_ROW, a=ANNA)
    clinic.ask(ON_THE_BOARD)
    stands_on_the_board(clinic.erase())
    # It is noted, whatever becomes of her row.
    clinic.ask("delete from person where person_id = %(a)s", a=ANNA)
    stands_on_the_board(clinic.erase())
    clinic.ask("update board set words = 'nobody' where board_id = 9")
    assert clinic.erase().verdict is SEARCHED
    assert clinic.traces() == []


def test_an_object_that_comes_after_her_rows_are_gone_is_deleted(clinic: Clinic) -> None:
    clinic.ask("alter table paper drop constraint paper_person_id_fkey")
    begun(clinic, "erased")
    clinic.store.put_bytes("papers", "scan-late", b"content")
    clinic.ask("insert into paper values (77, %(a)s, 'scan-late')", a=ANNA)
    assert clinic.erase().verdict is SEARCHED
    assert clinic.store.versions("papers", "scan-late") == ()
    assert clinic.traces() == []


def put_back(clinic: Clinic, days: int) -> None:
    clinic.ask(HER_ROW, a=ANNA)
    clinic.ask(
        "insert into diary select %(a)s, '2026-01-01'::date + n, 'late' from generate_series(1, %(d)s) n",
        a=ANNA,
        d=days,
    )


def test_a_plan_shows_the_rows_that_were_put_back_and_they_count(clinic: Clinic) -> None:
    begun(clinic, "erased")
    put_back(clinic, 5)
    shown = plan(PROMISE, clinic.system, NOW)
    rows = {(step.verb, step.target): step.rows for step in shown.decision.steps}
    assert rows["delete", "diary"] == 5
    assert rows["delete", "person"] == 1
    assert ("prove", "everywhere") in rows
    assert clinic.erase(shown=shown).verdict is SEARCHED
    assert clinic.traces() == []
    [tables] = clinic.ask("select tables from lifecycle.erasure")
    assert (tables["diary"], tables["person"], tables["visit"]) == (7, 2, 2)


@pytest.mark.parametrize("rows", [20, 1000])
def test_rows_that_were_put_back_are_held_against_the_cap(clinic: Clinic, rows: int) -> None:
    begun(clinic, "erased")
    put_back(clinic, 40)
    outcome = capped(clinic, rows).erase()
    if rows == 20:
        assert "rows would end or change, and an unattended run may do that to 20 more" in str(
            outcome.failures
        )
    left = clinic.ask("select count(*) from diary where person_id = %(a)s", a=ANNA)
    assert left == [40 if rows == 20 else 0]


SHARED = "identifiers shared with somebody else"
NAMESAKE = "insert into person values ('d0000000-0000-4000-8000-00000000000d', 2, %(e)s, 'Anna \"Nan\" Lind')"


def not_searched_for(outcome: Outcome) -> list[str]:
    """Return what the outcome says of values that another person goes by as well."""
    unseen = cast("list[dict[str, str]]", outcome.coverage["unseen"])
    return [one["why"] for one in unseen if one["place"] == SHARED]


@pytest.mark.parametrize("at", ["erased", "sealed"])
@pytest.mark.parametrize("email", ["other@example.org", "anna@example.org"])
def test_who_signs_up_by_her_name_or_address_before_the_proof_neither_holds_it_up_nor_is_touched(
    clinic: Clinic, at: str, email: str
) -> None:
    begun(clinic, at)
    if at == "sealed":
        clinic.ask("update person set email = 'anna2@example.org' where person_id = %(a)s", a=ANNA)
    clinic.ask(NAMESAKE, e=email)
    theirs = "select h::text from history as h where about::text like 'd0%%' or rec like 'd0%%'"
    before = clinic.ask(theirs)
    assert before
    outcome = clinic.erase()
    assert outcome.verdict is SEARCHED
    number = 2 if email == "anna@example.org" else 1
    [why] = not_searched_for(outcome)
    assert f"({number} in all)" in why
    assert clinic.ask(theirs) == before
    assert clinic.ask("select state from lifecycle.erasure") == ["proven"]


def test_what_a_namesake_goes_by_too_is_named_as_not_searched_for(clinic: Clinic) -> None:
    clinic.ask(NAMESAKE, e="other@example.org")
    clinic.ask("insert into board values (9, 'Anna \"Nan\" Lind of household 1 is diabetic')")
    outcome = clinic.erase()
    assert outcome.verdict is SEARCHED
    assert len(not_searched_for(outcome)) == 1


def test_of_somebody_without_a_namesake_nothing_is_named_as_shared(clinic: Clinic) -> None:
    assert not_searched_for(clinic.erase()) == []


ASKED_AGAIN = "insert into request values (9, %(a)s, '2026-10-01 06:00Z', '2026-10-31 06:00Z')"
NOTES = "select state, sealed is null from lifecycle.erasure"
ANSWERS = "select state from request where request_id in (1, 9)"


@pytest.mark.parametrize("second", ["sealed", "erased"])
def test_who_asked_twice_and_met_a_night_without_the_store_is_proven_for_both(
    clinic: Clinic, second: str
) -> None:
    clinic.ask(ASKED_AGAIN, a=ANNA)
    with pytest.MonkeyPatch.context() as patch:
        if second == "sealed":
            patch.setattr(outside, "delete_objects", away)
        else:  # it comes back for the second, until the proof
            whole = outside.delete_objects

            def back(*_: object) -> None:
                patch.setattr(outside, "delete_objects", whole)
                away()

            patch.setattr(outside, "delete_objects", back)
            patch.setattr(night, "prove", away)
        with pytest.raises(Unreachable):
            clinic.erase()
    assert sorted(clinic.ask("select state from lifecycle.erasure")) == sorted(("sealed", second))
    outcome = clinic.erase()
    assert outcome.verdict is SEARCHED
    assert outcome.failures == ()
    assert clinic.ask(NOTES) == [("proven", True), ("proven", True)]
    assert clinic.ask(ANSWERS) == ["completed", "completed"]
    assert clinic.traces() == []


def test_what_one_of_two_requests_knows_of_a_person_the_other_looks_for_too(clinic: Clinic) -> None:
    begun(clinic, "sealed")
    clinic.ask("update person set email = 'anna.new@example.org' where person_id = %(a)s", a=ANNA)
    clinic.ask("insert into board values (9, 'call anna@example.org')")
    clinic.ask(ASKED_AGAIN, a=ANNA)
    assert "would still stand in board (1 row)" in str(clinic.erase().failures)
    clinic.ask("update board set words = 'nobody' where board_id = 9")
    assert clinic.erase().verdict is SEARCHED
    assert set(clinic.ask(NOTES)) == {("proven", True)}
    assert clinic.traces() == []


def test_an_answer_given_again_proves_nothing_of_what_was_begun_since(clinic: Clinic) -> None:
    begun(clinic, "proven")
    clinic.ask(HER_ROW, a=ANNA)
    clinic.ask(ASKED_AGAIN, a=ANNA)
    clinic.ask("update request set state = 'processing' where request_id = 1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night, "prove", away)
        clinic.erase()
    assert clinic.ask("select state from request order by 1") == [
        "completed",
        "pending",
        "processing",
    ]
    assert sorted(clinic.ask("select state from lifecycle.erasure")) == ["erased", "proven"]


def test_a_request_that_has_the_number_of_anothers_is_not_answered_with_it(clinic: Clinic) -> None:
    begun(clinic, "sealed")
    joanna_has_number_one(clinic)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night, "prove", away)
        with pytest.raises(Unreachable):
            clinic.erase()  # hers is begun under Anna's number, and names nobody now
        clinic.ask(ASKED_AGAIN, a=ANNA)
        patch.undo()
        whole = night.prove

        def for_anna(
            system: System, notes: Sequence[Note], stale: Any
        ) -> tuple[Proof | LifecycleError, ...]:
            gone = Unreachable("away", hint="wait")
            proofs = zip(notes, whole(system, notes, stale), strict=True)
            return tuple(proof if note.person == ANNA else gone for note, proof in proofs)

        patch.setattr(night, "prove", for_anna)
        clinic.erase()
    assert clinic.ask("select state from request order by request_id") == [
        "processing",
        "completed",
    ]


@pytest.mark.parametrize("name", ["Änne Müller", "ÄNNE MÜLLER", "änne müller"])
@pytest.mark.parametrize("written", ["ÄNNE MÜLLER", "änne müller", "Änne Müller"])
def test_a_name_in_other_case_is_found_where_the_database_folds_ascii_alone(
    clinic: Clinic, name: str, written: str
) -> None:
    assert clinic.ask("select lower('Ä')") == ["Ä"]
    clinic.ask("update person set name = %(n)s where person_id = %(a)s", n=name, a=ANNA)
    clinic.ask(
        "update history set after = jsonb_build_object('for', %(w)s::text) where agent = 'desk'",
        w=written,
    )
    clinic.ask("insert into board values (9, %(w)s)", w=f"call {written}!")
    assert "would still stand in board (1 row)" in str(clinic.erase().failures)
    clinic.ask("update board set words = 'nobody' where board_id = 9")
    clinic.ask(
        "create materialized view seen as select %(w)s::text".replace("%(w)s", f"'{written}'")
    )
    clinic.ask("grant select on seen to lifecycle")
    assert [f.target.partition(": ")[2] for f in clinic.erase().failures] == ["seen"]
    assert clinic.ask("select count(*) from history as h where h::text ~ 'LLER|ller'") == [0]
    clinic.ask("drop materialized view seen")
    assert clinic.erase().verdict is SEARCHED


def test_a_namesake_in_other_case_is_a_namesake(clinic: Clinic) -> None:
    clinic.ask("update person set name = 'Änne Müller' where person_id = %(a)s", a=ANNA)
    clinic.ask("update person set name = 'ÄNNE MÜLLER' where person_id = %(j)s", j=JOANNA)
    outcome = clinic.erase()
    assert outcome.verdict is SEARCHED
    assert len(not_searched_for(outcome)) == 1
