"""A drill compares all that a database is made of: what a dump lost, changed or brought along is named."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from backups import covering
from backups.manifest import Manifest
from lifecycle.outcome import Verdict
from lifecycle.postgres.server import find_binaries
from tests.database.test_backups import World, world
from tests.house import unseen
from tests.roles import roles

__all__ = ["world"]

RICH = f"""
    {roles("rich_owner", "rich_reader", "rich_other")}
    grant usage, create on schema public to rich_owner, rich_other; grant usage on schema side to rich_reader;
    set role rich_owner;
    create domain short as text check (length(value) < 90) default 'none';
    create type colour as enum ('red', 'green'); create type pair as (a int, b text);
    create sequence numbers increment 5;
    create sequence lowest minvalue -9223372036854775808 start -9223372036854775808;
    create table houses (
        id bigint generated always as identity primary key, name varchar(30) not null default 'none',
        state varchar(9) check (state in ('new', 'old') and (name <> '' or state = 'old')), number int default nextval('numbers'),
        tint colour, room pair, word short, at timestamptz not null default now(), secret text,
        constraint apart unique (name, id) deferrable, constraint not_yet foreign key (number) references houses (id) not valid);
    alter table houses drop constraint not_yet; alter table houses add constraint later check (number > -7) not valid;
    create index by_state on houses (lower(state)) where state is not null;
    create statistics together on name, state from houses;
    create view young as select id, name from houses where state in ('new', 'fresh') and (at > '2020-01-01' or tint = 'red'); revoke all on young from rich_owner;
    create function act() returns trigger language plpgsql security definer set search_path = '' as $$ begin return new; end $$;
    create function twice(n int default 2) returns int language sql immutable begin atomic select n * 2; end;
    create aggregate total (int) (sfunc = int4pl, stype = int, initcond = '0');
    create procedure tidy() language sql begin atomic delete from houses where id < 0; end;
    create trigger acts before update on houses for each row when (old.state is distinct from new.state) execute function act();
    create trigger sleeps after insert on houses for each row execute function act(); alter table houses disable trigger sleeps;
    create rule never as on delete to young do instead nothing;
    create policy few on houses for select to rich_reader using (state in ('new', 'old') and id > 0);
    alter table houses enable row level security; alter table houses force row level security;
    alter table houses replica identity full; alter table houses alter name set statistics 77;
    alter table houses set (fillfactor = 80, autovacuum_enabled = off); alter table houses alter secret set storage external;
    comment on table houses is 'of all?'; comment on column houses.secret is 'not told'; comment on policy few on houses is 'why';
    grant select, insert on houses to rich_reader with grant option; grant select (id, name) on houses to rich_other;
    revoke execute on function twice(int) from public; grant usage on sequence numbers to rich_reader;
    alter default privileges in schema side grant select on tables to rich_reader;
    create table aged (b int, a int); create table older (a int); alter table aged inherit older;
    create table days (at date not null, n int) partition by range (at);
    create table days_1 partition of days for values from ('2026-01-01') to ('2027-01-01');
    create table akin (like days);
    create index on days (n); alter table days add primary key (at, n);
    create materialized view counted as select at, count(*) from days group by at;
    reset role;
    create collation plain (locale = 'C'); alter collation plain owner to rich_owner;
    create cast (pair as text) with inout;
    create publication some_of for table houses (id, name);
    create function on_ddl() returns event_trigger language plpgsql as 'begin end';
    create event trigger watch_{{0}} on ddl_command_end execute function on_ddl();
    insert into houses (state) values ('new'), ('old'), (null);
    select lo_from_bytea(4711, 'a letter'); grant select on large object 4711 to lifecycle; alter large object 4711 owner to rich_owner;
    insert into days values ('2026-02-02', 1);
    refresh materialized view counted;
    grant select on all tables in schema public to lifecycle; grant select on all sequences in schema public to lifecycle;
