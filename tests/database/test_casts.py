"""A cast that an owner made of his type is code that runs as the service: declared, or refused before it is called."""

from pathlib import Path
from typing import Any

import pytest

from gdpr.foresee import foresee
from lifecycle.admin import database as doctor
from lifecycle.errors import Refused
from lifecycle.ledger import code
from lifecycle.outcome import Verdict
from lifecycle.policy import generate, reality
from lifecycle.postgres import catalog
from retention import expire
from tests import declare
from tests.database import office
from tests.database.office import Office
from tests.house import OWNER, House

TYPES = {
    "composite": ("create type said as (a text, b text)", "row('x', 'of anna@x.example')::said"),
    "enum": ("create type said as enum ('(x,hidden)', 'anna@x.example')", "'anna@x.example'"),
}
# What `raise log` says is on record also where everything is rolled back.
SPY = """
    create function as_text(said) returns text language plpgsql as $$ begin
        raise log 'cast of {tag} ran as %', current_user;
        return '(x,hidden)'; end $$;
    alter function as_text owner to office_owner;
    create cast (said as text) with function as_text(said);
"""
NOTES = {"notes": {"personal": "none", "because": "notes", "quotes": {"words": "redact"}}}


def ran(post: Office) -> set[str]:
    """Return as whom the cast ran, by the log of the server."""
    [data] = post.ask("select setting from pg_settings where name = 'data_directory'")
    logs = [one for one in Path(data).parent.glob("*log*") if one.is_file()]
    lines = "".join(one.read_text(errors="replace") for one in logs).splitlines()
    said = f"cast of {post.policy.database} ran as "
    return {line.partition(said)[2] for line in lines if said in line and "LOG:" in line}


@pytest.mark.parametrize("kind", TYPES)
def test_a_cast_of_a_columns_type_is_refused_before_it_is_called(
    database: str, tmp_path: Path, kind: str
) -> None:
    made, value = TYPES[kind]
    schema = f"""
        {made};
        create table notes (id bigint primary key, words said);
        alter type said owner to office_owner;
        insert into notes values (1, {value});
    """
    post = office.opened(database, tmp_path, schema, NOTES)
    post.asks(1)
    post.ask(SPY.format(tag=post.policy.database))
    for look in (post.plan, post.erase, lambda: foresee(post.system(), None, "1")):
        with pytest.raises(Refused, match="is not declared"):
            look()
    assert any("as_text(public.said)" in one.what for one in doctor.findings(post.system()))
    assert ran(post) == set()
    assert post.states() == {1: "pending"}
    with post.system().connect("test") as conn:
        post.policy = declare.triggers_of(catalog.read(conn), post.policy)
    assert post.plan().decision.refusals == ()
    assert ran(post) == {"lifecycle"}
    # What it hides the proof finds: it spells values without asking a cast.
    assert post.erase().verdict is not Verdict.PASS


MOOD = f"""
    {OWNER}
    create type mood as enum ('done', 'open');
    create type word as (text text);
    create function told(mood) returns text language plpgsql as $$ begin return 'done'; end $$;
    create function other(mood) returns text language plpgsql as $$ begin return 'done'; end $$;
    create table log (id int primary key, at timestamptz, value text default 'v', status mood default 'done');
    alter table log add check (told(status) <> ''), add check (other(status) <> '');
    insert into log select n, '2020-01-01' from generate_series(1, 3) n;
"""
CAST = "set role house_owner; create cast (mood as text) with function told(mood) as implicit;"
DONE = {"table": "log", "after": "90 days", "by": "at", "where": {"status": ("done",)}}
EXCHANGED = {
    "by another function that is declared": "set role house_owner; drop cast (mood as text);"
    " create cast (mood as text) with function other(mood) as implicit",
    "by itself": "drop cast (mood as text);" + CAST,
    "for none": "drop cast (mood as text)",
}


@pytest.fixture
def house(ledger: str) -> House:
    house = House(ledger)
    house.say(MOOD)
    return house


