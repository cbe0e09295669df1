"""`init` makes a role with what the policy needs and nothing more; the printed SQL makes the same."""

from pathlib import Path

import psycopg
import psycopg.rows
import pytest
from psycopg.conninfo import make_conninfo

from lifecycle.admin import install
from lifecycle.errors import Refused
from lifecycle.policy import load
from lifecycle.postgres import catalog, ddl
from lifecycle.postgres.server import Cluster
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
        with pytest.raises(Refused, match="wearable_daily belong to a superuser"):
            install.install(admin, policy, catalog.read(admin), None)
        admin.execute("alter table wearable_daily owner to vitalis_owner")
        admin.execute("alter table goals owner to postgres")
        install.install(admin, policy, catalog.read(admin), None)
        row = admin.execute("select pg_has_role('lifecycle', 'postgres', 'member')").fetchone()
    assert row == (False,)
