"""Whose word it is that pg_partman looks after a table, and whose code runs when it is read or told to rest."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg import sql

from lifecycle.errors import Conflict, LifecycleError, NotFound
from lifecycle.outcome import Verdict
from lifecycle.partitions import statements_of_partman
from tests.database.partman import EXTENSION, LOG, PARTMAN, TABLES
from tests.database.shop import Shop, held
from tests.database.test_partman import apply, planned, state
from tests.roles import roles

# Somebody with a schema and no other right, a superuser no more if a test that failed has left him one.
MALLORY = f"""
    {roles("mallory login")}
    alter role mallory nosuperuser;
    create schema mallory authorization mallory; grant usage on schema mallory to public;
"""

# What he has for a text: whoever makes it one runs his function.
CAST = """
    create type mallory.word as (said text);
    create function mallory.heard(mallory.word) returns text language plpgsql as
        $$ begin perform pg_notify('mallory', current_user); return 'public.log'; end $$;
    create cast (mallory.word as text) with function mallory.heard as implicit;
"""

HIS_OWN = """
    set role mallory;
    create table mallory.part_config (like partman.part_config including defaults);
    create table mallory.part_config_sub (sub_parent text);
    insert into mallory.part_config (parent_table, control, partition_interval) values ('public.log', 'at', '1 mon');
    grant select on mallory.part_config, mallory.part_config_sub to public;
    create function mallory.rise() returns trigger language plpgsql as
        $$ begin execute 'alter role mallory superuser'; return new; end $$;
    create trigger rise before update on mallory.part_config for each row execute function mallory.rise();
"""


@contextmanager
def heard(shop: Shop) -> Generator[list[str]]:
    """What Mallory hears meanwhile: as whom his function ran."""
    said: list[str] = []
    with psycopg.connect(shop.admin, autocommit=True) as conn:
        conn.execute("listen mallory")
        yield said
        said += [one.payload for one in conn.notifies(timeout=0.2)]


def is_superuser(shop: Shop, role: str = "mallory") -> bool:
    [(rolsuper,)] = shop.ask(f"select rolsuper from pg_roles where rolname = '{role}'")
    return rolsuper


def test_a_table_called_like_pg_partmans_makes_nobody_a_superuser(shop: Shop) -> None:
    shop.say(PARTMAN + MALLORY + HIS_OWN)
    shop.promise(log=("at", "month", 2))
    made = planned(shop)
    [step] = made.decision.steps
    assert "partman.part_config" in step.cost
    judged = apply(shop, made.hash)
    assert (judged.coverage.found, state(shop)) == ((), [("public.log", "off", 2)])
    assert not is_superuser(shop)


def test_a_table_called_like_pg_partmans_stops_nobodys_partitions(shop: Shop) -> None:
    shop.say(TABLES + EXTENSION + LOG + "delete from partman.part_config;" + MALLORY + HIS_OWN)
    shop.promise(log=("at", "month", 2))
    outcome = shop.run()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert len(shop.partitions("log")) == 3


def test_without_the_extension_no_table_is_called_pg_partmans(shop: Shop) -> None:
    shop.say(TABLES + LOG)
    shop.promise(log=("at", "month", 2))
    assert shop.run().verdict is Verdict.PASS
    with pytest.raises(NotFound, match="looks after no table 'log'") as error:
        planned(shop)
    assert "anybody could have made it" in (error.value.hint or "")


THEIRS = {
    "anybody's": """
        set role mallory;
        create table mallory.part_config (
            parent_table mallory.word, partition_interval text, automatic_maintenance text);
        insert into mallory.part_config values (row('x'), '1 mon', 'on');
        grant select on mallory.part_config to public;
    """,
    "a column of its own": """
        alter table partman.part_config alter parent_table type mallory.word using row(parent_table)::mallory.word;
    """,
    "a row as a whole": """
        alter table partman.part_config add his mallory.word default row('x');
        create function mallory.whole(partman.part_config) returns text language plpgsql as
            $$ begin perform pg_notify('mallory', current_user); return ''; end $$;
        create cast (partman.part_config as text) with function mallory.whole;
    """,
    "its second table": """
        alter extension pg_partman drop table partman.part_config_sub; drop table partman.part_config_sub;
        create table partman.part_config_sub (sub_parent mallory.word);
        insert into partman.part_config_sub values (row('x'));
        grant select on partman.part_config_sub to public;
        alter extension pg_partman add table partman.part_config_sub;
    """,
    "a view": """
        alter extension pg_partman drop table partman.part_config;
        alter table partman.part_config rename to was; create view partman.part_config as
            select row('x')::mallory.word::text as parent_table, '1 mon' as partition_interval,
                   'on' as automatic_maintenance;
        grant select on partman.part_config to public;
        alter extension pg_partman add view partman.part_config;
    """,
}


@pytest.mark.parametrize("theirs", THEIRS.values(), ids=THEIRS)
def test_nobodys_code_runs_when_pg_partmans_tables_are_read(shop: Shop, theirs: str) -> None:
    shop.say(PARTMAN + MALLORY + CAST + theirs)
    shop.promise(log=("at", "month", 2))
    with heard(shop) as said:
        shop.run()
        with suppress(LifecycleError):
            planned(shop)
    assert said == []


def test_a_view_that_takes_its_place_at_the_last_moment_is_not_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner gives the name away after it was found; PostgreSQL from 15.8 and 16.4 on can be told to open none."""
    shop.say(PARTMAN + MALLORY + CAST)
    shop.promise(log=("at", "month", 2))
    real = statements_of_partman.rows

    def meanwhile(*asked: Any) -> sql.Composed:
        shop.say(
            "alter table partman.part_config rename to was; create view partman.part_config as"
            " select row('x')::mallory.word::text as parent_table, 'on' as automatic_maintenance;"
            "grant select on partman.part_config to public"
        )
        monkeypatch.undo()
        return real(*asked)

    monkeypatch.setattr(statements_of_partman, "rows", meanwhile)
    with heard(shop) as said:
        outcome = shop.run()
    assert outcome.verdict is Verdict.FAIL
    knows = shop.ask("select from pg_settings where name = 'restrict_nonsystem_relation_kind'")
    assert said == [] or not knows


