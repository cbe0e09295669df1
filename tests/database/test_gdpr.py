"""An erasure on real parts: whole, exact, refused where it would be wrong, and safe to cut off anywhere."""

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from gdpr import chapter, figures, findings, night, places, prove, verify
from gdpr.promise import PROMISE
from gdpr.request import Done
from gdpr.search import database
from gdpr.search.database import Searched
from lifecycle import cli as product
from lifecycle import cli_options, rooms
from lifecycle.admin import install
from lifecycle.coverage import Place, conclude
from lifecycle.errors import Conflict, InputError, LifecycleError, NotFound, Refused, Unreachable
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy.model import Table
from lifecycle.postgres import catalog
from lifecycle.promise import Task
from lifecycle.schedule.state import DaemonState
from lifecycle.watch import gather
from tests.database import clinic as the_clinic
from tests.database.clinic import ANNA, JOANNA, NOW, OTTO, Clinic
from tests.keep import plan
from tests.waiting import wait_until

SEARCHED = Verdict.UNVERIFIED
"""Erased and found nowhere it was looked: what is not searched yet is named, and no erasure passes without it."""


def anna_is_gone(clinic: Clinic) -> None:
    """Assert the one ending every erasure of Anna has, however often it was cut off."""
    assert clinic.traces() == []
    assert clinic.ask("select state, person_id, tables from request where request_id = 1") == [
        ("completed", None, ["diary", "finding", "paper", "person", "scan", "visit"])
    ]
    assert clinic.ask("select state, sealed from lifecycle.erasure") == [("proven", None)]
    for key in ("scan-1", "scan-1.jpg", "scan-2"):
        assert clinic.store.versions("papers", key) == ()
    assert len(clinic.store.versions("papers", "scan-10")) == 1
    assert len(clinic.store.versions("papers", "family")) == 1
    [line] = clinic.lines_outside()
    assert (line["request"], line["tables"]["visit"]) == ("1", 2)


def test_a_person_is_gone_from_everywhere_and_the_others_are_as_before(clinic: Clinic) -> None:
    before = clinic.everything()
    outcome = clinic.erase()
    assert outcome.verdict is SEARCHED
    assert outcome.counts == {"due": 1, "answered": 1, "rows": 12, "waiting": 1, "overdue": 0}
    anna_is_gone(clinic)
    after = clinic.everything()
    assert after["person"] == [row for row in before["person"] if ANNA not in row]
    assert after["visit"] == [
        row.replace(ANNA, "")
        for row in before["visit"]
        if f",{ANNA},{JOANNA}," not in row and f",{ANNA},," not in row
    ]
    assert after["household"] == before["household"]
    assert after["diary"] == [row for row in before["diary"] if ANNA not in row]
    assert clinic.ask("select first_scan from paper where paper_id = 3") == [None]
    assert clinic.ask("select previous from scan") == [None]
    assert after["request"][1:] == before["request"][1:]


def test_the_payer_stays_while_others_share_it(clinic: Clinic) -> None:
    clinic.erase()
    assert clinic.calls() == []
    assert clinic.ask("select customer from household where household_id = 1") == [
        clinic.customers[0]
    ]


def joanna_asks(clinic: Clinic) -> None:
    clinic.ask("update request set due = '2026-11-20Z', asked = '2026-10-22Z' where request_id = 2")
    clinic.ask("update request set due = '2026-12-20Z' where request_id = 1")
    clinic.ask("update board set words = 'nobody'")


def test_the_payer_goes_with_the_last_one_who_shares_it(clinic: Clinic) -> None:
    joanna_asks(clinic)
    assert clinic.erase().verdict is SEARCHED
    assert clinic.ask("select household_id from household") == [1]
    assert getattr(clinic.stripe.v1.customers.retrieve(clinic.customers[1]), "deleted", False)
    assert not getattr(clinic.stripe.v1.customers.retrieve(clinic.customers[0]), "deleted", False)
    assert clinic.ask(
        "select count(*) from history where before::text like %(c)s or after::text like %(c)s",
        c=f"%{clinic.customers[1]}%",
    ) == [0]


@pytest.mark.parametrize("fault", ["drop-after", 500])
def test_stripe_failing_once_changes_nothing_about_the_ending(
    clinic: Clinic, fault: str | int
) -> None:
    joanna_asks(clinic)
    clinic.fail({"status": fault, "method": "DELETE"})
    assert clinic.erase().verdict is SEARCHED
    assert getattr(clinic.stripe.v1.customers.retrieve(clinic.customers[1]), "deleted", False)


def test_stripe_failing_for_good_leaves_the_rows_and_the_request_open(clinic: Clinic) -> None:
    joanna_asks(clinic)
    clinic.fail({"status": 500, "method": "DELETE", "count": 10})
    with pytest.raises(Unreachable, match="Stripe") as failed:
        clinic.erase()
    assert clinic.customers[1] not in failed.value.what + failed.value.hint
    assert clinic.ask("select state from request where request_id = 2") == ["processing"]
    assert clinic.ask("select count(*) from person") == [3]
    clinic.double("DELETE", "faults")
    assert clinic.erase().verdict is SEARCHED
    assert clinic.ask("select count(*) from person") == [2]


def test_stripe_asking_for_patience_ends_the_try_and_the_next_one_goes_on(clinic: Clinic) -> None:
    joanna_asks(clinic)
    clinic.fail({"status": 429, "method": "DELETE"})
    with pytest.raises(Unreachable, match="RateLimitError"):
        clinic.erase()
    assert clinic.erase().verdict is SEARCHED


def test_a_customer_stripe_does_not_know_is_refused_before_anything_goes(clinic: Clinic) -> None:
    joanna_asks(clinic)
    clinic.ask("update household set customer = 'cus_of_another_account' where household_id = 2")
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert "does not know the customer" in outcome.failures[0].what
    assert clinic.ask("select count(*) from person") == [3]


def test_the_audit_log_keeps_its_rows_and_the_listed_facts_and_nothing_of_the_person(
    clinic: Clinic,
) -> None:
    before = clinic.ask("select count(*) from history")[0]
    clinic.erase()
    rows = clinic.ask(
        "select about::text, by::text, tbl, rec, before, after, host(ip), agent from history order by history_id"
    )
    assert len(rows) > before
    assert (OTTO, None, "visit", "1", {"note": "old"}, {"note": "new"}, None, None) in rows
    assert (
        OTTO, OTTO, "person", OTTO, {"kind": "adult"}, {"email": "otto@example.org", "kind": "adult"}, "198.51.100.2", "phone of Otto",
    ) in rows  # fmt: skip
    assert (None, JOANNA, "person", "0", {}, {}, "198.51.100.3", "desk") in rows
    deleted = [row for row in rows if row[2] == "person" and row[5] is None]
    assert deleted == [(None, None, "person", "0", {"household_id": 1}, None, None, None)]


