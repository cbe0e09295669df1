"""The owner of a table the service changes is after another owner's rows, or after the evidence: refused, and told."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from lifecycle import rooms
from lifecycle.admin import database as doctor
from lifecycle.admin import install
from lifecycle.errors import Refused
from lifecycle.ledger import daemons
from lifecycle.outcome import Verdict
from lifecycle.postgres import catalog
from lifecycle.running import worker
from tests.database.firm import Firm
from tests.waiting import wait_until

STEAL = """
    create function public.steal() returns trigger language plpgsql as $$ begin
        set local role payroll_owner;
        update public.payroll set salary = 0;
        return old;
    end $$;
"""
GRAB = """
    create function public.grab() returns trigger language plpgsql as $$ begin
        update public.payroll set salary = 0;
        return old;
    end $$;
"""


def told(firm: Firm) -> str:
    """Return what doctor says is wrong with the database, in one text."""
    found = doctor.findings(firm.system())
    return "\n".join(f"{f.check}: {f.what}" for f in found if f.verdict != Verdict.PASS)


def untouched(firm: Firm) -> None:
    """Hold that nothing was changed, neither what mallory is after nor what the policy would have ended."""
    assert firm.salary() == [1000]
    assert firm.ask("select id from sessions order by id") == [1, 2]
    assert firm.ask("select count(*) from hits") == [1]
    assert firm.ask("select word from visits") == ["old"]


def test_without_an_attack_the_firm_is_as_promised(firm: Firm):
    assert firm.expire().failures == ()
    assert firm.ask("select id from sessions") == [2]
    made = firm.partition()
    assert (made.failures, made.counts["made"]) == ((), 9)


UNDECLARED = {
    "plain": "create trigger t before delete on sessions for each row execute function steal()",
    "statement": "create trigger t after delete on sessions execute function steal()",
    "cascaded": "alter table hits add foreign key (session) references sessions on delete cascade;"
    " create trigger t before delete on hits for each row execute function steal()",
    "partition": "create trigger t before update on visits_2020 for each row execute function steal()",
    "deferred": "create constraint trigger t after delete on sessions deferrable initially deferred"
    " for each row execute function steal()",
    "always": "create trigger t before delete on sessions for each row execute function steal();"
    " alter table sessions enable always trigger t",
    "rule": "create rule t as on delete to sessions do also update payroll set salary = 0",
}


@pytest.mark.parametrize("how", UNDECLARED)
def test_code_on_a_table_we_write_that_nobody_declared_is_refused_before_the_first_write(
    firm: Firm, how: str
):
    firm.mallory(STEAL + UNDECLARED[how])
    with pytest.raises(Refused, match="is not declared"):
        firm.expire()
    untouched(firm)
    assert "t of sessions" in told(firm) or "t of hits" in told(firm) or "t of visits" in told(firm)


@pytest.mark.parametrize("code", [STEAL, GRAB])
def test_code_that_was_declared_becomes_no_other_owner(firm: Firm, code: str):
    name = "steal" if code is STEAL else "grab"
    firm.mallory(
        code + f"create trigger t before delete on sessions for each row execute function {name}()"
    )
    firm.declared()
    outcome = firm.expire()
    assert outcome.verdict is Verdict.FAIL
    assert [f.target for f in outcome.failures if "sessions" in f.target]
    assert firm.salary() == [1000]
    assert firm.ask("select id from sessions order by id") == [1, 2]


def test_a_rule_that_was_declared_acts_as_its_owner_and_as_nobody_else(firm: Firm):
    firm.mallory("create rule t as on delete to sessions do also update payroll set salary = 0")
    firm.declared()
    assert firm.expire().verdict is Verdict.FAIL
    assert firm.salary() == [1000]


CHANGED = {
    "source": "create or replace function steal() returns trigger language plpgsql as"
    " $$ begin raise notice 'x'; return old; end $$",
    "settings": "alter function steal() set search_path = public",
    "definer": "alter function steal() security definer",
    "enabled": "alter table sessions enable always trigger t",
    "when": "drop trigger t on sessions; create trigger t before delete on sessions for each row"
    " when (old.id = 1) execute function steal()",
}


@pytest.mark.parametrize("how", CHANGED)
def test_code_that_is_not_what_was_declared_is_refused(firm: Firm, how: str):
    firm.mallory(
        STEAL + "create trigger t before delete on sessions for each row execute function steal()"
    )
    firm.declared()
    firm.mallory(CHANGED[how])
    with pytest.raises(Refused, match="is not what it was"):
        firm.expire()
    untouched(firm)
    assert "is not what it was" in told(firm)


NAMED = {
    "directly": "create or replace function public.deep() returns int language sql as 'select 2'",
    "through another": "create or replace function public.deeper() returns int language sql as 'select 3'",
    "a better fitting one": "create function public.deep(int) returns int language sql as 'select 4'",
    "its owner": "alter function public.deep() security definer",
}


@pytest.mark.parametrize("how", NAMED)
def test_what_declared_code_calls_is_declared_with_it(firm: Firm, how: str):
    firm.mallory(
        """create function public.deeper() returns int language sql as 'select 1';
        create function public.deep() returns int language sql as 'select public.deeper()';
        create function public.caller() returns trigger language plpgsql as
            $$ begin perform public.deep(); return old; end $$;
        create trigger t before delete on sessions for each row execute function caller()"""
    )
    firm.declared()
    firm.mallory(NAMED[how])
    with pytest.raises(Refused, match="is not what it was"):
        firm.expire()
    untouched(firm)


MORE = {
    "another table": "delete from public.hits",
    "more of the same": "delete from public.sessions where id = 2",
    "rows added": "insert into public.hits values (9, 9)",
}


@pytest.mark.parametrize("how", MORE)
def test_a_batch_that_would_change_more_than_its_rows_is_undone(firm: Firm, how: str):
    firm.mallory(
        f"""create function public.more() returns trigger language plpgsql security definer as
            $$ begin if pg_trigger_depth() = 1 then {MORE[how]}; end if; return old; end $$;
        create trigger t after delete on sessions for each row execute function more()"""
    )
    firm.declared()
    outcome = firm.expire()
    assert outcome.verdict is Verdict.FAIL
    assert firm.ask("select id from sessions order by id") == [1, 2]
    assert firm.ask("select id from hits") == [1]
    assert firm.ask("select word from visits") == [None]  # one rule stops no other


def test_a_batch_is_not_begun_where_the_server_does_not_count(firm: Firm):
    try:
        firm.ask("alter role lifecycle set track_counts = off")
        with pytest.raises(Refused, match="does not count"):
            firm.expire()
        untouched(firm)
    finally:
        firm.ask("alter role lifecycle reset track_counts")


# --- against the evidence, and the ledger's schema

EVIDENCE = (
    "update lifecycle.evidence set target = 'x'",
    "delete from lifecycle.evidence",
    "truncate lifecycle.evidence",
    "insert into lifecycle.evidence (run_id, attempt, kind, event, target) values (1, 1, 'effect', 'a.b', 'x')",
    "alter table lifecycle.evidence disable trigger all",
    "alter table lifecycle.evidence disable trigger evidence_is_append_only",
    "drop trigger evidence_is_append_only on lifecycle.evidence",
    "create rule r as on insert to lifecycle.evidence do instead nothing",
    "drop table lifecycle.evidence",
    "drop schema lifecycle cascade",
    "create table lifecycle.mine ()",
    "create or replace function lifecycle.refuse_change() returns trigger language plpgsql as 'begin return old; end'",
    "alter function lifecycle.record_evidence security invoker",
    "set role lifecycle_owner",
    "set session authorization lifecycle_owner",
    "grant lifecycle_owner to lifecycle",
    "set session_replication_role = replica",
    "alter role lifecycle superuser",
)


SETTINGS = (
    "IntervalStyle = 'sql_standard'",
    "IntervalStyle = 'iso_8601'",
    "standard_conforming_strings = off",
    "client_encoding = 'SQL_ASCII'",
    "quote_all_identifiers = on",
    "search_path = public",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_an_owner_sets_for_the_database_changes_no_run(firm: Firm, setting: str):
    firm.ask(f"alter database {firm.policy.database} set {setting}")
    assert (firm.expire().failures, firm.partition().failures) == ((), ())
    assert firm.ask("select count(*) from sessions") == [1]


def test_no_session_of_ours_compiles_its_questions_where_the_database_would(firm: Firm):
    firm.ask(f"alter database {firm.policy.database} set jit = on")  # the tests' server does not
    with closing(firm.system().connect("test")) as conn:
        assert conn.execute("select current_setting('jit')").fetchone() == ("off",)


def test_a_run_hears_nothing_of_the_administrator(firm: Firm):
    ours = {
        "LIFECYCLE_ADMIN_DSN": "password=x",
        "PGPASSWORD": "x",
        "PGHOST": "h",
        "OTHER_SECRET": "x",
    }
    system = firm.system()
    for job in rooms.jobs(firm.policy):
        heard = worker.hears(system, job, ours)
        assert "LIFECYCLE_ADMIN_DSN" not in heard
        assert "OTHER_SECRET" not in heard
        assert heard["PGHOST"] == "h"


def test_a_database_of_an_older_release_is_taken_back_from_owners_and_the_service(firm: Firm):
    try:
        firm.ask(
            """grant payroll_owner, lifecycle_owner to lifecycle;
            grant mallory to lifecycle;
            grant delete on payroll to lifecycle_ddl;
            alter schema lifecycle owner to mallory;
            alter table lifecycle.evidence owner to mallory;
            alter function lifecycle.refuse_change() owner to lifecycle"""
        )
        assert "may act as payroll_owner" in told(firm)
        for whose, given in (
            ("schema lifecycle belongs to mallory", "schema lifecycle"),
            ("relation lifecycle.evidence belongs to mallory", "table lifecycle.evidence"),
            ("refuse_change belongs to lifecycle,", "function lifecycle.refuse_change()"),
        ):
            with psycopg.connect(firm.admin, autocommit=True) as conn:
                with pytest.raises(Refused, match=whose):  # until who knows it gives it away
                    install.install(conn, firm.policy, catalog.read(conn), None)
                conn.execute(f"alter {given} owner to current_user".encode())
        with psycopg.connect(firm.admin, autocommit=True) as conn:
            install.install(conn, firm.policy, catalog.read(conn), None)
        with closing(firm.system().connect("test")) as conn:  # doctor misses nobody who keeps it
            daemons.seen(conn, "test", firm.system().policy_digest)
        assert [line for line in told(firm).splitlines() if ": jobs:" not in line] == []
        for attack in (
            "set role payroll_owner",
            "set role mallory",
            "delete from lifecycle.evidence",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                firm.ask(attack, "lifecycle")
    finally:
        firm.ask(CLOSED + "revoke mallory from lifecycle")


@pytest.mark.parametrize("login", ["lifecycle", "lifecycle_ddl", "mallory"])
def test_no_login_changes_evidence_or_the_schema(firm: Firm, login: str):
    firm.expire()
    before = firm.ask("select e::text from lifecycle.evidence e order by id")
    assert before
    kept = firm.ask(
        "select oid::regclass::text from pg_class where relnamespace = 'lifecycle'::regnamespace"
        " and relkind in ('r', 'p') and relname ~ '^(evidence|attempt)'"
    )
    assert len(kept) > 2  # with the months they lie in
    with psycopg.connect(firm.dsn(login), autocommit=True) as conn:
        for attack in EVIDENCE:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(attack.encode())
        for table in kept:
            for attack in (f"delete from {table}", f"truncate {table}", f"drop table {table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(attack.encode())
    assert firm.ask("select e::text from lifecycle.evidence e order by id") == before


def test_evidence_is_written_for_a_run_that_is_held_and_for_no_other(firm: Firm):
    claim = firm.claim("retention.expire")
    write = "select lifecycle.record_evidence({run}, '{holder}', {attempt}, 'effect', 'a.b', 'x', null, '{{}}', null)"
    for run, holder, attempt in (
        (claim.id, "somebody", claim.attempt),
        (claim.id, claim.holder, claim.attempt + 1),
        (claim.id + 1, claim.holder, claim.attempt),
    ):
        call = write.format(run=run, holder=holder, attempt=attempt)
        assert firm.ask(call, "lifecycle") == [None]
        assert firm.ask(call, "lifecycle_ddl") == [None]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        firm.ask(write.format(run=claim.id, holder=claim.holder, attempt=claim.attempt), "mallory")
    assert firm.ask("select count(*) from lifecycle.evidence") == [0]


def test_the_login_that_steps_into_owners_reads_and_changes_no_row(firm: Firm):
    with firm.ddl() as conn:
        for table in (
            "sessions",
            "payroll",
            "visits",
            "visits_2020",
            "lifecycle.run",
            "lifecycle.plan",
        ):
            for attack in (
                f"select from {table}",
                f"delete from {table}",
                f"copy {table} to stdout",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(attack.encode())


COUNTED = """
    create table public.loot (who text);
    grant insert on public.loot to public;
    create function public.note(how anyelement) returns int language plpgsql as $$ begin
        insert into public.loot select current_user::text from public.payroll;
        return 1;
    exception when insufficient_privilege then return 1; end $$;
    create function public.pure(how anyelement) returns int immutable language plpgsql as
        $$ begin return public.note(how); end $$;
