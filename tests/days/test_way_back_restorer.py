"""What a table's owner wrote runs while his rows come back, and never with a superuser's rights."""

from pathlib import Path

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from backups import measure
from backups.manifest import Content
from backups.statements import RESTORER
from backups.way_back import bring
from backups.way_back.statements import RESTORING
from lifecycle.errors import CommandFailed, Refused
from lifecycle.outcome import Verdict
from lifecycle.postgres.server import Cluster
from tests.database.test_backups import World, world
from tests.database.test_backups_roles import peopled
from tests.database.test_backups_signed import with_key
from tests.days.test_way_back import (
    ask,
    back,
    databases,
    empty,
    lost,
    name,
    on,
    roles_of,
    without_database,
)

__all__ = ["empty", "lost", "peopled", "world"]

ACT = """
    create schema mine authorization small_owner; grant usage on schema mine to lifecycle;
    create function mine.grab() returns void language plpgsql security definer as $$
        begin create role made_by_small superuser login; end $$;
    revoke execute on function mine.grab() from public;
    set role small_owner;
    create function mine.doing() returns void language plpgsql as $$
    begin
        if current_database() = 'lifecycle_restoring' then
            if (select rolsuper from pg_roles where rolname = session_user) then
                create role made_by_small superuser login;
            else
                perform mine.grab();
            end if;
        end if;
    exception when insufficient_privilege or duplicate_object then null; end $$;
    create function mine.act(n int) returns int language plpgsql immutable as $$
        begin perform mine.doing(); return n; end $$;
"""

RUN = {
    "a check": "create table mine.t (n int check (mine.act(n) > 0))",
    "a generated column": "create table mine.t (n int, m int generated always as (mine.act(n)) stored)",
    "a domain": """
        create domain mine.d as int check (mine.act(value) > 0); create table mine.t (n mine.d)""",
    "a domain among the bounds of an attached partition": """
        create domain mine.d as int check (mine.act(value) > 0);
        create table mine.t (n mine.d) partition by range (n);
        create table mine.t_1 partition of mine.t for values from (1) to (9); grant select on mine.t_1 to lifecycle""",
    "the key of a partition": """
        create table mine.t (n int) partition by range (mine.act(n));
        create table mine.t_1 partition of mine.t for values from (1) to (9); grant select on mine.t_1 to lifecycle""",
    "a cast under a foreign key": """
        create type mine.e as enum ('one'); create table mine.p (n int primary key); insert into mine.p values (1);
        create function mine.cast(e mine.e) returns int language plpgsql immutable as 'begin return mine.act(1); end';
        create cast (mine.e as int) with function mine.cast(mine.e) as implicit;
        create table mine.f (e mine.e references mine.p); insert into mine.f values ('one');
        create table mine.t (n int); grant select on mine.p, mine.f to lifecycle""",
    "an index": "create table mine.t (n int); create index on mine.t (mine.act(n)) where mine.act(n) > 0",
    "a materialized view": """
        create table mine.t (n int);
        create materialized view mine.v as select mine.act(n) from mine.t; grant select on mine.v to lifecycle""",
}


def made(peopled: World, tmp_path: Path, *said: str) -> World:
    with psycopg.connect(peopled.admin, autocommit=True) as admin:
        for one in said:
            admin.execute(one.encode())
    signed = with_key(peopled, tmp_path)
    signed.dump()
    return without_database(signed)


@pytest.mark.parametrize("what", RUN)
def test_code_of_an_owner_has_no_right_to_make_himself_a_superuser(
    peopled: World, empty: Cluster, tmp_path: Path, what: str
):
    filled = "insert into mine.t values (1); grant select on mine.t to lifecycle"
    lost = made(peopled, tmp_path, f"{ACT} {RUN[what]}; {filled}")
    outcome = back(lost, empty)
    assert outcome.verdict is Verdict.PASS, outcome
    assert not {"made_by_small", RESTORER} & roles_of(empty)
    assert ask(
        on(empty, lost), "select relowner::regrole::text from pg_class where relname = 't'"
    ) == [[("small_owner",)]]