def test_a_log_whose_person_is_a_declared_reference_holds_nobody_up(clinic: Clinic) -> None:
    said = clinic.system.policy.tables["history"]
    declared = {"references": {"about": {"to": "person(person_id)"}}, "triggers": said.triggers}
    tables = {
        **clinic.system.policy.tables,
        "history": Table.model_validate({"owner": {"person": "about"}} | declared),
    }
    policy = clinic.system.policy.model_copy(update={"tables": tables})
    referring = replace(clinic, system=replace(clinic.system, policy=policy))
    assert referring.erase().verdict is SEARCHED
    assert clinic.ask(f"select count(*) from history where about = '{ANNA}'") == [0]


def test_evidence_counts_and_names_nobody(clinic: Clinic) -> None:
    clinic.erase()
    found = clinic.ask("select kind, event, target, counts from lifecycle.evidence order by id")
    assert ("effect", "gdpr.deleted", "visit", {"rows": 2}) in found
    assert ("effect", "gdpr.mention_cleared", "visit.doctor_id", {"rows": 1}) in found
    assert ("effect", "gdpr.cleared", "request", {"rows": 1}) in found
    assert ("intent", "gdpr.objects_deleted", "papers", {"keys": 3}) in found
    assert ("outcome", "gdpr.objects_deleted", "papers", {"keys": 3, "versions": 5}) in found
    assert [event for _, event, _, _ in found][-1] == "gdpr.proven"
    everybody = set(clinic.ask("select reference from lifecycle.evidence"))
    assert everybody == {clinic.reference(1), clinic.reference(2)}  # Joanna waits, and is noted
    noted = clinic.ask("select counts from lifecycle.evidence where event = 'gdpr.noted'")
    assert noted[0] == {"identifiers": 2, "objects": 3, "customers": 0}


EVENTS = [
    ("effect", "gdpr.noted"), ("effect", "gdpr.claimed"), ("effect", "gdpr.sealed"), ("intent", "gdpr.objects_deleted"),
    ("outcome", "gdpr.objects_deleted"), ("effect", "gdpr.deleted"), ("effect", "gdpr.anonymised"),
    ("effect", "gdpr.erased"), ("finding", "gdpr.proven"),
]  # fmt: skip


def cut_off_at(clinic: Clinic, kind: str, event: str, how: str) -> None:
    clinic.ask(
        f"""create function public.cut() returns trigger language plpgsql security definer as $$ begin
               if new.kind = '{kind}' and new.event = '{event}' then perform {how}; end if;
               return new; end $$"""
    )
    clinic.ask(
        "create trigger cut before insert on lifecycle.evidence for each row execute function public.cut()"
    )


