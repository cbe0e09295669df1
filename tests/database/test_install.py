"""`init` makes a role with what the policy needs and nothing more; the printed SQL makes the same."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg.rows
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lifecycle.admin import database as doctor
from lifecycle.admin import install
from lifecycle.errors import Refused
from lifecycle.outcome import Verdict
from lifecycle.policy import load
from lifecycle.postgres import catalog, ddl
from lifecycle.postgres.server import Cluster
from tests import build
from tests.conftest import VITALIS

RIGHTS = """
    select n.nspname || '.' || c.relname, x.privilege_type, ''
      from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) x
     where x.grantee = 'lifecycle'::regrole
    union all
    select a.attrelid::regclass::text, x.privilege_type, a.attname
      from pg_attribute a, aclexplode(a.attacl) x where x.grantee = 'lifecycle'::regrole
     order by 1, 2, 3
"""


def prepare(
    conninfo: str, *, printed: bool, directory: Path, cluster: Cluster
) -> list[psycopg.rows.TupleRow]:
    policy = load.policy(VITALIS / "policy.yaml")[0]
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute((VITALIS / "schema.sql").read_bytes())
        seen = catalog.read(admin)
        if printed:
            script = directory / "init.sql"
            script.write_text(install.render(admin, policy, seen))
            script.chmod(0o644)
            directory.chmod(0o755)
            admin.execute(script.read_bytes())
            with pytest.raises(psycopg.errors.DuplicateTable):
                admin.execute(script.read_bytes())
            admin.execute("rollback")
            admin.execute(
                install.render(admin, policy, seen).encode()
            )  # a second time it changes nothing
        else:
            install.install(admin, policy, seen, None)
            assert install.install(admin, policy, seen, None) == ()
        assert ddl.missing(admin, install.packages()) == ()
        return admin.execute(RIGHTS).fetchall()


def test_the_printed_sql_makes_what_init_makes(cluster: Cluster, database: str, tmp_path: Path):
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute("create database printed template template0")
    try:
        printed = prepare(cluster.dsn("printed"), printed=True, directory=tmp_path, cluster=cluster)
    finally:
        with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
            admin.execute("drop database printed with (force)")
    made = prepare(database, printed=False, directory=tmp_path, cluster=cluster)
    assert printed == made


def test_the_role_cannot_do_what_the_policy_does_not_need(
    cluster: Cluster, database: str, tmp_path: Path
):
    rights = prepare(database, printed=False, directory=tmp_path, cluster=cluster)
    assert ("public.biomarker_dictionary", "DELETE", "") not in rights
    assert ("public.audit_log", "DELETE", "") not in rights
    assert ("lifecycle.evidence", "UPDATE", "") not in rights
    assert ("lifecycle.evidence", "DELETE", "") not in rights
    assert [r for r in rights if r[1] in ("TRUNCATE", "TRIGGER", "REFERENCES")] == []
    with psycopg.connect(make_conninfo(database, user="lifecycle"), autocommit=True) as service:
        for statement in (
            b"delete from audit_log",
            b"update users set email = 'x'",
            b"drop table users",
            b"create table public.mine ()",
            b"update lifecycle.evidence set target = 'x'",
            b"alter role lifecycle superuser",
        ):
            try:
                service.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                continue
            raise AssertionError(f"the role was allowed: {statement.decode()}")


def test_a_role_that_somebody_made_with_other_attributes_is_corrected(
    cluster: Cluster, database: str, tmp_path: Path
):
    prepare(database, printed=False, directory=tmp_path, cluster=cluster)
    policy = load.policy(VITALIS / "policy.yaml")[0]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("alter role lifecycle inherit nobypassrls")
        install.install(admin, policy, catalog.read(admin), None)
        row = admin.execute(
            "select rolinherit, rolbypassrls, rolsuper from pg_roles where rolname = 'lifecycle'"
        ).fetchone()
    assert row == (False, True, False)


def test_nobody_is_made_a_member_of_a_superuser(database: str, tmp_path: Path):
    policy = load.policy(VITALIS / "policy.yaml")[0]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute((VITALIS / "schema.sql").read_bytes())
        admin.execute("alter table wearable_daily owner to postgres")
        with pytest.raises(Refused, match="wearable_daily belong to postgres"):
            install.install(admin, policy, catalog.read(admin), None)
        admin.execute("alter table wearable_daily owner to vitalis_owner")
        admin.execute("alter table goals owner to postgres")
        install.install(admin, policy, catalog.read(admin), None)
        row = admin.execute("select pg_has_role('lifecycle', 'postgres', 'member')").fetchone()
    assert row == (False,)


MIGHTY = {
    "makes roles": "alter role mighty createrole",
    "is a member of who makes roles": "alter role chief createrole; grant chief to mighty",
    "administers the ledger's owner": "grant lifecycle_owner to mighty with admin option",
    "administers it through another": "grant lifecycle_owner to chief with admin option; grant chief to mighty",
    "runs programs as the server": "grant pg_execute_server_program to mighty",
}


@pytest.fixture
def mighty(database: str) -> Iterator[str]:
    """Two roles that log in nowhere; roles are the server's, so they go again."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create role mighty nologin; create role chief nologin")
    yield "mighty"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("reassign owned by mighty to postgres")
        for role in ("mighty", "chief"):
            admin.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(role)))