"""
READ = {
    "check": "alter table sessions add check (pure(id) > 0) not valid",
    "predicate": "create index on sessions (at) where pure(1) > 0",
    "expression": "create index on sessions ((pure(id)))",
    "partition": "create index on visits_2020 ((pure(id)))",
    "generated": "alter table visits add column more int generated always as (pure(id)) stored",
    "domain": "create domain worded as text check (pure(1) > 0);"
    " alter table visits alter column word type worded",
    "statistics": "create statistics told on (pure(1)), at from sessions",
    "operator": "create operator public.=== (leftarg = int, rightarg = int, function = public.same);"
    " alter table sessions add check (id === id) not valid",
    "cast": "create type mood as enum ('low');"
    " create function worded(mood) returns text immutable language sql as $$ select public.pure(1)::text $$;"
    " create cast (mood as text) with function worded(mood);"
    " alter table sessions add column mood mood",
    "domain over a domain": "create domain inner_one as text check (pure(1) > 0); create domain outer_one as inner_one;"
    " alter table visits alter column word type outer_one",
    "array of a domain": "create domain one as text check (pure(1) > 0); alter table visits add more one[]",
    "composite": "create domain one as text check (pure(1) > 0); create type pair as (a one, b int);"
    " alter table sessions add more pair[]",
    "cast of whole rows": "create function told(sessions) returns text language sql as $$ select public.pure(1)::text $$;"
    " create cast (sessions as text) with function told(sessions)",
    "condition of a trigger": "create function idle() returns trigger language plpgsql as 'begin return old; end';"
    " create trigger t before delete on sessions for each row when (pure(old.id) > 0) execute function idle()",
}


@pytest.mark.parametrize("how", READ)
def test_code_of_a_check_an_index_or_a_type_is_refused_before_it_runs_with_our_rights(
    firm: Firm, how: str
):
    # It would run as the login that reads every row of every owner.
    firm.ask(
        "create function public.same(a int, b int) returns bool immutable language sql as 'select a = b'"
    )
    firm.ask("alter function public.same owner to mallory")
    firm.ask(COUNTED + "alter table loot owner to mallory; alter function pure owner to mallory")
    firm.mallory(READ[how])
    firm.ask("truncate loot")
    firm.policy = firm.policy.model_copy(
        update={"tables": firm.policy.tables | {"loot": firm.policy.tables["payroll"]}}
    )
    with pytest.raises(Refused, match="is not declared"):
        firm.expire()
    assert "function " in told(firm)
    assert firm.ask("select count(*) from loot") == [0]
    untouched(firm)
    firm.declared()
    # Declared or not: a row it would write while ours go undoes them.
    ended = firm.expire()
    assert "lifecycle" not in firm.ask("select who from loot"), ended
    assert all("loot: " in f.what for f in ended.failures)
    firm.ask(
        "alter function pure owner to payroll_owner; alter function same owner to payroll_owner"
    )
    with pytest.raises(Refused, match="is not what it was"):
        firm.expire()


SPILL = """
    create function public.spill(public.sessions) returns text language plpgsql as $$ begin
        perform pg_notify('loot', current_user); return 'x'; end $$;
    create cast (public.sessions as text) with function public.spill(public.sessions)
