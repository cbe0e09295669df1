"""A managed cloud's shape: nobody who runs `init` is a superuser. What he cannot do is said, with the SQL."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lifecycle.admin import database as doctor
from lifecycle.admin import install, logins
from lifecycle.outcome import Verdict
from lifecycle.policy import whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, server
from lifecycle.postgres.server import Cluster
from tests import build

TABLES = """
    create role shop_owner nologin;
    grant shop_owner to master;
    grant usage, create on schema public to shop_owner;
    set role shop_owner;
    create table events (id int, at date not null) partition by range (at);
    create table people (id int primary key, seen date);
    alter table people enable row level security;
    reset role;
"""
STATE = """
    select 'member', m.rolname, o.rolname from pg_auth_members a
      join pg_roles m on m.oid = a.member join pg_roles o on o.oid = a.roleid where m.rolname ~ '^(lifecycle|master)'
    union all
    select 'owner', c.relname, pg_get_userbyid(c.relowner) from pg_class c
     where c.relnamespace = 'lifecycle'::regnamespace
    union all
    select 'right', c.relname, coalesce(c.relacl::text, '') from pg_class c
     where c.relnamespace in ('lifecycle'::regnamespace, 'public'::regnamespace)
     order by 1, 2, 3
"""


def policy() -> Policy:
    nobodys = {"personal": "none", "because": "made for a test"}
    ends = {
        "table": "people",
        "after": "90 days",
        "by": "seen",
        "do": "delete",
        "because": "promised",
    }
    return whole.model().model_validate(
        {
            "system": "shop",
            "database": "shop",
            "tables": {"events": nobodys, "people": nobodys},
            "partitions": {"events": {"by": "at", "every": "year", "ahead": 1}},
            "retention": (ends,),
        }
    )


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cluster]:
    """A server of its own, for roles are a server's: here nobody has installed anything yet."""
    with server.temporary(server.find_binaries()) as running:
        with psycopg.connect(running.dsn(), autocommit=True) as conn:
            conn.execute("create role master login createrole createdb")
            conn.execute("create database shop owner master template template0")
        with psycopg.connect(running.dsn("shop"), autocommit=True) as conn:
            conn.execute("alter schema public owner to master")
        with psycopg.connect(make_conninfo(running.dsn("shop"), user="master")) as conn:
            conn.execute(TABLES)
        yield running


def told(cloud: Cluster) -> dict[str, str]:
    """Return what doctor would have mended about access: check -> what, and how."""
    found = doctor.findings(build.system(cloud.dsn("shop"), policy()))
    return {
        f.check: f"{f.what}: {f.fix}"
        for f in found
        if f.verdict == Verdict.FAIL and not f.check.endswith(": jobs")
    }


def test_a_master_user_installs_it_and_hears_what_is_left_for_a_superuser(cloud: Cluster):
    master = make_conninfo(cloud.dsn("shop"), user="master")
    with psycopg.connect(master, autocommit=True) as conn:
        printed = install.render(conn, policy(), catalog.read(conn))
        install.install(conn, policy(), catalog.read(conn), None)
        assert logins.left(conn) == ("alter role lifecycle bypassrls;",)
        made = conn.execute(STATE).fetchall()
        assert install.install(conn, policy(), catalog.read(conn), None) == ()
        assert conn.execute(STATE).fetchall() == made
        conn.execute(install.render(conn, policy(), catalog.read(conn)).encode())
        assert conn.execute(STATE).fetchall() == made
        for attack in ("delete from lifecycle.evidence", "drop schema lifecycle cascade"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(attack.encode())
    wrong = told(cloud)
    assert list(wrong) == ["shop: role"]
    assert 'alter role "lifecycle" bypassrls;' in wrong["shop: role"]
    with psycopg.connect(cloud.dsn("shop"), autocommit=True) as superuser:
        superuser.execute("alter role lifecycle bypassrls")
        assert told(cloud) == {}
        superuser.execute("drop schema lifecycle cascade")
        superuser.execute("drop owned by lifecycle, lifecycle_ddl, lifecycle_owner")
        superuser.execute("drop role lifecycle, lifecycle_ddl, lifecycle_owner")
    with psycopg.connect(master, autocommit=True) as conn:
        conn.execute(printed.encode())
        assert conn.execute(STATE).fetchall() == made