def told(database: str, check: str) -> list[str]:
    """Return what doctor would have mended of one check: what, and how."""
    system = build.system(database, load.policy(VITALIS / "policy.yaml")[0])
    found = (f for f in doctor.findings(system) if f.check == f"vitalis: {check}")
    return [f"{f.what}: {f.fix}" for f in found if f.verdict in (Verdict.FAIL, Verdict.UNVERIFIED)]


@pytest.mark.parametrize("power", MIGHTY)
def test_nobody_is_made_a_member_of_who_could_let_himself_into_the_ledger(
    database: str, mighty: str, power: str
):
    policy = load.policy(VITALIS / "policy.yaml")[0]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute((VITALIS / "schema.sql").read_bytes())
        install.install(admin, policy, catalog.read(admin), None)
        assert told(database, "owners") == told(database, "schema") == []
        admin.execute(MIGHTY[power].encode())
        admin.execute("alter table goals owner to mighty")
        install.install(admin, policy, catalog.read(admin), None)
        with (
            psycopg.connect(make_conninfo(database, user="lifecycle_ddl")) as service,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            service.execute("set role mighty")
        assert told(database, "owners") == told(database, "schema") == []

        admin.execute("grant mighty to lifecycle_ddl")  # as an earlier release did
        [*_, words] = told(database, "owners")
        assert 'revoke "mighty" from "lifecycle_ddl";' in words
        if "pg_execute" not in MIGHTY[power]:
            [words] = told(database, "schema")
            assert "whom lifecycle_ddl can become" in words
        install.install(admin, policy, catalog.read(admin), None)
        assert told(database, "owners") == told(database, "schema") == []

        admin.execute("alter table wearable_daily owner to mighty")
        with pytest.raises(Refused, match="wearable_daily belong to mighty") as refused:
            install.install(admin, policy, catalog.read(admin), None)
        assert "alter table ... owner to" in refused.value.hint
        [words] = told(database, "owners")
        assert 'alter table "public"."wearable_daily" owner to ...;' in words


def test_the_owner_of_a_schema_that_is_closed_to_others_is_asked_and_mended(database: str):
    policy = load.policy(VITALIS / "policy.yaml")[0]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute((VITALIS / "schema.sql").read_bytes())
        admin.execute("create schema closed authorization vitalis_owner")
        admin.execute('create table closed."Our notes" (id int primary key)')
        admin.execute('alter table closed."Our notes" owner to vitalis_owner')
        install.install(admin, policy, catalog.read(admin), None)
        for check in ("owners", "rights", "schema"):
            assert told(database, check) == []
        admin.execute("revoke usage on schema closed from lifecycle")
        [words] = told(database, "rights")
        assert words.startswith("the service may not use schema closed: ")
        admin.execute(words.rpartition(": ")[2].encode())
        assert told(database, "rights") == []
        admin.execute('grant select on closed."Our notes" to lifecycle_ddl')
        [words] = told(database, "owners")
        admin.execute(words.rpartition(": ")[2].encode())
        assert told(database, "owners") == []
