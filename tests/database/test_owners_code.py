"""What an owner's code may do while we look at his rows: nothing that lasts, nothing that is heard, nothing of others'.

It is harmless when it is declared, and its owner exchanges it while a run is at work: what runs is the newest, whatever
the snapshot that a statement reads by.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gdpr import request
from lifecycle.errors import Refused
from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.ledger import code
from lifecycle.policy import shapes
from lifecycle.postgres import catalog, connect
from lifecycle.returning import staging
from retention import expire
from tests.database.clinic import Clinic
from tests.database.shop import Shop
from tests.house import OWNER, House

DONE = {"table": "log", "after": "90 days", "by": "at", "where": {"status": ("done",)}}
PAYROLL = ("payroll", "10 years", "at", "delete")
LOG = f"""
    create table payroll (id int primary key, at timestamptz);
    insert into payroll select n, now() from generate_series(1, 500) n;
    {OWNER}
    create type mood as enum ('done', 'open');
    create table log (id int primary key, at timestamptz, value text default 'v', status mood default 'done');
    create function told(mood) returns text language plpgsql as $$ begin return 'done'; end $$;
    create cast (mood as text) with function told(mood) as implicit;
    insert into log select n, '2020-01-01' from generate_series(1, 3) n;
"""

WAGES = """
    do $$ begin create role wages_owner nologin; exception when duplicate_object then null; end $$;
    create table wages (id int, at timestamptz not null) partition by range (at);
    alter table wages owner to wages_owner;
"""
CHECKED = """
    create table log (at timestamptz not null, word text check (public.passes(word))) partition by range (at);
    create table log_rest partition of log default;
    insert into log values ('2026-12-24', 'a row that moves');