def test_nobodys_code_runs_when_the_keys_in_a_default_partition_are_read(shop: Shop) -> None:
    shop.say(
        MALLORY + CAST + "set role shop_owner; grant usage on schema public to mallory;"
        "create table log (at mallory.word not null) partition by range (at);"
        "create table log_rest partition of log default; insert into log values (row('x'))"
    )
    shop.promise(log=("at", "month", 2))
    with heard(shop) as said:
        outcome = shop.run()
    assert (outcome.verdict, said) == (Verdict.FAIL, [])


# pg_partman's manual gives everything on its tables to the role that runs it, the right to make triggers too.
ITS_ROLE = (
    MALLORY
    + "grant usage, create on schema partman to mallory; grant all on all tables in schema partman to mallory;"
)
TRIGGER = """
    set role mallory;
    create function mallory.rise() returns trigger language plpgsql as
        $$ begin execute 'alter role mallory superuser'; return new; end $$;
    create trigger rise before update on partman.part_config for each row execute function mallory.rise();
"""


def test_a_trigger_on_pg_partmans_table_is_named_and_never_set_off(shop: Shop) -> None:
    shop.say(PARTMAN + ITS_ROLE)
    shop.promise(log=("at", "month", 2))
    before = planned(shop)
    shop.say(TRIGGER)
    decision = planned(shop).decision
    assert decision.steps == ()
    assert [refusal.what for refusal in decision.refusals] == [
        "partman.part_config is not changed as postgres, its owner: it has a trigger rise"
    ]
    with pytest.raises(Conflict, match="the world has changed"):
        apply(shop, before.hash)
    assert (state(shop), is_superuser(shop)) == ([("public.log", "on", 2)], False)


def test_a_trigger_that_comes_at_the_last_moment_is_not_set_off(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.say(PARTMAN + ITS_ROLE)
    shop.promise(log=("at", "month", 2))
    made = planned(shop)
    real = statements_of_partman.close

    def meanwhile(config: str) -> sql.Composed:
        shop.say(TRIGGER)
        return real(config)

    monkeypatch.setattr(statements_of_partman, "close", meanwhile)
    with pytest.raises(Conflict, match="row has changed"):
        apply(shop, made.hash)
    assert (state(shop), is_superuser(shop)) == ([("public.log", "on", 2)], False)


def test_who_could_put_another_table_in_its_place_is_named(shop: Shop) -> None:
    shop.say(PARTMAN + MALLORY + "alter schema partman owner to mallory")
    shop.promise(log=("at", "month", 2))
    decision = planned(shop).decision
    assert decision.steps == ()
    assert "its schema belongs to mallory" in decision.refusals[0].what
    shop.say("alter table partman.part_config owner to mallory")  # his own he may change
    assert len(planned(shop).decision.steps) == 1


def test_what_its_owner_has_put_there_runs_with_no_more_rights_than_his(shop: Shop) -> None:
    shop.say(
        PARTMAN + MALLORY + "alter schema partman owner to mallory;"
        "alter table partman.part_config owner to mallory; set role mallory;"
        "create table mallory.ran (as_whom text, superuser boolean); grant insert on mallory.ran to public;"
        """
        create function mallory.rise() returns boolean language plpgsql as $$
        begin
            reset role;
            return true;
        exception when others then
            insert into mallory.ran values (current_user, (select rolsuper from pg_roles where rolname = current_user));
            return true;
        end $$;
        alter table partman.part_config add check (mallory.rise()) not valid;
        """
    )
    shop.promise(log=("at", "month", 2))
    apply(shop, planned(shop).hash)
    assert state(shop) == [("public.log", "off", 2)]
    assert shop.ask("select * from mallory.ran") == [("mallory", False)]


def test_who_writes_there_is_waited_for_by_nobody(shop: Shop) -> None:
    shop.say(PARTMAN)
    shop.promise(log=("at", "month", 2))
    made = planned(shop)
    with (
        held(shop, "update partman.part_config set jobmon = false"),
        pytest.raises(Conflict, match="another session holds a lock"),
    ):
        apply(shop, made.hash)
    assert state(shop) == [("public.log", "on", 2)]
