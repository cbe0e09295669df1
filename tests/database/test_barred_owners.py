"""README's order where tables belong to `postgres`, and to a managed cloud's master user: nothing stops it at its end."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lifecycle import cli, cli_options
from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster

TABLES = """
    create schema lab;
    create table patients (id int primary key, email text not null unique, name text);
    create table visits (id int, patient_id int not null references patients, at date not null) partition by range (at);
    create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
    create table lab."Values" (id serial primary key, patient_id int not null references patients, value numeric);
    create materialized view visits_by_day as select at, count(*) from visits group by at;
    alter table lab."Values" enable row level security;
    insert into patients select n, 'p' || n || '@example.org', 'P ' || n from generate_series(1, 100) n;
    insert into visits select n, n, date '2025-01-01' + n from generate_series(1, 100) n;
    insert into lab."Values" (patient_id, value) select n, n from generate_series(1, 100) n;
"""
SAID = "to {}, and the service must not act for a superuser or for somebody who could become the ledger's owner"


@dataclass
class Admin:
    """A database of its own, and whoever owns its tables and installs."""

    name: str
    dsn: str
    directory: Path
    capsys: pytest.CaptureFixture[str]

    def say(self, *words: str, code: int = 0) -> str:
        """Carry out a command of ours, which must end with `code`, and return what it printed."""
        cli_options.chosen.system, cli_options.chosen.as_json = None, False
        self.capsys.readouterr()
        ended = cli.carry_out([*words])
        out, err = self.capsys.readouterr()
        assert ended == code, out + err
        return out

    def ask(self, text: str) -> list[Any]:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            cursor = conn.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def drafted(self) -> tuple[str, str]:
        """Draft and answer a policy; return what was printed, and the file."""
        file = self.directory / "policy.yaml"
        file.unlink(missing_ok=True)
        out = self.say("policy", "generate", "--from-dsn", self.dsn, "-o", str(file))
        text = file.read_text()
        file.write_text(text.replace('"DECIDE: ', '"'))
        self.say("policy", "check", str(file), "--dsn", self.dsn)
        return out, text


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cluster]:
    """A server of its own, for roles are a server's."""
    with server.temporary(server.find_binaries()) as running:
        with psycopg.connect(running.dsn(), autocommit=True) as conn:
            conn.execute("create role master login createrole createdb")
        yield running


@pytest.fixture(params=["postgres", "master"])
def admin(
    cloud: Cluster,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Admin]:
    """The tables are the superuser's, or those of who may make roles and databases, and no more."""
    name = f"of_{request.param}"
    with psycopg.connect(cloud.dsn(), autocommit=True) as conn:
        conn.execute(f"create database {name} owner {request.param} template template0".encode())
    dsn = make_conninfo(cloud.dsn(name), user=request.param)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(TABLES.encode())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIFECYCLE_POLICY", str(tmp_path / "policy.yaml"))
    monkeypatch.setenv("LIFECYCLE_DSN", make_conninfo(dsn, user="lifecycle"))
    monkeypatch.setenv("LIFECYCLE_ADMIN_DSN", dsn)
    yield Admin(request.param, dsn, tmp_path, capsys)
    with psycopg.connect(cloud.dsn(), autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())
        conn.execute(
            f"drop role if exists {name}_owner, lifecycle, lifecycle_ddl, lifecycle_owner".encode()
        )


def test_the_draft_says_at_once_whose_the_tables_may_not_be_and_init_goes_through_all_the_same(
    admin: Admin,
) -> None:
    told, text = admin.drafted()
    assert SAID.format(admin.name) in told
    assert (
        "nobody makes the partitions of visits or refreshes visits_by_day or has the planner"
        in told
    )
    assert f"#  visits: {{by: at, every: year, ahead: 1}}  # {admin.name} owns it" in text
    assert "\npartitions:" not in text
    sees = admin.name == "postgres"
    assert (
        "row security hides rows of 1 table (lab.Values), and no erasure is done" in told
    ) != sees
    admin.say("init")


def test_the_draft_s_own_statements_give_them_an_owner_for_whom_everything_is_done(
    admin: Admin,
) -> None:
    _, text = admin.drafted()
    statements = "\n".join(re.findall(r"^#   (.*)$", text.partition("\nsystem:")[0], re.MULTILINE))
    admin.ask(statements.partition("\n#")[0].partition("end $$;")[0] + "end $$;")
    told, text = admin.drafted()
    assert "must not act" not in told + text
    assert "\npartitions:\n  visits: {by: at, every: year, ahead: 1}" in text
    admin.say("init")
    plan = json.loads(admin.say("partitions", "plan", "--json"))
    admin.say("partitions", "apply", plan["hash"])
    assert admin.ask("select count(*) from pg_inherits where inhparent = 'visits'::regclass") == [
        (3,)
    ]
    made = "select distinct pg_get_userbyid(relowner) from pg_class where relname ~ '^visits|patients$|^Values'"
    assert admin.ask(made) == [(f"of_{admin.name}_owner",)]
    # Who was their owner works with them as before, also where that is the application's own login.
    admin.ask(
        "insert into visits values (101, 1, current_date); update patients set name = 'x' where id = 1"
    )
    admin.ask('insert into lab."Values" (patient_id, value) values (1, 1)')
    assert admin.ask("select count(*) from visits") == [(101,)]
    found = json.loads(admin.say("doctor", "--json", code=0 if admin.name == "postgres" else 10))
    wrong = [one["fix"] for one in found["findings"] if one["verdict"] == "fail"]
    assert all("bypassrls;  -- a superuser" in one for one in wrong), wrong