"""


def test_a_cast_that_is_made_while_a_count_waits_is_not_called(firm: Firm):
    """Rows without a key are bound as a whole; the look at the code was before."""
    firm.mallory("alter table sessions drop constraint sessions_pkey")
    waits = (
        "select 1 from pg_stat_activity where usename = 'lifecycle' and wait_event_type = 'Lock'"
    )
    with (
        psycopg.connect(firm.dsn("mallory"), autocommit=True) as ear,
        psycopg.connect(firm.dsn("mallory")) as mallory,
        ThreadPoolExecutor() as pool,
    ):
        ear.execute("listen loot")
        mallory.execute("lock table sessions in access exclusive mode")
        expired = pool.submit(firm.expire)
        wait_until(lambda: firm.ask(waits) == [1])
        mallory.execute(SPILL)
        mallory.commit()
        with pytest.raises(Refused, match="was exchanged while"):
            expired.result()
        assert list(ear.notifies(timeout=0.5)) == []


INSIDE = """
    create function public.deep(how text) returns int language plpgsql as $$ begin
        set local role payroll_owner;
        update public.payroll set salary = 0;
        reset role;
        return 1;
    exception when others then return 1; end $$;
    create function public.own() returns trigger language plpgsql as $$ begin
        perform public.deep('x'); return null; end $$;
    create table public.later (id int);
    create constraint trigger later after insert on public.later deferrable initially deferred
        for each row execute function public.own();
    create function public.wait(how text) returns int language plpgsql as $$ begin
        set constraints all deferred;
        insert into public.later values (1);
        return 1; end $$;
    create function public.wide(how text) returns int immutable language plpgsql as
        $$ begin return public.deep(how); end $$;
    create function public.slow(how text) returns int immutable language plpgsql as
        $$ begin return public.wait(how); end $$;