"""

CHANGES = {
    "drop policy few on houses; create policy few on houses using (true)": "policy few on public.houses",
    "alter table houses no force row level security": "row security of public.houses",
    "revoke insert on houses from rich_reader": "relation public.houses",
    "revoke select (name) on houses from rich_other": "column public.houses.name",
    "alter view young owner to rich_other": "relation public.young",
    "alter function twice(int) owner to rich_other": "routine public.twice(integer)",
    "alter type colour owner to rich_other": "type public.colour",
    "alter type colour add value 'blue'": "type public.colour",
    "alter domain short set default 'some'": "type public.short",
    "alter table houses alter name set default 'other'": "column public.houses.name",
    "alter table houses alter at drop not null": "column public.houses.at",
    "alter table houses set (fillfactor = 70)": "relation public.houses",
    "drop index by_state": "index public.by_state",
    "alter table houses drop constraint apart": "constraint apart of public.houses",
    "alter table houses validate constraint later": "constraint later of public.houses",
    "drop statistics together": "statistics public.together",
    "alter table houses enable trigger sleeps": "trigger sleeps on public.houses",
    "drop trigger acts on houses": "trigger acts on public.houses",
    "drop rule never on young": "rule never on public.young",
    "create or replace view young as select id, name from houses where state in ('new', 'old')": "view public.young",
    "drop aggregate total(int)": "routine public.total(integer)",
    "alter function act() security invoker": "routine public.act()",
    "alter sequence numbers increment 7": "sequence public.numbers",
    "alter default privileges for role rich_owner in schema side revoke select on tables from rich_reader": "default privileges of {role} in side on r",
    "comment on column houses.secret is 'told'": "comment on table column public.houses.secret",
    "comment on table houses is 'of some?'": "comment on table public.houses",
    "drop cast (pair as text)": "cast (public.pair AS pg_catalog.text)",
    "select lo_put(4711, 0, 'A')": "large object 4711",
    "drop publication some_of": "publication some_of",
    "drop event trigger watch_{0}": "event trigger watch_{0}",
    "create table brought_along (id int)": "relation public.brought_along",
    "select setval('houses_id_seq', 1)": "sequence public.houses_id_seq",
}


@pytest.fixture
def rich(world: World) -> World:
    say(world, RICH)
    return world


def say(world: World, text: str) -> None:
    name = world.system.policy.database
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(text.replace("{0}", name).encode())


def forged(world: World, taken: Manifest, *options: str) -> Manifest:
    """Put what the database is now into the place of this dump, under its manifest; return that."""
    file = Path(world.system.machine.path(str(world.system.machine.scratch))) / "forged"
    program = find_binaries(None).tool("pg_dump")
    command = [str(program), "-Fc", f"--file={file}", f"--dbname={world.admin}", *options]
    subprocess.run(command, check=True, env=dict(os.environ))
    body = file.read_bytes()
    file.unlink()
    world.write(taken.key, body)
    world.rewrite(taken, size=len(body), sha256=sha256(body).hexdigest())
    return taken


def test_a_database_with_a_bit_of_everything_is_in_its_copy_as_it_was(rich: World) -> None:
    with psycopg.connect(rich.admin, autocommit=True) as another:
        another.execute(
            "create temp table brief (id int); comment on table brief is 'of a session'"
        )
        rich.dump()
    outcome = rich.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), outcome.summary
    assert outcome.coverage["not_looked_at"] == 0


def test_each_thing_that_is_not_in_a_dump_as_it_was_is_named(rich: World) -> None:
    taken = rich.dump()
    for change in CHANGES:
        say(rich, change)
    forged(rich, taken)
    outcome = rich.drill()
    assert outcome.verdict is Verdict.FAIL
    name = rich.system.policy.database
    found = {failure.target for failure in outcome.failures}
    wanted = {
        place.replace("{0}", name).replace("{role}", "rich_owner") for place in CHANGES.values()
    }
    assert wanted - found == set(), found


@pytest.mark.parametrize(
    ("option", "lost"),
    [
        ("--no-privileges", "relation public.houses"),
        ("--no-comments", "comment on table public.houses"),
        ("--no-publications", "publication some_of"),
        ("--no-large-objects", "large object 4711"),
        ("--section=pre-data", "policy few on public.houses"),
    ],
)
def test_a_dump_that_was_taken_without_something_fails(rich: World, option: str, lost: str) -> None:
    """`--section=pre-data` has neither rows nor keys, indexes, triggers and policies."""
    taken = rich.dump()
    option = "--no-blobs" if option == "--no-large-objects" else option
    forged(rich, taken, option)
    outcome = rich.drill()
    assert outcome.verdict is Verdict.FAIL
    assert lost in {failure.target for failure in outcome.failures}


def test_rights_that_others_gave_are_said_not_to_be_compared(rich: World) -> None:
    say(rich, "set role rich_reader; grant select on houses to rich_other")
    rich.dump()
    outcome = rich.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert [place["place"] for place in unseen(outcome)] == ["structure owners and grants"]


def test_on_another_major_version_definitions_are_not_compared(rich: World) -> None:
    """Each version spells some of them otherwise."""
    taken = rich.dump()
    say(rich, "drop policy few on houses")
    older = taken.source.model_copy(update={"major": taken.source.major - 1})
    forged(rich, taken.model_copy(update={"source": older}))
    outcome = rich.drill()
    assert {failure.target for failure in outcome.failures} <= set(taken.tables)
    assert {place["place"] for place in unseen(outcome)} == {str(p) for p in covering.STRUCTURE}


def test_a_manifest_from_before_is_said_to_know_nothing_of_it(world: World) -> None:
    taken = world.dump()
    world.rewrite(taken, format="lifecycle.dump.v1", structure=None)
    outcome = world.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert "the manifest is of the first format" in str(outcome.coverage["unseen"])


def test_what_the_manifest_holds_of_it_are_names_and_digests(rich: World) -> None:
    """A default or a comment may quote a person."""
    say(
        rich,
        "comment on table houses is 'asked for by canary-7f3a'; alter table houses alter name set default 'canary-7f3a'",
    )
    taken = rich.dump()
    assert b"canary-7f3a" not in taken.to_json()