@pytest.mark.parametrize(("kind", "event"), EVENTS)
def test_a_connection_lost_at_any_step_leads_to_the_same_ending(
    clinic: Clinic, kind: str, event: str
) -> None:
    cut_off_at(clinic, kind, event, "pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Unreachable):
        clinic.erase()
    clinic.ask("drop trigger cut on lifecycle.evidence")
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


@pytest.mark.parametrize(
    ("kind", "event"),
    [("effect", "gdpr.noted"), ("outcome", "gdpr.objects_deleted"), ("finding", "gdpr.proven")],
)
def test_a_process_killed_at_any_step_leads_to_the_same_ending(
    clinic: Clinic, kind: str, event: str
) -> None:
    cut_off_at(clinic, kind, event, "pg_sleep(60)")
    child = os.fork()
    if child == 0:
        try:
            clinic.erase()
        finally:
            os._exit(0)
    wait_until(
        lambda: (
            clinic.ask("select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'")
            == [True]
        )
    )
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    clinic.ask(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'"
    )
    clinic.ask("drop trigger cut on lifecycle.evidence")
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


def test_a_second_run_does_nothing(clinic: Clinic) -> None:
    clinic.erase()
    before = clinic.everything(), clinic.ask("select count(*) from history")
    outcome = clinic.erase()
    assert (outcome.verdict, outcome.counts["due"]) == (Verdict.PASS, 0)
    assert (clinic.everything(), clinic.ask("select count(*) from history")) == before


def test_who_has_cancelled_is_left_alone(clinic: Clinic) -> None:
    clinic.ask("update request set state = 'canceled' where request_id = 1")
    before = clinic.everything()
    assert clinic.erase().counts["due"] == 0
    assert clinic.everything() == before


def test_a_cancellation_that_comes_first_wins_and_the_run_says_nothing(clinic: Clinic) -> None:
    with psycopg.connect(clinic.admin) as app:
        app.execute(
            "update request set state = 'canceled' where request_id = 1 and state = 'pending'"
        )
        results: list[Outcome] = []
        run = threading.Thread(target=lambda: results.append(clinic.erase()))
        run.start()
        wait_until(
            lambda: (
                clinic.ask(
                    "select count(*) = 1 from pg_stat_activity where wait_event_type = 'Lock'"
                )
                == [True]
            )
        )
        app.commit()
        run.join(20)
    assert results[0].verdict is Verdict.PASS
    assert results[0].counts == {"due": 0, "answered": 0, "rows": 0, "waiting": 1, "overdue": 0}
    assert clinic.ask("select count(*) from person") == [3]


def test_a_cancellation_that_comes_after_the_claim_finds_nothing_to_cancel(clinic: Clinic) -> None:
    cut_off_at(clinic, "effect", "gdpr.sealed", "pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Unreachable):
        clinic.erase()
    cancel = "update request set state = 'canceled' where request_id = 1 and state = 'pending' returning 1"
    assert clinic.ask(cancel) == []


def test_who_asked_twice_is_answered_twice(clinic: Clinic) -> None:
    clinic.ask(
        "insert into request (request_id, person_id, asked, due) values (9, %(a)s, '2026-11-01Z', '2026-12-01Z')",
        a=ANNA,
    )
    assert clinic.erase().counts["answered"] == 1
    assert clinic.ask("select request_id, state, person_id from request where request_id in (1, 9) order by 1") == [
        (1, "completed", None), (9, "completed", None)
    ]  # fmt: skip


def refused(clinic: Clinic, match: str) -> None:
    """Assert that nothing is touched, inside or outside, and the reason is given without a name."""
    before = clinic.everything()
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert len(outcome.failures) == 1
    said = outcome.failures[0].what + outcome.failures[0].hint
    assert match in said
    assert not any(trace in said for trace in the_clinic.TRACES)
    after = clinic.everything()
    assert {t: rows for t, rows in after.items() if t != "request"} == {
        t: rows for t, rows in before.items() if t != "request"
    }
    assert clinic.ask("select state, person_id::text from request where request_id = 1") == [
        ("pending", ANNA)
    ]
    assert len(clinic.store.versions("papers", "scan-1")) == 2


def test_another_persons_row_that_hangs_on_one_that_goes_is_refused(clinic: Clinic) -> None:
    clinic.ask("insert into scan values (9, %(otto)s, 1, null)", otto=OTTO)
    refused(clinic, "rows of others hang on rows that would go (1 row): scan")


def test_an_identifier_that_would_stay_somewhere_is_refused_with_the_table(clinic: Clinic) -> None:
    clinic.ask("update board set words = 'write to ANNA@example.org.'")
    refused(clinic, "board (1 row)")


KEEP = (
    "create function public.keep() returns trigger language plpgsql as $$ begin return null; end $$"
)


def test_a_trigger_that_keeps_a_row_is_refused(clinic: Clinic) -> None:
    clinic.ask(KEEP)
    clinic.ask("create trigger keep before delete on finding for each row execute function keep()")
    refused(clinic.declared(), "finding")


def test_a_trigger_that_keeps_a_mention_is_refused(clinic: Clinic) -> None:
    clinic.ask(KEEP)
    clinic.ask("create trigger keep before update on visit for each row execute function keep()")
    refused(clinic.declared(), "visit.doctor_id: 1 row found beforehand, and 0 would have gone")


def test_a_trigger_that_reaches_further_is_refused(clinic: Clinic) -> None:
    clinic.ask(
        "create function public.more() returns trigger language plpgsql security definer as $$ begin update public.board set words = 'x'; return null; end $$"
    )
    clinic.ask(
        "create trigger more after delete on visit for each statement execute function public.more()"
    )
    refused(clinic.declared(), "board: 1 row would have changed")


def test_a_trigger_that_adds_to_another_person_is_refused(clinic: Clinic) -> None:
    # No row of the plan is missing and none outside it has changed: only the witness shows it.
    clinic.ask(
        f"""create function public.more() returns trigger language plpgsql security definer as $$ begin
                insert into public.diary values ('{OTTO}', '2026-02-02', 'new'); return null; end $$"""
    )
    clinic.ask(
        "create trigger more after delete on scan for each statement execute function more()"
    )
    refused(
        clinic.declared("archives to diary"), "the rows of another person would have changed too"
    )


FURTHER = {
    "adds": ("insert into public.board values (9, 'x')", "1 row would have been added"),
    "empties": ("truncate public.board", "emptied or altered"),
    "alters": ("alter table public.board add column more text", "emptied or altered"),
    "copies": (
        "create table public.copy as select * from public.visit",
        "(made or altered meanwhile) would have been",
    ),
}


@pytest.mark.parametrize("how", FURTHER)
def test_a_trigger_that_reaches_further_than_rows_changed_is_refused(
    clinic: Clinic, how: str
) -> None:
    command, said = FURTHER[how]
    clinic.ask(
        f"""create function public.more() returns trigger language plpgsql security definer as $$ begin
                {command}; return null; end $$"""
    )
    clinic.ask(
        "create trigger more after delete on scan for each statement execute function more()"
    )
    refused(clinic.declared(), said)


def test_a_trigger_that_waits_for_the_end_acts_before_we_judge(clinic: Clinic) -> None:
    clinic.ask(
        """create function public.defer() returns trigger language plpgsql as $$ begin
                set constraints all deferred; return old; end $$;
           create function public.more() returns trigger language plpgsql security definer as $$ begin
                update public.board set words = 'x'; return null; end $$;
           create trigger a_defer before delete on visit for each row execute function defer();
           create constraint trigger more after delete on scan deferrable initially deferred
               for each row execute function more()"""
    )
    refused(clinic.declared(), "board: ")


def test_nothing_goes_where_nobody_counts_what_changes(clinic: Clinic) -> None:
    clinic.ask(
        f"alter role lifecycle in database {clinic.system.policy.database} set track_counts = off"
    )
    refused(clinic, "track_counts is off")


def test_row_security_without_bypass_is_refused(clinic: Clinic) -> None:
    clinic.ask("alter role lifecycle nobypassrls")
    try:
        outcome = clinic.erase()
    finally:
        clinic.ask("alter role lifecycle bypassrls")
    assert outcome.verdict is Verdict.FAIL
    [told] = [f for f in outcome.failures if "lacks BYPASSRLS" in f.what]
    assert "a superuser" in told.what + told.hint
    assert clinic.ask("select count(*) from person") == [3]


def test_a_table_the_policy_does_not_know_is_refused_before_a_claim(clinic: Clinic) -> None:
    clinic.ask("create table newcomer (person_id uuid references person)")
    with pytest.raises(Refused, match="newcomer"):
        clinic.erase()
    assert clinic.ask("select state from request where request_id = 1") == ["pending"]


def test_more_rows_than_the_limit_need_a_person_who_has_seen_the_plan(clinic: Clinic) -> None:
    small = capped(clinic, 3)
    refused(small, " rows would end or change, and an unattended run may do that to 3 more")
    seen = plan(PROMISE, small.system, NOW)
    assert small.erase(shown=seen).verdict is SEARCHED


def capped(clinic: Clinic, rows: int) -> Clinic:
    """Return the clinic with another cap."""
    limits = clinic.system.policy.limits.model_copy(update={"rows_per_run": rows})
    policy = clinic.system.policy.model_copy(update={"limits": limits})
    return replace(clinic, system=replace(clinic.system, policy=policy))


def test_the_cap_counts_every_row_that_is_deleted_or_changed(clinic: Clinic) -> None:
    """A person who is mentioned in every row of others is more than their own rows: so is what the log says of them."""
    decided = PROMISE.decide(
        clinic.system.policy, seen := PROMISE.survey(clinic.system, NOW, None), NOW
    )
    rows = {(step.verb, step.target): step.rows for step in decided.steps}
    assert rows["set null", "visit.doctor_id"] == 1
    assert rows["clear person_id", "request"] == 1
    [logged] = clinic.ask("select count(*) from history where about = %(a)s", a=ANNA)
    assert rows["anonymise", "history"] >= logged > 0
    whole = sum(rows.values())
    [case] = seen.cases
    assert case.found is not None
    assert case.found.changed() == whole
    refused(capped(clinic, whole - 1), f"{whole} rows would end or change")
    clinic.ask(
        "insert into visit select 3, n, %(o)s, %(a)s from generate_series(1, 500) n", o=OTTO, a=ANNA
    )
    refused(capped(clinic, whole), "rows would end or change")
    assert capped(clinic, whole + 2000).erase().verdict is SEARCHED


def test_what_comes_between_the_plan_and_the_deed_counts_for_the_cap(clinic: Clinic) -> None:
    seen = PROMISE.survey(clinic.system, NOW, None)
    decision = PROMISE.decide(clinic.system.policy, seen, NOW)
    clinic.ask(
        "insert into visit select 3, n, %(o)s, %(a)s from generate_series(1, 500) n", o=OTTO, a=ANNA
    )
    small = capped(clinic, 100)
    done = PROMISE.carry_out(Task(small.system, clinic.claim(), NOW), seen, decision)
    [failure] = done[clinic.reference(1)].failures
    assert "rows would go or change, more than the 100" in failure.what
    assert clinic.ask("select state from request where request_id = 1") == ["pending"]


MORE = {
    "pointers": f"insert into public.visit select 3, n, '{OTTO}', '{ANNA}' from generate_series(1, 500) n",
    "objects": f"insert into paper values (7, '{ANNA}', 'late')",
    "other rows": "update diary set day = '2026-07-07' where words = 'mine' and day = '2026-06-01'",
}


@pytest.mark.parametrize("more", MORE)
def test_a_plan_that_was_shown_is_compared_at_the_deed_too(clinic: Clinic, more: str) -> None:
    seen = PROMISE.survey(clinic.system, NOW, None)
    decision = PROMISE.decide(clinic.system.policy, seen, NOW)
    clinic.ask(MORE[more])
    before = clinic.everything()
    task = Task(clinic.system, clinic.claim(), NOW, seen_by_person=True)
    done = PROMISE.carry_out(task, seen, decision)
    [failure] = done[clinic.reference(1)].failures
    assert "since the plan was shown something else would be done" in failure.what
    assert clinic.everything() == before
    assert len(clinic.store.versions("papers", "scan-1")) == 2
    assert clinic.erase().verdict is SEARCHED


def test_rows_that_come_while_objects_go_are_not_those_of_the_plan(clinic: Clinic) -> None:
    clinic.ask(
        f"""create function public.late() returns trigger language plpgsql security definer as $$ begin
               if new.kind = 'outcome' and new.event = 'gdpr.objects_deleted' then
                   {MORE["pointers"]} on conflict do nothing; end if;
               return new; end $$"""
    )
    clinic.ask(
        "create trigger late before insert on lifecycle.evidence for each row execute function public.late()"
    )
    outcome = clinic.erase(shown=plan(PROMISE, clinic.system, NOW))
    [failure] = outcome.failures
    assert "other rows would go or change: visit.doctor_id" in failure.what
    assert clinic.ask("select count(*) from person") == [3]
    assert clinic.ask("select state from request where request_id = 1") == ["processing"]
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


def test_objects_that_come_while_objects_go_are_taken_too(clinic: Clinic) -> None:
    clinic.ask(
        f"""create function public.late() returns trigger language plpgsql security definer as $$ begin
               if new.kind = 'outcome' and new.event = 'gdpr.objects_deleted' then
                   insert into public.paper values (7, '{ANNA}', 'late') on conflict do nothing; end if;
               return new; end $$"""
    )
    clinic.ask(
        "create trigger late before insert on lifecycle.evidence for each row execute function public.late()"
    )
    clinic.store.put_bytes("papers", "late", b"content")
    assert clinic.erase().verdict is SEARCHED
    assert clinic.store.versions("papers", "late") == ()
    anna_is_gone(clinic)


def test_a_customer_who_becomes_theirs_alone_while_objects_go_is_taken_too(clinic: Clinic) -> None:
    clinic.ask("truncate scan, paper, finding, visit, diary")
    clinic.ask(
        "delete from pg_statistic"
    )  # of tables without rows ANALYZE keeps the former samples
    clinic.ask("insert into paper (paper_id, person_id, file) values (1, %(a)s, 'scan-1')", a=ANNA)
    clinic.ask(
        f"""create function public.late() returns trigger language plpgsql security definer as $$ begin
               if new.kind = 'outcome' and new.event = 'gdpr.objects_deleted' then
                   delete from public.person where person_id = '{OTTO}'; end if;
               return new; end $$"""
    )
    clinic.ask(
        "create trigger late before insert on lifecycle.evidence for each row execute function public.late()"
    )
    assert clinic.erase().verdict is SEARCHED
    assert getattr(clinic.stripe.v1.customers.retrieve(clinic.customers[0]), "deleted", False)
    assert clinic.traces() == []


def test_what_the_application_writes_between_erasure_and_proof_goes_with_the_next_run(
    clinic: Clinic,
) -> None:
    cut_off_at(clinic, "finding", "gdpr.proven", "pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Unreachable):
        clinic.erase()
    clinic.ask("drop trigger cut on lifecycle.evidence")
    clinic.ask(
        "insert into history (about, tbl, rec, after) values (%(a)s, 'login', '1', '{}')", a=ANNA
    )
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


def test_a_store_that_is_away_leaves_everything_for_the_next_try(clinic: Clinic) -> None:
    assert clinic.system.settings.s3 is not None
    away = clinic.system.settings.s3.model_copy(update={"endpoint": "http://127.0.0.1:9"})
    settings = clinic.system.settings.model_copy(update={"s3": away})
    broken = replace(clinic, system=replace(clinic.system, settings=settings))
    with pytest.raises(Unreachable):
        broken.erase()
    assert clinic.ask("select count(*) from person") == [3]
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


def test_a_busy_neighbour_is_waited_for(clinic: Clinic) -> None:
    with psycopg.connect(clinic.admin) as app:
        app.execute("insert into diary values (%s, '2026-07-01', 'late')", (ANNA,))
        results: list[Outcome] = []
        run = threading.Thread(target=lambda: results.append(clinic.erase()))
        run.start()
        wait_until(
            lambda: (
                clinic.ask(
                    "select count(*) = 1 from pg_stat_activity where wait_event_type = 'Lock'"
                )
                == [True]
            )
        )
        app.commit()
        run.join(30)
    assert results[0].verdict is SEARCHED
    anna_is_gone(clinic)


def test_what_the_erasure_does_not_see_the_proof_finds(clinic: Clinic) -> None:
    clinic.ask("create materialized view addresses as select email from person")
    clinic.ask("grant select on addresses to lifecycle")
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert "materialized view" in outcome.failures[0].what
    assert clinic.ask("select state from request where request_id = 1") == ["processing"]
    clinic.ask("refresh materialized view addresses")
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


def test_everybody_of_a_night_is_looked_for_at_once_and_a_residue_holds_up_its_own_person_only(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.ask("update request set due = '2026-11-20Z', asked = '2026-10-22Z' where request_id = 2")
    clinic.ask("update board set words = 'nobody'")
    clinic.ask(
        "create materialized view addresses as select email from person where email ~ '^anna'"
    )
    clinic.ask("grant select on addresses to lifecycle")
    searches: list[int] = []
    whole = database.search

    def counted(*given: Any) -> Searched:
        left = clinic.ask("select count(*) from person where email ~ 'anna'")
        searches.extend(left)
        return whole(*given)

    monkeypatch.setattr(database, "search", counted)
    outcome = clinic.erase()
    assert searches == [0]  # once, when both were gone
    [failure] = outcome.failures
    assert failure.target == f"request {clinic.reference(1)}: addresses"
    assert clinic.ask("select state from request order by request_id") == [
        "processing",
        "completed",
    ]
    [(record,)] = clinic.ask("select array[proof] from lifecycle.erasure where state = 'proven'")
    assert record["read"]["rows"] >= 5
    assert {"relation", "rows", "bytes", "milliseconds"} == set(record["slowest"][0])
    clinic.ask("refresh materialized view addresses")
    assert clinic.erase().verdict is SEARCHED
    assert clinic.ask("select distinct state from request where request_id < 3") == ["completed"]
    assert clinic.traces() == []


def test_the_planner_forgets_as_well(clinic: Clinic) -> None:
    sampled = "select histogram_bounds::text from pg_stats where tablename = 'person' and attname = 'email'"
    clinic.ask("analyze person")
    assert clinic.ask(sampled) == ["{anna@example.org,joanna@example.org,otto@example.org}"]
    assert clinic.erase().verdict is SEARCHED
    assert clinic.ask(sampled) == ["{joanna@example.org,otto@example.org}"]


def test_statistics_that_quote_the_person_keep_the_request_open(clinic: Clinic) -> None:
    """Found is found, whoever may mend it: the hints are what a person types, and then it is proven."""
    clinic.ask("truncate finding")
    clinic.ask("insert into finding (site, number, words) values (1, 1, array['anna@example.org'])")
    clinic.ask("analyze finding")
    clinic.ask("revoke clinic_owner from lifecycle_ddl")
    try:
        outcome = clinic.erase()
    finally:
        clinic.ask("grant clinic_owner to lifecycle_ddl")  # roles are every database's
    assert outcome.verdict is Verdict.FAIL
    hints = {f.target.partition(": ")[2]: f.hint for f in outcome.failures}
    assert {"statistics of finding", "statistics of person"} <= set(hints)
    assert clinic.ask("select state from request where request_id = 1") == ["processing"]
    assert clinic.ask("select state from lifecycle.erasure") == ["erased"]
    for target, hint in hints.items():
        analyze, *forget = re.findall(r"`((?:analyze|delete)[^`]+)`", hint)
        assert bool(forget) == (target == "statistics of finding")
        for command in (analyze, *forget):
            clinic.ask(command)
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


KEPT = {
    "statistics of person": "analyze person; alter table person alter email set statistics 0",
    "statistics of board": "create table heir () inherits (board);"
    "insert into heir select n, 'from anna@example.org' from generate_series(7, 9) n; analyze board; drop table heir",
}


@pytest.mark.parametrize("target", KEPT)
def test_samples_that_an_analyze_keeps_are_forgotten_by_what_the_hint_says(
    clinic: Clinic, target: str
) -> None:
    for said in KEPT[target].split(";"):
        clinic.ask(said)
    [found] = clinic.erase().failures
    assert found.target.partition(": ")[2] == target
    *_, forget = re.findall(r"`(delete[^`]+)`", found.hint)
    clinic.ask(forget)
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)


def test_samples_of_what_an_index_works_out_are_made_anew_and_named_as_unread(
    clinic: Clinic,
) -> None:
    clinic.ask("""insert into finding (site, number, raw)
                  select 1 + g % 2, 1, jsonb_build_object('mail', (array['anna', 'otto'])[1 + g % 2] || '@example.org')
                    from generate_series(0, 99) as g""")
    clinic.ask("create index mail on finding ((raw ->> 'mail'))")
    clinic.ask("create index at on finding ((length(raw ->> 'mail')))")  # of numbers: no name
    clinic.ask("analyze finding")
    sampled = "select most_common_vals::text from pg_stats where tablename = 'mail'"
    assert "anna@example.org" in str(clinic.ask(sampled))
    outcome = clinic.erase()
    assert outcome.verdict is SEARCHED
    assert clinic.ask(sampled) == ["{otto@example.org}"]
    unseen = cast("list[dict[str, str]]", outcome.coverage["unseen"])
    indexes = {one["place"]: one["kind"] for one in unseen if "of index" in one["place"]}
    assert indexes == {"statistics of index mail": "limit"}


def test_doctor_names_tables_whose_statistics_cannot_be_made_anew(clinic: Clinic) -> None:
    [fine] = findings.FINDINGS["statistics"](clinic.system)
    assert fine.verdict is Verdict.PASS
    clinic.ask("alter table diary owner to postgres; alter table history owner to postgres")
    [found] = findings.FINDINGS["statistics"](clinic.system)
    assert found.verdict is Verdict.UNVERIFIED
    assert found.what.startswith("diary, history belong to postgres")


def test_a_materialized_view_that_was_analysed_is_found_by_its_statistics_too(
    clinic: Clinic,
) -> None:
    clinic.ask("create materialized view addresses as select email from person")
    clinic.ask("grant select on addresses to lifecycle")
    clinic.ask("analyze addresses")
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert any("statistics of addresses" in f.target for f in outcome.failures)
    clinic.ask("refresh materialized view addresses")
    clinic.ask("analyze addresses")
    assert clinic.erase().verdict is SEARCHED


def test_a_materialized_view_without_data_holds_no_row_and_its_samples_are_found(
    clinic: Clinic,
) -> None:
    clinic.ask("create materialized view empty as select email from person with no data")
    clinic.ask("create materialized view addresses as select email from person")
    clinic.ask("grant select on empty, addresses to lifecycle")
    clinic.ask("analyze addresses")
    clinic.ask("refresh materialized view addresses with no data")
    [found] = clinic.erase().failures
    assert found.target.endswith("statistics of addresses")
    for command in re.findall(r"`((?:refresh|analyze)[^`]+)`", found.hint):
        clinic.ask(command)
    assert clinic.erase().verdict is SEARCHED
    clinic.ask("drop materialized view empty")
    anna_is_gone(clinic)


def nobody_looked(outcome: Outcome) -> set[str]:
    """Return the places that were promised and forgotten."""
    unseen = cast("list[dict[str, str]]", outcome.coverage["unseen"])
    return {one["place"] for one in unseen if one["why"] == "nobody looked there"}


def nothing(*_: object) -> None:
    """Look nowhere."""


def done_nothing(*_: object) -> Done:
    """Pass a request over."""
    return Done()


def found_nothing(*_: object) -> Searched:
    """Search nothing of the database."""
    return Searched({}, (), ())


LOOKERS = {
    "_rows": "rows visit",
    "_log": "log history",
    "search": "relation board",
    "_objects": "bucket papers",
    "_payers": "processor stripe",
}


def test_where_everybody_looks_no_place_is_forgotten(clinic: Clinic) -> None:
    joanna_asks(clinic)
    clinic.ask("create materialized view addresses as select board_id from board")
    clinic.ask("grant select on addresses to lifecycle")
    assert nobody_looked(clinic.erase()) == set()


@pytest.mark.parametrize("looker", LOOKERS)
def test_a_look_of_the_proof_that_is_left_out_leaves_its_places_unseen(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, looker: str
) -> None:
    if looker == "_payers":
        joanna_asks(clinic)
    clinic.ask("create materialized view addresses as select board_id from board")
    clinic.ask("grant select on addresses to lifecycle")
    if looker == "search":
        monkeypatch.setattr(database, looker, found_nothing)
    else:
        monkeypatch.setattr(prove, looker, nothing)
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert LOOKERS[looker] in nobody_looked(outcome)
    if looker == "search":
        more = {
            "relation addresses",
            "relation diary_2025",
            "statistics of the planner",
            "large objects",
        }
        assert more <= nobody_looked(outcome)
    asked = 2 if looker == "_payers" else 1
    assert clinic.ask(f"select state from request where request_id = {asked}") == ["processing"]


def test_a_place_that_nobody_names_as_unreached_is_not_seen_either(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.ask("alter table board add column found tsvector")
    monkeypatch.setattr(places, "unreached", nothing)
    assert {"column board.found", "transactions prepared", "log of the database server"} <= (
        nobody_looked(clinic.erase())
    )


def test_requests_that_a_run_passes_over_are_not_seen(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(night, "one", done_nothing)
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert f"request {clinic.reference(1)}" in str(outcome.coverage["unseen"])


def while_it_proves(
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[], object],
    reading: Callable[[], object],
) -> None:
    """Let somebody do something `before` the proof, and another thing once its search has a snapshot and read no row."""
    proven, stored, done = night.prove, places.stored, list[object]()

    def begins(*asked: Any) -> Any:
        before()
        return proven(*asked)

    def reads(conn: psycopg.Connection) -> frozenset[Place]:
        if not done:
            done.append(reading())
        return stored(conn)

    monkeypatch.setattr(night, "prove", begins)
    monkeypatch.setattr(places, "stored", reads)


def test_what_is_written_anew_while_the_search_reads_is_read_again(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the search's snapshot it is empty from then on, with all of its rows: the request was answered."""
    late = "insert into board values (8, 'of anna@example.org')"
    anew = "alter table board alter board_id type bigint"
    while_it_proves(monkeypatch, lambda: clinic.ask(late), lambda: clinic.ask(anew))
    outcome = clinic.erase()
    assert [f.what for f in outcome.failures] == ["an identifier stands in 1 row"]
    assert clinic.ask("select state from request where request_id = 1") == ["processing"]


def test_a_transaction_that_ends_while_the_search_reads_is_named(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No snapshot of the search shows its rows, and at the end it was over: nothing was said of it."""
    monkeypatch.setattr(places, "PATIENCE", 0.0)
    with psycopg.connect(clinic.admin) as app:
        late = "insert into board values (8, 'anna@example.org')"
        while_it_proves(monkeypatch, lambda: app.execute(late), app.commit)
        unseen = str(clinic.erase().coverage["unseen"])
    assert "transactions open since before" in unseen


def test_the_search_waits_for_who_writes_before_it_has_its_snapshot(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(clinic.admin) as app:

        def late() -> None:
            app.execute("insert into board values (8, 'anna@example.org')")
            threading.Timer(0.2, app.commit).start()

        while_it_proves(monkeypatch, late, lambda: None)
        outcome = clinic.erase()
    assert [f.what for f in outcome.failures] == ["an identifier stands in 1 row"]


def test_a_transaction_that_has_not_ended_is_named(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold a row of the person that no other session sees."""
    monkeypatch.setattr(places, "PATIENCE", 0.0)
    with psycopg.connect(clinic.admin) as app:
        app.execute("insert into board values (8, 'anna@example.org')")
        unseen = str(clinic.erase().coverage["unseen"])
    assert "transactions open since before" in unseen


def test_the_servers_own_analyze_is_no_transaction_that_may_write_a_row(clinic: Clinic) -> None:
    """It bears a number and does not say when it began, as it is nobody's: a healthy night was in the way of itself."""
    clinic.ask("create statistics of_board on board_id, words from board")
    clinic.ask("insert into board select n, n::text from generate_series(100, 400) n")
    collecting = """
        select count(*) from pg_stat_activity where backend_type = 'autovacuum worker' and backend_xid is not null
           and datname = current_database()"""
    with psycopg.connect(clinic.admin, autocommit=True) as admin, admin.transaction():
        admin.execute(
            "lock table pg_statistic_ext_data in share mode"
        )  # there it waits, with its number
        try:
            clinic.ask("alter system set autovacuum_naptime = '1 s'")
            clinic.ask("alter system set autovacuum = on")
            clinic.ask("select pg_reload_conf()")
            wait_until(lambda: clinic.ask(collecting) == [1])
            unseen = str(clinic.erase().coverage["unseen"])
        finally:
            clinic.ask("alter system reset all")
            clinic.ask("select pg_reload_conf()")
    assert "extended" in unseen
    assert "transactions open since before" not in unseen


def test_a_prepared_transaction_is_named(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE", 0.0)
    with psycopg.connect(clinic.admin, autocommit=True) as app:
        app.execute("begin")
        app.execute("insert into board values (8, 'anna@example.org')")
        app.execute("prepare transaction 'of a test'")
        try:
            unseen = str(clinic.erase().coverage["unseen"])
        finally:
            app.execute("rollback prepared 'of a test'")
    assert "transactions prepared" in unseen


def test_a_person_who_is_gone_already_cannot_be_verified(clinic: Clinic) -> None:
    clinic.ask("update request set person_id = null where request_id = 1")
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert "gone already" in str(outcome.coverage["unseen"])
    assert not outcome.well


def test_one_failing_request_neither_stops_nor_hides_the_others(clinic: Clinic) -> None:
    joanna_asks(clinic)
    clinic.ask("update request set due = '2026-11-20Z' where request_id = 1")
    clinic.ask("insert into scan values (9, %(otto)s, 1, null)", otto=OTTO)
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    assert (outcome.counts["due"], outcome.counts["answered"]) == (2, 1)
    assert clinic.ask("select state from request order by request_id") == [
        "pending",
        "completed",
    ]
    assert [f.target for f in outcome.failures] == [f"request {clinic.reference(1)}"]


@pytest.mark.parametrize("due", ["'infinity'", "null"])
def test_a_request_without_a_day_is_a_finding_and_hides_no_other(clinic: Clinic, due: str) -> None:
    clinic.ask("alter table request alter column due drop not null")
    joanna_asks(clinic)
    clinic.ask(f"update request set due = {due} where request_id = 1")
    outcome = clinic.erase()
    [failure] = outcome.failures
    assert failure.target == f"request {clinic.reference(1)}"
    assert "its due is empty, infinite or odd" in failure.what
    assert outcome.counts["answered"] == 1
    with clinic.system.snapshot("test") as conn:
        told = chapter.gather(conn, clinic.system, NOW, NOW)["requests"]
    assert {one.reference: one.asked is None for one in told} == {
        clinic.reference(1): True,
        clinic.reference(2): False,
    }


def begun_and_left(clinic: Clinic) -> None:
    """Let a run die after the objects went."""
    cut_off_at(clinic, "outcome", "gdpr.objects_deleted", "pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Unreachable):
        clinic.erase()
    clinic.ask("drop trigger cut on lifecycle.evidence")
    assert clinic.store.versions("papers", "scan-1") == ()


CLOSED_AND_OPENED = {
    "cancelled": (
        "update request set state = 'canceled' where request_id = 1",
        "update request set state = 'processing' where request_id = 1",
    ),
    "taken away": (
        "delete from request where request_id = 1",
        f"insert into request values (1, '{ANNA}', '2026-10-22 06:00Z', '2026-11-21 06:00Z', 'processing')",
    ),
}


@pytest.mark.parametrize("how", CLOSED_AND_OPENED)
def test_an_erasure_that_was_begun_is_not_forgotten_when_its_request_is(
    clinic: Clinic, how: str
) -> None:
    close, open_again = CLOSED_AND_OPENED[how]
    begun_and_left(clinic)
    clinic.ask(close)
    clinic.erase()
    outcome = clinic.erase()  # every night, until somebody has looked
    assert outcome.verdict is Verdict.FAIL
    [failure] = outcome.failures
    assert failure.target == f"request {clinic.reference(1)}"
    assert "begun and is not proven" in failure.what
    listed = [row[:2] for row in PROMISE.status(clinic.system, NOW).rows]
    assert (clinic.reference(1), failure.what) in listed
    assert figures_of(clinic)["erasures_abandoned"] == 1
    clinic.ask(open_again)
    assert clinic.erase().verdict is SEARCHED
    anna_is_gone(clinic)
    assert figures_of(clinic)["erasures_abandoned"] == 0


def test_an_erasure_that_is_closed_while_it_runs_is_found_by_the_same_run(clinic: Clinic) -> None:
    seen = PROMISE.survey(clinic.system, NOW, None)
    decision = PROMISE.decide(clinic.system.policy, seen, NOW)
    task = Task(clinic.system, clinic.claim(), NOW)
    begun_and_left(clinic)
    clinic.ask("update request set state = 'canceled' where request_id = 1")
    done = PROMISE.carry_out(replace(task, claim=clinic.claim()), seen, decision)
    outcome = conclude(PROMISE.judge(task, seen, decision, done))
    assert outcome.verdict is Verdict.FAIL
    assert [f.target for f in outcome.failures] == [f"request {clinic.reference(1)}"]


def figures_of(clinic: Clinic, now: datetime = NOW) -> dict[str, object]:
    """Return what the room says to /metrics."""
    with clinic.system.snapshot("a test") as conn:
        return {value.name: value.value for value in figures.read(clinic.system, conn, now)}


@pytest.mark.parametrize("status", ["'on hold'", "null"])
def test_a_status_in_other_words_is_a_finding_and_its_deadline_runs(
    clinic: Clinic, status: str
) -> None:
    clinic.ask("alter table request alter column state drop not null")
    clinic.ask(f"update request set state = {status} where request_id = 1")
    before = clinic.everything()
    outcome = clinic.erase()
    assert outcome.verdict is Verdict.FAIL
    [failure] = outcome.failures
    assert failure.target == f"request {clinic.reference(1)}"
    assert "its state is empty or no word of the policy" in failure.what
    assert (outcome.counts["waiting"], outcome.counts["overdue"]) == (2, 0)
    late = datetime(2026, 11, 22, 7, tzinfo=UTC)
    assert clinic.erase(late).counts["overdue"] == 1
    assert clinic.everything() == before
    found = figures_of(clinic, late)
    assert found["erasure_requests_unclear"] == 1
    assert (found["erasure_requests_due"], found["erasure_requests_overdue"]) == (1, 1)
    assert (clinic.reference(1), failure.what) in [
        row[:2] for row in PROMISE.status(clinic.system, NOW).rows
    ]


def test_who_is_given_more_time_between_plan_and_claim_keeps_it(clinic: Clinic) -> None:
    seen = PROMISE.survey(clinic.system, NOW, None)
    clinic.ask("update request set due = '2027-01-01Z' where request_id = 1")
    task = Task(clinic.system, clinic.claim(), NOW)
    done = PROMISE.carry_out(task, seen, PROMISE.decide(clinic.system.policy, seen, NOW))
    assert [one.withdrawn for one in done.values()] == [True]
    assert clinic.ask("select state from request where request_id = 1") == ["pending"]


def test_late_requests_fail_the_run_and_near_ones_are_mentioned(clinic: Clinic) -> None:
    clinic.ask("insert into scan values (9, %(otto)s, 1, null)", otto=OTTO)
    near = clinic.erase(datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert "1 near the legal deadline" in near.summary
    late = clinic.erase(datetime(2026, 11, 22, 7, tzinfo=UTC))
    assert late.counts["overdue"] == 1
    assert any("past the legal deadline of 1 month" in f.what for f in late.failures)


def test_a_plan_shows_counts_and_changes_nothing(clinic: Clinic) -> None:
    before = clinic.everything()
    found = plan(PROMISE, clinic.system, NOW)
    shown = {(step.verb, step.target): step.cost for step in found.decision.steps}
    assert shown["delete", "visit"] == "2 rows"
    assert shown["set null", "visit.doctor_id"] == "1 row"
    assert shown["delete objects", "papers"] == "3 keys, 5 versions"
    assert "others share it" in " ".join(found.decision.notes)
    text = json.dumps(found.document())
    assert not any(trace in text for trace in (*the_clinic.TRACES, "scan-1"))
    for named in (clinic.reference(1), "1"):
        narrowed = plan(PROMISE, clinic.system, NOW, named)
        assert (narrowed.decision, narrowed.only) == (found.decision, clinic.reference(1))
    assert clinic.everything() == before
    with pytest.raises(NotFound):
        plan(PROMISE, clinic.system, NOW, "2")
    clinic.ask("insert into diary values (%(a)s, '2026-01-01', 'more')", a=ANNA)
    with pytest.raises(Conflict, match="delete diary: 3 rows instead of 2 rows"):
        clinic.erase(shown=found)
    assert clinic.ask("select state from request where request_id = 1") == ["pending"]


def test_another_row_of_the_log_is_another_plan(clinic: Clinic) -> None:
    """As many rows, and not the same ones: one that named the person names somebody else, and the other way round."""
    shown = plan(PROMISE, clinic.system, NOW)
    one, other = (
        clinic.ask("select min(history_id) from history where about = %(p)s", p=person)[0]
        for person in (ANNA, OTTO)
    )
    swap = "update history set about = case history_id when %(a)s then %(q)s::uuid else %(p)s::uuid end"
    swap += ", before = '{}', after = '{}', rec = '1', by = null where history_id in (%(a)s, %(b)s)"
    clinic.ask(swap, a=one, b=other, p=ANNA, q=OTTO)
    costs = [
        next(s.cost for s in p.decision.steps if s.verb == "anonymise")
        for p in (shown, plan(PROMISE, clinic.system, NOW))
    ]
    assert costs[0] == costs[1]
    with pytest.raises(Conflict, match="anonymise history: as many rows"):
        clinic.erase(shown=shown)


def test_rows_in_a_table_with_a_dot_in_its_name_go_and_its_statistics_forget(
    clinic: Clinic,
) -> None:
    clinic.ask('create table "odd.name" (person_id uuid references person, mail text)')
    clinic.ask('alter table "odd.name" owner to clinic_owner')
    clinic.ask(
        """insert into "odd.name" select %(a)s, 'anna@example.org' from generate_series(1, 20)""",
        a=ANNA,
    )
    clinic.ask("""insert into "odd.name" values (%(o)s, 'otto@example.org')""", o=OTTO)
    clinic.ask('analyze "odd.name"')
    table = {"public.odd.name": Table(owner={"person": "person_id"})}
    policy = clinic.system.policy.model_copy(
        update={"tables": {**clinic.system.policy.tables, **table}}
    )
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, policy, catalog.read(conn), None)
    system = replace(clinic.system, policy=policy)
    assert replace(clinic, system=system).erase().verdict is SEARCHED
    assert clinic.ask("select tables from request where request_id = 1") == [
        ["diary", "finding", "paper", "person", "public.odd.name", "scan", "visit"]
    ]
    assert clinic.traces() == []


def test_verify_looks_again_and_remembers_nobody_afterwards(clinic: Clinic) -> None:
    clinic.ask("create materialized view addresses as select email from person")
    clinic.ask("grant select on addresses to lifecycle")
    clinic.erase()
    assert conclude(verify.verify(clinic.system, "1")).verdict is Verdict.FAIL
    clinic.ask("drop materialized view addresses")
    clinic.erase()
    proven = conclude(verify.verify(clinic.system, clinic.reference(1)))
    assert (proven.verdict, proven.counts["visit"]) == (Verdict.UNVERIFIED, 2)
    assert "whom to search for is known to nobody" in str(proven.coverage["unseen"])
    with pytest.raises(NotFound):
        conclude(verify.verify(clinic.system, "2"))


def test_without_a_reference_key_nobody_is_erased(clinic: Clinic) -> None:
    settings = clinic.system.settings.model_copy(update={"reference_key": None})
    system = replace(clinic.system, settings=settings)
    with pytest.raises(InputError, match="no reference key"):
        plan(PROMISE, system, NOW)


def test_another_reference_key_cannot_open_the_note_and_nothing_is_lost(
    clinic: Clinic, tmp_path: Path
) -> None:
    cut_off_at(clinic, "outcome", "gdpr.objects_deleted", "pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Unreachable):
        clinic.erase()
    clinic.ask("drop trigger cut on lifecycle.evidence")
    sealed = clinic.ask("select sealed from lifecycle.erasure")[0]
    assert ANNA.encode() not in bytes(sealed)
    assert clinic.erase().verdict is SEARCHED


def test_a_person_sees_the_plan_and_applies_it_by_its_hash(
    clinic: Clinic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = clinic.system.policy.database
    text = (
        (the_clinic.HERE / "clinic.yaml")
        .read_text()
        .replace("database: clinic", f"database: {name}")
    )
    (tmp_path / "policy.yaml").write_text(text)
    own = clinic.system.settings.model_dump(mode="json", exclude_none=True)
    (tmp_path / "lifecycle.yaml").write_text(json.dumps({"systems": {"clinic": own}}))
    monkeypatch.setenv("LIFECYCLE_SETTINGS", str(tmp_path / "lifecycle.yaml"))
    monkeypatch.setattr(cli_options.chosen, "as_json", False)
    # The command reads the clock, so the request is made due by it.
    clinic.ask(
        "update request set asked = now() - interval '30 days', due = now() - interval '1 hour' where request_id = 1"
    )
    clinic.ask(
        "update request set asked = now(), due = now() + interval '30 days' where request_id = 2"
    )

    def say(*words: str, code: int = 0) -> Any:
        ended = product.carry_out([*words, "--json"])
        said = capsys.readouterr().out
        assert ended == code, said
        assert not any(trace in said for trace in the_clinic.TRACES)
        return json.loads(said)

    assert [row["state"] for row in say("gdpr", "status")["rows"]] == ["due", "in grace"]
    plan = say("gdpr", "plan", "1")
    assert clinic.ask("select document ->> 'only' from lifecycle.plan") == [clinic.reference(1)]
    assert "nobody was shown a plan" in say("gdpr", "apply", "0" * 16, code=6)["error"]
    assert say("gdpr", "apply", plan["hash"], code=9)["counts"]["answered"] == 1
    anna_is_gone(clinic)
    assert say("gdpr", "verify", "1", code=9)["verdict"] == "could not verify"
    assert [row["state"] for row in say("gdpr", "status")["rows"]] == ["in grace"]


def test_code_of_a_table_that_metrics_or_status_read_can_write_nothing(
    clinic: Clinic,
) -> None:
    """The predicate of an index is worked out with the rights of whoever reads: it may see, and change nothing."""
    clinic.ask("""
        create table public.loot (who text);
        grant insert on public.loot to public;
        create function public.note() returns bool language plpgsql
            as 'begin insert into public.loot values (current_user); return true; end';
        create function public.spy() returns bool immutable language plpgsql
            as 'begin return public.note(); end';
        create index on public.request (state) where public.spy();
    """)
    jobs = rooms.jobs(clinic.system.policy)
    state = DaemonState("test", (clinic.system,), {"clinic": jobs}, NOW)
    gather.gather(state, clinic.system)
    assert "gdpr" in state.snapshots["clinic"].unread
    with pytest.raises((LifecycleError, psycopg.Error)):
        PROMISE.status(clinic.system, NOW)
    assert "lifecycle" not in clinic.ask("select who from public.loot")