"""
EVALUATED = {
    "check": "alter table visits add check ({}('x') > 0)",
    "predicate": "create index on visits (at) where {}('x') > 0",
    "expression": "create index on visits ((id + {}('x')))",
}


@pytest.mark.parametrize("code", ["wide", "slow"])
@pytest.mark.parametrize("how", EVALUATED)
def test_code_that_runs_while_a_partition_is_made_becomes_no_other_owner(
    firm: Firm, how: str, code: str
):
    # PostgreSQL evaluates what is said to be immutable when it attaches a partition or builds its indexes.
    firm.ask(INSIDE)
    firm.ask("alter table later owner to mallory")
    firm.ask(
        "create or replace function quiet(how text) returns int immutable language sql as 'select 1'"
    )
    firm.ask("alter function quiet owner to mallory")
    firm.mallory(EVALUATED[how].format("quiet"))
    firm.ask(
        "create or replace function quiet(how text) returns int immutable language plpgsql as"
        f" $$ begin return public.{code}(how); end $$"
    )
    outcome = firm.partition()
    assert firm.salary() == [1000]
    # Whoever writes nothing is in nobody's way; who leaves something for the end of the transaction is.
    assert {f.target for f in outcome.failures} == (set() if code == "wide" else {"visits"})
    assert firm.ask("select count(*) from pg_proc where proname like 'lifecycle\\_%'") == [0]


# From 16 on a membership keeps what the role's attribute was when it was granted.
AGAIN = "revoke payroll_owner from lifecycle_ddl; grant payroll_owner to lifecycle_ddl;"
OPENED = {
    "member of an owner": ("grant payroll_owner to lifecycle", "may act as payroll_owner"),
    "member of the schema's owner": ("grant lifecycle_owner to lifecycle", "lifecycle_owner"),
    "guards off": (
        "alter table lifecycle.evidence disable trigger all",
        "evidence lacks the trigger evidence_is_append_only",
    ),
    "guards of one month off": (
        (
            "do $$ begin execute format('alter table lifecycle.%I disable trigger evidence_is_append_only',"
            " (select min(relname) from pg_class where relname ~ '^evidence_2')); end $$"
        ),
        "lacks the trigger evidence_is_append_only",
    ),
    "a month can be emptied": (
        (
            "do $$ begin execute format('drop trigger evidence_is_not_truncated on lifecycle.%I',"
            " (select min(relname) from pg_class where relname ~ '^evidence_2')); end $$"
        ),
        "lacks the trigger evidence_is_not_truncated",
    ),
    "attempts": (
        "alter table lifecycle.attempt disable trigger attempt_is_append_only",
        "attempt lacks the trigger attempt_is_append_only",
    ),
    "a run may change its end": (
        "alter table lifecycle.run disable trigger run_keeps_to_its_way",
        "run lacks the trigger run_keeps_to_its_way",
    ),
    "a run writes some attempts": (
        """drop trigger run_writes_its_attempts on lifecycle.run;
        create trigger run_writes_its_attempts after update on lifecycle.run
            for each row when (new.verdict = 'pass') execute function lifecycle.write_attempt()""",
        "run lacks the trigger run_writes_its_attempts",
    ),
    "a run writes no attempt": (
        "drop trigger run_writes_its_attempts on lifecycle.run",
        "run lacks the trigger run_writes_its_attempts",
    ),
    "a guard of one column": (
        """drop trigger evidence_is_append_only on lifecycle.evidence;
        create trigger evidence_is_append_only before update of target or delete on lifecycle.evidence
            for each row execute function lifecycle.refuse_change()""",
        "evidence lacks the trigger evidence_is_append_only",
    ),
    "evidence may be deleted": (
        "grant delete on lifecycle.evidence to lifecycle",
        "may delete evidence",
    ),
    "one column": (
        "grant update (target) on lifecycle.evidence to lifecycle",
        "may update evidence",
    ),
    "the second login reads": ("grant select on payroll to lifecycle_ddl", "has rights on rows of"),
    "nobody counts": ("alter role lifecycle set track_counts = off", "track_counts is off"),
    "nobody counts for the second login": (
        "alter role lifecycle_ddl set track_counts = off",
        "track_counts is off for lifecycle_ddl",
    ),
    "all the time": (
        "alter role lifecycle_ddl inherit;" + AGAIN,
        "all the time",
    ),
    "a stranger is let in": ("grant lifecycle to mallory", "mallory may act as lifecycle"),
    "the schema is a login's": ("alter schema lifecycle owner to mallory", "belongs to mallory"),
    "an event trigger": (
        """create function e() returns event_trigger language plpgsql as 'begin end';
        alter function e() owner to mallory;
        create event trigger e on ddl_command_end execute function e()""",
        "runs code of mallory",
    ),
}
CLOSED = """
    revoke payroll_owner from lifecycle; revoke lifecycle_owner from lifecycle; revoke lifecycle from mallory;
    alter role lifecycle_ddl noinherit; alter role lifecycle reset track_counts;
    alter role lifecycle_ddl reset track_counts;
"""


@pytest.mark.parametrize("how", OPENED)
def test_doctor_names_every_door_that_somebody_opened(firm: Firm, how: str):
    attack, said = OPENED[how]
    try:
        firm.ask(attack)
        assert said in told(firm)
    finally:
        firm.ask(CLOSED + AGAIN)  # roles are the cluster's