def test_what_only_a_superuser_makes_comes_back_too(peopled: World, empty: Cluster, tmp_path: Path):
    lost = made(
        peopled,
        tmp_path,
        """
        create function side.size(int) returns int language internal strict immutable as 'int4abs';
        create function side.kept(int) returns int language internal strict immutable as 'int4abs';
        revoke execute on function side.kept(int) from public;
        create operator class side.ordered for type int4 using btree as
            operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int4, int4);
        create table side.sized (n int, check (side.size(n) > 0)); create index on side.sized (n side.ordered);
        insert into side.sized values (-3); grant select on side.sized to lifecycle;
        create function side.seen() returns event_trigger language plpgsql as 'begin end';
        create event trigger seen on ddl_command_end execute function side.seen();
        create publication told for all tables; comment on operator class side.ordered using btree is 'ours'
        """,
    )
    outcome = back(lost, empty)
    assert outcome.verdict is Verdict.PASS, outcome
    assert ask(
        on(empty, lost),
        "select evtowner::regrole::text from pg_event_trigger",
        "select pubowner::regrole::text, puballtables from pg_publication",
        "select opcowner::regrole::text from pg_opclass where opcname = 'ordered'",
        "select proacl::text from pg_proc where proname = 'kept'",
    ) == [
        [("postgres",)],
        [("postgres", True)],
        [("postgres",)],
        [("{postgres=X/postgres}",)],
    ]


def test_a_server_that_does_not_let_the_restorer_in_is_left_as_it_was_and_says_which_line_it_lacks(
    lost: World, empty: Cluster
):
    rules = empty.directory / "pg_hba.conf"
    ours = rules.read_text()
    rules.write_text(f"local all {RESTORER} reject\n{ours}")
    ask(empty.dsn(), "select pg_reload_conf()")
    with pytest.raises(Refused, match=f"does not let {RESTORER} in") as refused:
        back(lost, empty)
    rules.write_text(ours)
    assert "pg_hba.conf" in str(refused.value.hint)
    assert databases(empty) == {"postgres"}
    assert not {"small_owner", RESTORER} & roles_of(empty)


def test_code_that_ends_the_restore_leaves_nothing_behind(
    peopled: World, empty: Cluster, tmp_path: Path
):
    lost = made(
        peopled,
        tmp_path,
        """
        create schema mine authorization small_owner; grant usage on schema mine to lifecycle; set role small_owner;
        create function mine.ends(n int) returns bool language plpgsql as $$
            begin return current_database() <> 'lifecycle_restoring'; end $$;
        create table mine.t (n int check (mine.ends(n))); insert into mine.t values (1);
        grant select on mine.t to lifecycle
        """,
    )
    with pytest.raises(CommandFailed, match="ended with an error at TABLE DATA mine t"):
        back(lost, empty)
    assert databases(empty) == {"postgres"}
    assert not {"small_owner", RESTORER} & roles_of(empty)
    assert bring.choose(lost.system, empty.dsn(), None).plan.decision.refusals == ()


DO = """
    create schema mine authorization small_owner; grant usage on schema mine to lifecycle; set role small_owner;
    create function mine.act(n int) returns int language plpgsql as $$
    begin if current_database() = 'lifecycle_restoring' then {} end if; return n; end $$;
    create table mine.t (n int check (mine.act(n) > 0)); insert into mine.t values (1);
    grant select on mine.t to lifecycle; reset role
"""


def as_somebody(role: str, said: str) -> str:
    return f"perform set_config('role', '{role}', true); {said}; perform set_config('role', 'none', true);"


