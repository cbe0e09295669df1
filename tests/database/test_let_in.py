"""Code that was declared, because somebody was taken in: what it does besides is counted, whatever it does about that."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.outcome import Verdict
from tests.database.clinic import Clinic
from tests.database.firm import Firm


def let_in(firm: Firm, body: str, more: str = "") -> None:
    """Have a declared trigger of mallory's say `body` when a row of hers is ended."""
    firm.mallory(f"""
        {more}
        create function public.more() returns trigger language plpgsql as $f$ begin {body} return old; end $f$;
        create trigger t after delete on sessions for each row execute function more()""")
    firm.declared("archives to hits")


RUN = "current_setting('lifecycle.run')::bigint"
LEDGER = {
    "its own run passed": f"""update lifecycle.run set state = 'finished', verdict = 'pass', holder = null
        where id = {RUN};""",
    "a run that never was": """insert into lifecycle.run (system, job, scheduled_for)
        values ('firm', 'gdpr.erase', '2026-11-22');""",
    "another job is paused": """insert into lifecycle.pause (system, job, since, reason)
        values ('firm', 'backups.dump', now(), 'x');""",
    "an alert was told": "update lifecycle.alert set delivered_at = now();",
    "evidence of what never was": f"""perform lifecycle.record_evidence(id, holder, attempt, 'outcome',
        'records.exported', '2020-01', null, '{{}}', 'x') from lifecycle.run where id = {RUN};""",
    "a plan nobody was shown": """insert into lifecycle.plan (system, hash, room, document)
        values ('firm', 'x', 'retention', '{}');""",
    "an erasure is over": "update lifecycle.erasure set state = 'proven', sealed = null, proven_at = now(), erased_at = now();",
}


@pytest.mark.parametrize("how", LEDGER)
def test_a_run_in_which_declared_code_wrote_on_the_ledger_changes_nothing(firm: Firm, how: str):
    firm.ask("insert into lifecycle.alert (system, kind, message) values ('firm', 'lost', 'x')")
    firm.ask(
        "insert into lifecycle.erasure (reference, request, state, sealed) values ('r', '1', 'sealed', 'x')"
    )
    let_in(firm, f"execute $x$ do $y$ begin {LEDGER[how]} end $y$ $x$;")
    outcome = firm.expire()
    assert outcome.verdict is Verdict.FAIL
    assert [f.what for f in outcome.failures if "sessions" in f.target]
    assert firm.ask("select id from sessions order by id") == [1, 2]
    assert firm.ask("select distinct job from lifecycle.run") == ["retention.expire"]
    assert firm.ask("select count(*) from lifecycle.pause") == [0]
    assert firm.ask("select delivered_at is null from lifecycle.alert where kind = 'lost'") == [
        True
    ]
    assert firm.ask("select count(*) from lifecycle.evidence where event = 'records.exported'") == [
        0
    ]
    assert firm.ask("select count(*) from lifecycle.plan") == [0]
    assert firm.ask("select state from lifecycle.erasure") == ["sealed"]


DECOYS = """
    create schema mine;
    create view mine.pg_class as select * from pg_catalog.pg_class where false;
    grant usage on schema mine to public;
    grant select on mine.pg_class to public;
"""


@pytest.mark.parametrize("lasts", ["true", "false"])
def test_a_search_path_that_declared_code_sets_hides_nothing_from_the_count(firm: Firm, lasts: str):
    firm.ask(f"grant create on database {firm.policy.database} to mallory")
    firm.mallory("insert into sessions values (3, '2020-01-02', 'old', 1)")
    let_in(
        firm,
        f"""perform set_config('search_path', 'mine, pg_catalog', {lasts});
            delete from public.sessions where id = 2;""",
        DECOYS,
    )
    firm.ask("grant delete on hits to lifecycle")
    outcome = firm.expire()
    assert outcome.verdict is Verdict.FAIL
    assert firm.ask("select id from sessions order by id") == [1, 2, 3]


def test_what_is_deferred_once_more_while_it_is_counted_is_counted_too(firm: Firm):
    firm.ask("grant insert on hits to lifecycle")
    firm.mallory("""
        create function public.late() returns trigger language plpgsql as $f$ begin
            set constraints all deferred;
            if new.session < 3 then
                insert into public.hits values (new.id + 1, new.session + 1);
            else
                delete from public.sessions where id = 2;
            end if;
            return null;
        end $f$;
        create constraint trigger late after insert on hits deferrable initially deferred
            for each row execute function late()""")
    let_in(firm, "if old.id = 1 then insert into public.hits values (100, 1); end if;")
    outcome = firm.expire()
    assert outcome.verdict is Verdict.FAIL
    assert firm.ask("select id from sessions order by id") == [1, 2]


@pytest.mark.parametrize("state", ["processing", "completed"])
def test_what_a_trigger_of_the_requests_does_besides_undoes_their_change(
    clinic: Clinic, state: str
):
    clinic.ask(f"""
        set role clinic_owner;
        create function more() returns trigger language plpgsql as $f$ begin
            delete from public.diary where words = 'his'; return null; end $f$;
        create trigger more after update on request for each row
            when (new.state = '{state}' and new.state <> old.state) execute function more()""")
    outcome = clinic.declared().erase()
    assert outcome.verdict is Verdict.FAIL
    assert clinic.ask("select count(*) from diary where words = 'his'") == [1]
    assert clinic.ask("select state from request where request_id = 1") != ["completed"]


def test_rows_that_go_to_another_server_are_seen_by_the_lock_on_the_table_that_leads_there(
    firm: Firm,
):
    here = conninfo_to_dict(firm.admin)
    firm.ask(f"""
        create extension postgres_fdw;
        create server far foreign data wrapper postgres_fdw
            options (host '{here["host"]}', port '{here["port"]}', dbname '{here["dbname"]}');
        create user mapping for lifecycle server far options (user '{here["user"]}', password_required 'false');
        create table kept (id int);
        create foreign table far (id int) server far options (table_name 'kept');
        grant insert on far to lifecycle""")
    firm.policy = firm.policy.model_copy(
        update={"tables": {**firm.policy.tables, "kept": firm.policy.tables["hits"]}}
    )
    let_in(firm, "insert into public.far values (old.id);")
    outcome = firm.expire()
    assert outcome.verdict is Verdict.FAIL
    assert firm.ask("select id from kept") == []
    assert firm.ask("select id from sessions order by id") == [1, 2]


def test_a_trigger_that_sets_more_of_a_row_of_others_than_it_is_said_to_undoes_the_erasure(
    clinic: Clinic,
):
    clinic.ask("""
        set role clinic_owner;
        create function wipe() returns trigger language plpgsql as $f$ begin new.note := null; return new; end $f$;
        create trigger wipe before update on visit for each row execute function wipe()""")
    outcome = clinic.declared("sets number").erase()
    assert outcome.verdict is Verdict.FAIL
    assert "more than doctor_id would have changed in rows of others" in outcome.failures[0].what
    assert clinic.ask("select note from visit where site = 2 and number = 1") == [
        "Otto, seen by his wife"
    ]
    assert clinic.declared("sets note").erase().failures == ()