@pytest.mark.parametrize("how", EXCHANGED)
def test_a_cast_that_is_exchanged_while_a_run_is_at_work_undoes_it(
    house: House, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    house.say(CAST)
    house.promise(DONE)
    real: Any = expire.fixed.fix

    def fix(*args: Any, **named: Any) -> Any:
        house.say(EXCHANGED[how])
        return real(*args, **named)

    monkeypatch.setattr(expire.fixed, "fix", fix)
    with pytest.raises(Refused, match="code of the application's was exchanged"):
        house.run()
    assert house.number("select count(*) from log") == 3


def functions(house: House) -> dict[str, str]:
    """Return the functions of the log and their digests."""
    with house.system().connect("test") as conn:
        return {one.name: one.digest for one in catalog.read(conn).table("log").functions}


def test_the_digest_of_a_function_names_the_casts_that_call_it(house: House) -> None:
    house.promise(DONE)
    without = functions(house)
    house.say(CAST)
    implicit = functions(house)
    assert implicit["told(public.mood)"] != without["told(public.mood)"]
    assert implicit["other(public.mood)"] == without["other(public.mood)"]
    with pytest.raises(Refused, match="is not what it was"):
        house.run()
    house.say(EXCHANGED["for none"])
    assert functions(house) == without
    house.run()
    assert house.number("select count(*) from log") == 0
    house.say(CAST.replace("as implicit", ""))
    assert functions(house)["told(public.mood)"] not in (
        implicit["told(public.mood)"],
        without["told(public.mood)"],
    )


PARTS = {
    "a member": "create type pair as (one mood, two int); alter table log add more pair;",
    "an array": "alter table log add more mood[];",
    "a domain": "create domain much as mood; alter table log add more much;",
    "a range": "create type span as range (subtype = mood); alter table log add more span;",
}


@pytest.mark.parametrize("how", PARTS)
def test_a_cast_counts_that_what_a_columns_type_is_made_of_has(house: House, how: str) -> None:
    house.say(
        "set role house_owner; alter table log drop column status;"
        + PARTS[how]
        + "create cast (mood as text) with function told(mood)"
    )
    assert "told(public.mood)" in functions(house)


def test_a_cast_to_a_columns_type_is_declared_as_well_and_a_strangers_is_not(house: House) -> None:
    house.say("""
        set role house_owner;
        create function read(text) returns mood language plpgsql as $$ begin return 'done'; end $$;
        create cast (text as mood) with function read(text) as assignment;
    """)
    there = functions(house)
    assert "read(text)" in there
    house.promise(DONE)
    # Of a type of his own anybody may make one, and no statement of ours has a value of it.
    house.say("""
        create type own as enum ('x');
        create function lent(own) returns mood language plpgsql as $$ begin return 'done'; end $$;
        create cast (own as mood) with function lent(own) as implicit;
    """)
    assert functions(house) == there


def test_a_cast_of_the_rows_of_a_partition_counts_for_its_table(house: House) -> None:
    house.say("""
        set role house_owner;
        create table days (at date) partition by range (at);
        create table days_rest partition of days default;
        create function whole(record) returns text language plpgsql as $$ begin return 'x'; end $$;
        create cast (days as text) with function whole(record);
    """)

    def digest() -> str:
        with house.system().connect("test") as conn:
            [one] = catalog.read(conn).table("days").functions
            return one.digest

    first = digest()
    house.say("set role house_owner; create cast (days_rest as text) with function whole(record)")
    assert digest() != first


def test_casts_without_a_function_of_the_applications_are_nobodys_code(house: House) -> None:
    there = functions(house)
    house.say("""
        set role house_owner;
        create type pair as (a int, b int); alter table log add more pair;
        create cast (pair as text) with inout;
        create type tone as enum ('done', 'open'); alter table log add tone tone;
        create cast (mood as tone) with inout;
    """)
    house.say("reset role; create extension citext schema public; alter table log add mail citext")
    assert functions(house) == there


def test_a_declared_cast_stands_and_a_draft_names_it(house: House) -> None:
    house.say(CAST)
    house.promise(DONE)
    with house.system().connect("test") as conn:
        seen = catalog.read(conn)
        with code.code(house.system(), seen) as standing:
            standing.must_stand()
            house.say("create temporary table nobodys (status public.mood)")
            standing.must_stand()
    assert reality.compare(house.policy, seen).mistakes == ()
    assert "what does told(public.mood) do?" in generate.draft(seen, None)