def test_what_code_of_an_owner_gives_to_roles_of_others_is_gone_and_he_is_out_before_rows_are_counted(
    peopled: World, empty: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    app, other = f"{name(peopled)}_app", f"{name(peopled)} postgres"
    with psycopg.connect(peopled.admin, autocommit=True) as admin:
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(other)))
    doing = as_somebody(
        app,
        f"alter role {app} password 'known'; alter role {app} set role to small_owner; "
        f"alter role {app} in database postgres set role to small_owner",
    )
    told = f"""
        create table side.others (n int); grant select on side.others to lifecycle;
        alter table side.others owner to "{other}"
    """
    lost = made(peopled, tmp_path, DO.format(doing), told)
    seen = list[tuple[object, ...]]()
    real = measure.tables

    def counted(conn: Connection[TupleRow]) -> dict[str, Content]:
        with psycopg.connect(empty.dsn()) as beside:
            seen.extend(
                beside.execute(
                    "select rolcanlogin, (select count(*) from pg_stat_activity where usename = rolname)"
                    " from pg_roles where rolname = %s",
                    [RESTORER],
                )
            )
        return real(conn)

    monkeypatch.setattr(measure, "tables", counted)
    try:
        assert back(lost, empty).verdict is Verdict.PASS
    finally:
        with psycopg.connect(peopled.admin, autocommit=True) as admin:
            admin.execute("drop table side.others")
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(other)))
    assert seen == [(False, 1)]
    assert ask(
        on(empty, lost),
        f"select rolcanlogin, rolpassword from pg_authid where rolname = '{app}'",
        f"select setconfig::text from pg_db_role_setting where setrole = '{app}'::regrole and setconfig::text ~ 'role'",
        "select relowner::regrole::text from pg_class where relname = 'others'",
    ) == [[(True, None)], [], [(f'"{other}"',)]]


@pytest.mark.parametrize("major", [None, 14])
def test_what_code_of_an_owner_alters_or_leaves_behind_is_found_and_nothing_is_opened(
    peopled: World, empty: Cluster, tmp_path: Path, major: int | None
):
    """A digest leaves out blanks, and an extension's parts are compared by its version: both were a place to hide."""
    pays = (
        "create or replace function side.pay(n int) returns int language plpgsql security definer as "
        "$x$ begin -- who may?{}if n > 1 then raise exception 'no'; end if;\n return n; end $x$"
    )
    hidden = "create function mine.power() returns void language sql security definer as 'select 1'"
    quoted = [said.replace("'", "''") for said in (pays.format(" "), hidden)]
    doing = f"""
        execute '{quoted[0]}'; create publication leak for table public.people;
        create extension hstore schema mine; execute '{quoted[1]}';
        alter extension hstore add function mine.power();"""
    with psycopg.connect(peopled.admin, autocommit=True) as admin:
        admin.execute(f"{pays.format(chr(10))}; {DO.format(doing)}".encode())
    taken = peopled.dump()
    if major:
        peopled.rewrite(taken, source=taken.source.model_copy(update={"major": major}))
    lost = without_database(peopled)
    outcome = back(lost, empty)
    assert outcome.verdict is Verdict.FAIL
    assert {failure.target for failure in outcome.failures} >= {
        *("function side.pay(integer)", "extension hstore", "publication leak")
    }
    assert databases(empty) == {"postgres", RESTORING}


@pytest.mark.parametrize(
    ("made_of", "named"),
    [
        (
            """create function mine.state(mine.d, int) returns mine.d language sql as 'select $1';
            create aggregate mine.every(int) (sfunc = mine.state, stype = mine.d, initcond = '1')""",
            "AGGREGATE mine every",
        ),
        (
            """create type mine.pair as (n mine.d);
            create function mine.takes(p mine.pair default '(1)') returns int language sql as 'select 1'""",
            "FUNCTION mine takes",
        ),
    ],
)
def test_what_a_domain_checks_as_soon_as_it_is_read_is_made_by_no_superuser(
    peopled: World, empty: Cluster, tmp_path: Path, made_of: str, named: str
):
    lost = made(
        peopled,
        tmp_path,
        f"""
        create schema mine authorization small_owner; grant usage on schema mine to lifecycle; set role small_owner;
        create function mine.act(n int) returns int language plpgsql as $$
        begin
            if current_database() = 'lifecycle_restoring_bare' then
                if session_user = 'postgres' then create role made_by_small superuser;
                else raise insufficient_privilege; end if;
            end if;
            return n; end $$;
        create domain mine.d as int check (mine.act(value) > 0);
        {made_of}
        """,
    )
    with pytest.raises(CommandFailed, match=f"at {named}"):
        back(lost, empty)
    assert not {"made_by_small", "small_owner", RESTORER} & roles_of(empty)
    assert databases(empty) == {"postgres"}
