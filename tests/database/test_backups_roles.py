"""Beside a dump lies what the server had for it: roles, memberships, settings, rights on the database. No password."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from backups import manifest, roles, shelf
from backups.roles import Globals
from lifecycle.outcome import Verdict
from tests.database.test_backups import World, world

__all__ = ["world"]

PASSWORD = "pw-9f-not-kept"
MADE = """
    create role {app} login password {password} connection limit 7 valid until '2031-02-03 04:05:06+00' createdb;
    create role {team} nologin noinherit bypassrls;
    grant {team} to {app} with admin option;
    alter role {app} set search_path to "$user", side, "an odd, one";
    alter role {app} in database {name} set statement_timeout to '5s';
    alter role {team} in database {name} set app.tenant to 'one, "two"';
    alter database {name} set work_mem to '8MB';
    revoke all on database {name} from public;
    grant connect on database {name} to {app} with grant option;
    alter database {name} connection limit 50
"""


@pytest.fixture
def peopled(world: World) -> Iterator[World]:
    """A database whose roles can do different things; roles are a server's, so these carry its name."""
    name = str(conninfo_to_dict(world.admin)["dbname"])
    named = {word: sql.Identifier(f"{name}_{word}") for word in ("app", "team")}
    with psycopg.connect(world.admin, autocommit=True) as admin:
        made = sql.SQL(MADE).format(
            **named, name=sql.Identifier(name), password=sql.Literal(PASSWORD)
        )
        for statement in made.as_string(admin).split(";"):
            admin.execute(statement.encode())
        admin.execute(
            sql.SQL("grant connect, temporary on database {} to lifecycle").format(
                sql.Identifier(name)
            )
        )
    yield world
    with psycopg.connect(world.admin, autocommit=True) as admin:
        admin.execute(sql.SQL("alter database {} reset all").format(sql.Identifier(name)))
        for word in named.values():
            admin.execute(sql.SQL("drop owned by {}").format(word))
            admin.execute(sql.SQL("drop role {}").format(word))


def beside(world: World) -> Globals:
    found = shelf.get_globals(world.system, shelf.look(world.system).dumps[-1])
    assert found is not None
    return found


def test_roles_are_kept_beside_the_dump_without_a_password_and_come_back_in_the_drill(
    peopled: World,
):
    taken = peopled.dump()
    name = str(conninfo_to_dict(peopled.admin)["dbname"])
    stored = peopled.read(manifest.beside(taken.key, roles.NAME))
    assert PASSWORD.encode() not in stored
    assert b"SCRAM" not in stored
    kept = beside(peopled)
    app = kept.roles[f"{name}_app"]
    assert (app.login, app.create_database, app.connections) == (True, True, 7)
    assert app.valid_until == "2031-02-03 04:05:06Z"
    assert [m.admin for m in kept.memberships if m.member == f"{name}_app"] == [True]
    assert kept.connections == 50
    assert {s.name for s in kept.settings if (s.role or "").startswith(name) or s.here} == {
        *("search_path", "statement_timeout", "app.tenant", "work_mem")
    }
    outcome = peopled.drill()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())


def test_roles_that_are_not_those_the_manifest_speaks_of_fail_the_drill(peopled: World):
    taken = peopled.dump()
    key = manifest.beside(taken.key, roles.NAME)
    whole = peopled.read(key)
    peopled.write(key, whole.replace(b'"superuser": false', b'"superuser": true', 1))
    outcome = peopled.drill()
    said = f"{key} is not the file its manifest speaks of"
    assert (outcome.verdict, outcome.failures[0].what) == (Verdict.FAIL, said)
    peopled.client.delete_object(Bucket=peopled.bucket, Key=key)
    assert peopled.drill().failures[0].what == said


def test_each_part_that_does_not_come_back_is_named_without_its_value(peopled: World):
    peopled.dump()
    wanted, name = beside(peopled), str(conninfo_to_dict(peopled.admin)["dbname"])
    less = wanted.model_copy(
        update={
            "roles": {role: has for role, has in wanted.roles.items() if role != f"{name}_app"},
            "memberships": (),
            "settings": (),
            "rights": wanted.rights[:-1],
        }
    )
    said = [f"{f.target} {f.what}" for f in roles.differences(wanted, less)]
    assert f"role {name}_app is not as it was dumped" in said
    assert f"role {name}_app is not a member of {name}_team as it was dumped" in said
    assert f"role {name}_team has not app.tenant set as it was dumped" in said
    assert "database owner, limit or rights on it are not as dumped" in said
    assert not [line for line in said if "two" in line]
    assert list(roles.differences(wanted, wanted)) == []


def test_a_dump_from_before_is_said_to_have_no_roles_beside_it(world: World):
    taken = world.dump()
    world.rewrite(taken, roles_sha256=None)
    outcome = world.drill()
    assert outcome.verdict is Verdict.UNVERIFIED
    assert "roles and their settings" in outcome.summary