"""


def tells(what: str) -> str:
    """Return the function of the cast, exchanged for one that does something as well where the service runs it."""
    return f"""
        set role house_owner;
        create or replace function told(mood) returns text language plpgsql as $$ begin
            if session_user = 'lifecycle' then {what}; end if;
            return 'done';
        end $$;
    """


@pytest.fixture
def house(ledger: str) -> House:
    house = House(ledger)
    house.say(LOG)
    house.promise(DONE, PAYROLL)
    return house


def say(clinic: Clinic, text: str) -> None:
    """Say it as superuser, in a session of its own."""
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        conn.execute(text.encode())


def before(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, then: Callable[[], None]):
    """Do something at the instant when a function is called."""
    real = getattr(place, name)

    def called(*args: Any, **named: Any) -> Any:
        then()
        return real(*args, **named)

    monkeypatch.setattr(place, name, called)


def test_code_that_is_exchanged_before_the_rows_are_fixed_changes_nothing_of_anybody(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    with house.system().connect("test") as conn:
        held = What("table", table="payroll")
        place.place(conn, held, because="a suit", placed_by="a court", until=None)
    evil = tells("""
        if current_setting('transaction_read_only') = 'off' then
            delete from public.payroll;
            perform lifecycle.release_hold(1, 'mine', 'nobody');
        end if""")
    before(monkeypatch, expire.fixed, "fix", lambda: house.say(evil))
    with pytest.raises(Refused, match="code of the application's was exchanged"):
        house.run()
    assert house.number("select count(*) from payroll") == 500
    assert house.number("select count(*) from lifecycle.hold_release") == 0
    assert house.number("select count(*) from log") == 3


def test_what_it_sets_for_the_session_while_the_rows_are_fixed_is_undone(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    # Whoever has the path has the operators, of the statements that write the ledger, too.
    evil = tells("perform set_config('search_path', 'nobodys, pg_catalog', false)")
    before(monkeypatch, expire.fixed, "fix", lambda: house.say(evil))
    paths: list[Any] = []
    real = expire.closing

    def closing(conn: Any) -> Any:
        paths.append(conn)
        return real(conn)

    monkeypatch.setattr(expire, "closing", closing)
    seen: list[Any] = []
    real_expire = expire._expire  # pyright: ignore[reportPrivateUsage]

    def after(*args: Any) -> None:
        try:
            real_expire(*args)
        finally:
            seen.extend(paths[0].execute("show search_path").fetchone())

    monkeypatch.setattr(expire, "_expire", after)
    with pytest.raises(Refused, match="code of the application's was exchanged"):
        house.run()
    assert seen == ["pg_catalog, pg_temp"]


def test_nobody_hears_what_it_tells_while_a_run_looks(house: House):
    house.say(
        "create table patients (email text); insert into patients values ('anna@example.org')"
    )
    house.promise(DONE)
    house.say("grant select on patients to lifecycle")
    house.say(tells("perform pg_notify('owner', (select email from public.patients))"))
    house.promise(DONE)
    mallory = make_conninfo(house.admin)
    with psycopg.connect(mallory, autocommit=True) as conn:
        conn.execute("listen owner")
        assert house.plan().decision.steps
        assert [told.payload for told in conn.notifies(timeout=1)] == []


def test_what_it_sets_for_the_session_is_not_what_others_rows_are_read_by(house: House):
    house.say("create schema evil authorization house_owner; grant usage on schema evil to public")
    house.say(tells("perform set_config('search_path', 'evil, pg_catalog', false)"))
    house.say("""
        set role house_owner;
        create function evil.never(timestamptz, timestamptz) returns boolean language sql immutable as 'select false';
        create operator evil.< (leftarg = timestamptz, rightarg = timestamptz, function = evil.never);
    """)
    house.say("update payroll set at = '2000-01-01'")
    house.promise(DONE, PAYROLL)
    assert {step.target: step.rows for step in house.plan().decision.steps}["payroll"] == 500


def test_code_that_is_exchanged_while_an_erasure_looks_changes_nothing_of_anybody(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
):
    mails = ",".join(f"'{mail}'" for mail in clinic.ask("select email from person"))
    say(
        clinic,
        f"""
        revoke all on finding from clinic_owner;
        alter table finding owner to current_user;
        set role clinic_owner;
        create type mail as enum ({mails});
        create function spelled(mail) returns text language plpgsql as $$ begin return concat($1); end $$;
        create cast (mail as text) with function spelled(mail);
        alter table person alter email type mail using concat(email)::mail;
        """,
    )
    exchange = """
        set role clinic_owner;
        create or replace function spelled(mail) returns text language plpgsql as $$ begin
            if current_setting('transaction_read_only') = 'off' and session_user = 'lifecycle' then
                delete from public.finding;
            end if;
            return concat($1);
        end $$;
    """
    clinic = clinic.declared()
    before(monkeypatch, request.notes, "of_person", lambda: say(clinic, exchange))
    there = clinic.ask("select count(*) from finding")
    outcome = clinic.erase()
    assert [failure.what for failure in outcome.failures] == [
        "finding: 4 rows would have changed where the plan has 0"
    ]
    assert clinic.ask("select count(*) from finding") == there


def test_what_an_owners_check_sets_for_the_session_makes_him_no_other_owner(
    ledger: str, tmp_path: Path
):
    shop = Shop(ledger, tmp_path)
    shop.say(
        WAGES
        + """
        create schema evil authorization shop_owner;
        set role shop_owner;
        create function passes(text) returns boolean language plpgsql as $$ begin
            perform set_config('search_path', 'evil, pg_catalog', false);
            return true;
        end $$;
        create function evil.current_setting(text) returns text language plpgsql as $$ begin
            if pg_has_role(session_user, 'wages_owner', 'member') then
                perform pg_catalog.set_config('role', 'wages_owner', true);
                grant all on public.wages to shop_owner;
                perform pg_catalog.set_config('role', 'shop_owner', true);
            end if;
            return pg_catalog.current_setting($1);
        end $$;
        """
        + CHECKED
    )
    shop.promise(log=("at", "month", 2), wages=("at", "month", 2))
    shop.run()
    assert shop.ask("select has_table_privilege('shop_owner', 'wages', 'select')") == [(False,)]
    assert "log_2026_12" in str(shop.partitions("log"))


def test_what_is_said_as_an_owner_is_said_through_no_function_that_his_code_has_changed(
    ledger: str, tmp_path: Path
):
    shop = Shop(ledger, tmp_path)
    shop.say(
        WAGES
        + """
        set role shop_owner;
        create function passes(text) returns boolean language plpgsql as $$ declare door text; begin
            for door in select oid::regprocedure::text from pg_proc where proname like 'lifecycle\\_%' loop
                execute 'create or replace function ' || replace(door, 'text[]', 'commands text[]') || $f$
                    returns void language plpgsql as $d$ declare command text; begin
                        perform set_config('role', 'wages_owner', true);
                        grant all on public.wages to shop_owner;
                        perform set_config('role', 'shop_owner', true);
                        foreach command in array commands loop execute command; end loop;
                    end $d$ $f$;
            end loop;
            return true;
        end $$;
        """
        + CHECKED
    )
    shop.promise(log=("at", "month", 2), wages=("at", "month", 2))
    shop.run()
    assert shop.ask("select has_table_privilege('shop_owner', 'wages', 'select')") == [(False,)]
    assert "log_2026_12" in str(shop.partitions("log"))


def test_a_function_that_its_owner_has_made_an_extensions_has_to_be_declared_all_the_same(
    house: House,
):
    house.say("""
        do $$ begin execute format('grant create on database %I to house_owner', current_database()); end $$;
        set role house_owner;
        create extension citext schema public;
        alter extension citext add function told(mood);
    """)
    with house.system().connect("test") as conn:
        functions = catalog.read(conn).table("log").functions
    assert [function.name for function in functions] == ["told(public.mood)"]


def test_rows_that_are_loaded_while_code_is_exchanged_are_not_there(house: House):
    with (
        house.system().connect("test") as conn,
        code.code(house.system(), catalog.read(conn)) as seen,
    ):
        conn.execute("create temporary table loaded (status public.mood)")
        with (
            pytest.raises(Refused, match="code of the application's was exchanged"),
            staging.loading(conn, seen),
        ):
            conn.execute("insert into pg_temp.loaded values ('done')")
            conn.execute("select set_config('search_path', 'nobodys', false)")
            house.say(tells("null"))
        assert conn.execute("select count(*) from pg_temp.loaded").fetchone() == (0,)
        assert conn.execute("show search_path").fetchone() == ("pg_catalog, pg_temp",)


def test_an_owners_code_is_no_superuser_where_one_looks_at_his_rows(house: House):
    house.say("""
        set role house_owner;
        create or replace function told(mood) returns text language plpgsql as $$ begin
            perform set_config('role', 'none', true);
            raise notice 'as %', current_user;
            return 'done';
        exception when others then
            raise notice 'as %', current_user;
            return 'done';
        end $$;
    """)
    heard: list[str | None] = []
    with connect.connect(house.admin, "test", write=False) as conn:
        conn.add_notice_handler(lambda told: heard.append(told.message_primary))
        shape = shapes.of(conn, catalog.read(conn).table("log"))
    assert len(shape) == 3
    assert set(heard) == {"as house_owner"}
