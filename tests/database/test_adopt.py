"""Whoever owns the database lays a schema `lifecycle` before an administrator comes: it is not adopted, nor looked into."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.admin import install, logins
from lifecycle.errors import Refused
from lifecycle.postgres import catalog, ddl
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database
from tests.database import firm

# Not a table of the ledger is read without this being said, and nobody below a superuser may say it.
MARK = """
    create function public.mark() returns text language plpgsql as $$ begin
        execute 'reset role';
        execute 'alter role lord superuser';
        return 'x';
    end $$;
    create function public.trap() returns trigger language plpgsql as $$ begin
        perform public.mark();
        return new;
    end $$;
"""
MIGRATION = "create table lifecycle.migration (name text primary key, digest text, applied_at timestamptz default now())"
INSTALLATION = "create table lifecycle.installation (system text primary key)"
ON = "create trigger t before insert on {} for each row execute function public.trap()"
LAID = {
    "a trigger on what is applied": f"{MIGRATION}; {ON.format('lifecycle.migration')}",
    "a trigger on whose it is": f"{INSTALLATION}; {ON.format('lifecycle.installation')}",
    "a view of what is applied": "create view lifecycle.migration as"
    " select public.mark() as name, public.mark() as digest",
    "nothing but the schema": "select",
}
MINE = "alter schema lifecycle owner to postgres;"
LEFT = {  # the schema is an administrator's, and not all in it
    "a table": ("create table lifecycle.t ()", "the relation lifecycle.t belongs to lord"),
    "a view": (
        "create view lifecycle.migration as select public.mark() as name, public.mark() as digest",
        "the relation lifecycle.migration belongs to lord",
    ),
    "a function": (
        "create function lifecycle.f() returns int language sql as 'select 1'",
        "the function lifecycle.f belongs to lord",
    ),
    "a type": ("create type lifecycle.e as enum ('a')", "the type lifecycle.e belongs to lord"),
}
ODD = {  # all is an administrator's, and does what somebody else wants
    "a trigger": (f"{MIGRATION}; {ON.format('lifecycle.migration')}", "has a trigger"),
    "a trigger that is off": (
        f"{MIGRATION}; {ON.format('lifecycle.migration')}; alter table lifecycle.migration disable trigger t",
        "has a trigger",
    ),
    "whose it is": (f"{INSTALLATION}; {ON.format('lifecycle.installation')}", "has a trigger"),
    "a rule": (
        f"{MIGRATION}; create rule r as on insert to lifecycle.migration do also select public.mark()",
        "has a rule",
    ),
    "a view": (
        "create view lifecycle.migration as select public.mark() as name, public.mark() as digest",
        "is no ordinary table",
    ),
}


@pytest.fixture
def bare(cluster: Cluster) -> Iterator[str]:
    """A firm's database of `lord`, who may make schemas in it, and nothing installed there."""
    for conninfo in a_database(cluster, "template0"):
        database = str(conninfo_to_dict(conninfo)["dbname"])
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute(firm.TABLES.encode())
            conn.execute(
                logins.ROLES
            )  # the roles are the server's, and there from another database
            conn.execute("create role lord login")
            conn.execute(f'alter database "{database}" owner to lord'.encode())
            conn.execute("grant create on schema public to lord")
        yield conninfo
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute("alter role lord nosuperuser")
            conn.execute(f'alter database "{database}" owner to postgres'.encode())
            conn.execute(
                "drop schema if exists lifecycle cascade; drop owned by lord cascade; drop role lord"
            )


def laid(bare: str, text: str, user: str = "lord") -> None:
    with psycopg.connect(make_conninfo(bare, user=user), autocommit=True) as conn:
        conn.execute(text.encode())


def refused(bare: str, printed: str) -> str:
    """Hold that neither `init`, nor its print, nor what it had printed before does anything. Return the refusal."""
    policy = firm.policy(str(conninfo_to_dict(bare)["dbname"]))
    with psycopg.connect(bare, autocommit=True) as conn:
        live = catalog.read(conn)
        with pytest.raises(Refused) as by_print:
            install.render(conn, policy, live)
        with pytest.raises(Refused) as by_init:
            install.install(conn, policy, live, None)
        with pytest.raises(psycopg.DatabaseError) as by_hand:
            conn.execute(printed.encode())
        conn.execute("rollback")
        assert conn.execute("select rolsuper from pg_roles where rolname = 'lord'").fetchall() == [
            (False,)
        ]
    assert str(by_print.value) == str(by_init.value) == by_hand.value.diag.message_primary
    assert by_init.value.hint == by_hand.value.diag.message_hint
    assert "drop it" in by_init.value.hint.lower()
    return str(by_init.value)


@pytest.fixture
def printed(bare: str) -> str:
    """Return what was printed before anybody laid anything."""
    with psycopg.connect(bare, autocommit=True) as conn:
        policy = firm.policy(str(conninfo_to_dict(bare)["dbname"]))
        return install.render(conn, policy, catalog.read(conn))


@pytest.mark.parametrize("what", LAID)
def test_a_schema_that_was_laid_beforehand_is_refused(bare: str, printed: str, what: str):
    laid(
        bare,
        MARK + "create schema lifecycle; grant all on schema lifecycle to public;" + LAID[what],
    )
    assert refused(bare, printed).startswith(
        "the schema lifecycle belongs to lord, and is adopted only from"
    )


def test_a_whole_ledger_that_was_laid_beforehand_is_refused(bare: str, printed: str):
    with psycopg.connect(make_conninfo(bare, user="lord"), autocommit=True) as conn:
        conn.execute("create schema lifecycle")
        for text in ddl.render(ddl.to_do(conn, install.packages())):
            conn.execute(text.encode())
    assert "the schema lifecycle belongs to lord" in refused(bare, printed)


@pytest.mark.parametrize("what", LEFT)
def test_a_stranger_s_part_of_a_schema_is_refused(bare: str, printed: str, what: str):
    text, said = LEFT[what]
    laid(bare, MARK + "create schema lifecycle;" + text)
    laid(bare, MINE, "postgres")
    assert refused(bare, printed).startswith(said)


@pytest.mark.parametrize("what", ODD)
def test_code_where_an_installation_reads_and_writes_is_refused(bare: str, printed: str, what: str):
    text, said = ODD[what]
    laid(bare, MARK)
    laid(bare, "create schema lifecycle;" + text, "postgres")
    assert said in refused(bare, printed)


def test_what_a_superuser_or_the_ledger_s_owner_has_is_adopted(bare: str):
    policy = firm.policy(str(conninfo_to_dict(bare)["dbname"]))
    laid(bare, "create schema lifecycle", "postgres")
    with psycopg.connect(bare, autocommit=True) as conn:
        assert install.install(conn, policy, catalog.read(conn), None) != ()
        assert install.install(conn, policy, catalog.read(conn), None) == ()
        conn.execute(install.render(conn, policy, catalog.read(conn)).encode())
