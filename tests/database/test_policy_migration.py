"""What `lifecycle policy check --migration` says before a migration runs, and that it leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle import cli, cli_options
from lifecycle.postgres.binaries import find_binaries
from tests.waiting import wait_until

POLICY = """\
system: practice
database: {database}
subjects:
  user: {{table: app.users, key: user_id, identifiers: [email]}}
tables:
  app.users:
    owner: {{user: user_id}}
    triggers: {{touched: {{does: "sets updated_at", digest: {digest}}}}}
  app.notes: {{owner: {{user: user_id}}}}
retention:
  - {{table: app.users, by: updated_at, after: 10 years, do: delete, because: nobody came back}}
"""
TABLES = """
    create schema app authorization {owner};
    set role {owner};
    create table app.users (user_id int primary key, email text not null, updated_at timestamptz not null default now());
    create table app.notes (note_id int primary key, user_id int not null references app.users);
    create function app.touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
    create trigger touched before update on app.users for each row execute function app.touch();
    create materialized view app.busy as select user_id from app.notes;
    grant select on app.users to {reader};
    reset role;
    create extension citext;
    insert into app.users select n, 'u' || n || '@example.org' from generate_series(1, 50) n;
    insert into app.notes select n, n from generate_series(1, 50) n
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and a directory of the test's own, also for what is made on the way."""
    for name in ("LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty place for what is made on the way, which the server's account may enter."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def dsn(database: str) -> Iterator[str]:
    """A database of an owner who is no superuser, and its policy in policy.yaml, which fits."""
    name = str(conninfo_to_dict(database)["dbname"])
    owner, reader = f"owner_{name}", f"reader_{name}"
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(f"create role {owner}; create role {reader}".encode())
        conn.execute(TABLES.format(owner=owner, reader=reader).encode())
    Path("policy.yaml").write_text(POLICY.format(database=name, digest="f" * 32), encoding="utf-8")
    yield database
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            f"drop owned by {owner}, {reader} cascade; drop role {owner}, {reader}".encode()
        )


@pytest.fixture
def fitting(dsn: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The same, with the digest of its trigger written down."""
    assert check("--dsn", dsn) == 2
    digest = capsys.readouterr().err.partition("write `digest: ")[2].partition("`")[0]
    text = Path("policy.yaml").read_text(encoding="utf-8")
    Path("policy.yaml").write_text(text.replace("f" * 32, digest), encoding="utf-8")
    assert check("--dsn", dsn) == 0
    capsys.readouterr()
    return dsn


def check(*words: str) -> int:
    """Carry out a command as a process of its own would: nothing is chosen yet."""
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    return cli.carry_out(["policy", "check", "policy.yaml", *words])


def migrated(dsn: str, *texts: str) -> tuple[str, ...]:
    """Return the words that check migrations with these texts."""
    words: list[str] = []
    for number, text in enumerate(texts, start=1):
        Path(f"{number}.sql").write_text(text, encoding="utf-8")
        words += ["--migration", f"{number}.sql"]
    return ("--dsn", dsn, *words)


def tables(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as conn:
        return [name for (name,) in conn.execute("select relname from pg_class order by oid")]


LOGINS = (
    "create table app.logins (login_id int primary key, user_id int not null references app.users);"
)

OPEN = (
    "{owner: {user: user_id}, "
    'because: "DECIDE: would the row stay without the person? (no row was seen)"}'
)


def test_a_missing_sentence_fails_before_the_migration_ran_and_nothing_is_written(
    fitting: str, capsys: pytest.CaptureFixture[str], scratch: Path
):
    before = tables(fitting)
    words = migrated(fitting, LOGINS, "create index concurrently on app.logins (user_id);")
    assert check(*words) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(
        "error: policy.yaml:5: tables: table app.logins is in the database and not"
    )
    line = f"  app.logins: {OPEN}  # a new table: no row of it was there to be looked at"
    assert told[1] == line
    assert tables(fitting) == before
    assert list(scratch.iterdir()) == []
    text = Path("policy.yaml").read_text(encoding="utf-8")
    Path("policy.yaml").write_text(text.replace("retention:", f"{line}\nretention:"))
    assert check(*words) == 2
    assert "tables.app.logins.because: a draft left this open" in capsys.readouterr().err
    decided = Path("policy.yaml").read_text(encoding="utf-8").replace('"DECIDE: ', '"')
    Path("policy.yaml").write_text(decided)
    assert check(*words) == 0
    assert "no mistakes; 3 tables declared, 3 in database" in capsys.readouterr().out
    assert check("--dsn", fitting) == 2


def test_what_was_wrong_before_is_one_line_and_no_failure(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table app.old (id int); create table app.older (id int)")
    assert check(*migrated(dsn, "create view app.mails as select email from app.users")) == 0
    said = "note: 3 mistakes of before: run the check without `--migration`"
    assert said in capsys.readouterr().out.splitlines()
    assert check(*migrated(dsn, LOGINS), "--json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in answer["drafts"]] == ["tables"]
    assert "app.old" not in answer["error"]
    assert "3 mistakes of before" in answer["hint"]


def test_a_workflow_reads_it_beside_its_line(fitting: str, capsys: pytest.CaptureFixture[str]):
    assert check(*migrated(fitting, LOGINS), "--github") == 2
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("::error file=policy.yaml,line=5::tables: table app.logins is in")
    assert f"%0A  app.logins: {OPEN}" in told[0]


def test_code_that_the_migration_exchanges_is_found_and_the_rest_is_as_it_was(
    fitting: str, capsys: pytest.CaptureFixture[str]
):
    assert check(*migrated(fitting, "alter table app.notes add body text")) == 0
    other = (
        "create or replace function app.touch() returns trigger language plpgsql as\n"
        "$$ begin delete from app.notes; return new; end $$;"
    )
    capsys.readouterr()
    assert check(*migrated(fitting, other)) == 2
    assert "trigger touched of app.users is not what it was" in capsys.readouterr().err


def test_a_statement_that_fails_is_one_line_with_its_place(
    fitting: str, capsys: pytest.CaptureFixture[str]
):
    good = "do $$ begin perform 1; end $$; -- a; b\ncreate table app.x (note text default ';');\n"
    for text, said in (
        (
            f"{good}alter table app.z\n  add y int",
            '1.sql:3: relation "app.z" does not exist (SQLSTATE 42P01)',
        ),
        (f"{good}select 1\n  frm app.x", "1.sql:4: syntax error (SQLSTATE 42601)"),
        (
            "insert into app.users values ('anna@example.org')",
            "1.sql:1: PostgreSQL refused a statement",
        ),
        ("select 1;\n\\d", "1.sql:2: a command of psql's"),
        ("begin;\ncreate table app.x ()", "1.sql:2: the file ends within a transaction"),
        ("drop schema public", "1.sql:1: must be owner of schema public (SQLSTATE 42501)"),
    ):
        assert check(*migrated(fitting, text)) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"error: {said}")
        assert "anna" not in told
        assert len(told.splitlines()) == 2


def test_a_file_that_is_not_there_and_a_check_without_a_database_are_refused(
    fitting: str, capsys: pytest.CaptureFixture[str]
):
    assert check("--dsn", fitting, "--migration", "gone.sql") == 2
    assert capsys.readouterr().err.startswith("error: gone.sql cannot be read")
    assert check("--migration", "gone.sql") == 2
    assert capsys.readouterr().err.startswith("error: --migration needs the database")


def test_tables_of_postgres_are_copied_and_migrated_without_a_superuser(
    database: str, capsys: pytest.CaptureFixture[str]
):
    name = conninfo_to_dict(database)["dbname"]
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("create table users (user_id int primary key, email text not null)")
    Path("policy.yaml").write_text(
        f"system: x\ndatabase: {name}\nsubjects: {{user: {{table: users, key: user_id, identifiers: [email]}}}}\n"
        "tables:\n  users: {owner: {user: user_id}}\n",
        encoding="utf-8",
    )
    new = "create table notes (note_id int primary key, user_id int references users on delete cascade)"
    assert check(*migrated(database, new)) == 2
    assert "table notes is in the database and not declared" in capsys.readouterr().err
    program = "copy users from program 'true'"
    assert check(*migrated(database, program)) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: 1.sql:1: ")
    assert "to or from an external program" in told
    assert "It is sent as postgres" in told


def test_a_password_is_on_no_command_line_and_pg_dump_has_it(
    fitting: str, monkeypatch: pytest.MonkeyPatch, scratch: Path
):
    programs, said = Path(tempfile.mkdtemp(dir="/tmp")), Path("said").absolute()
    programs.chmod(0o755)
    found = find_binaries()
    for program in found.bindir.iterdir():
        (programs / program.name).symlink_to(program)
    (programs / "pg_dump").unlink()
    (programs / "pg_dump").write_text(
        f'#!/bin/sh\n{{ echo "$@"; env; cat "$PGPASSFILE"; }} > {said}\nexec {found.bindir}/pg_dump "$@"\n'
    )
    (programs / "pg_dump").chmod(0o755)
    name = conninfo_to_dict(fitting)["dbname"]
    Path("lifecycle.yaml").write_text(
        f"postgres_binaries: {programs}\nsystems: {{practice: {{policy: policy.yaml, dsn: dbname={name}}}}}\n"
    )
    monkeypatch.setenv("PGPASSWORD", "tell-nobody")
    assert check(*migrated(fitting, LOGINS)) == 2
    shutil.rmtree(programs)
    assert said.read_text().count("tell-nobody") == 1
    assert said.read_text().endswith("*:*:*:*:tell-nobody\n")
    assert list(scratch.iterdir()) == []


def test_a_copy_cannot_write_into_the_database_it_was_taken_of(
    fitting: str, capsys: pytest.CaptureFixture[str]
):
    parts = conninfo_to_dict(fitting)
    where = f"host '{parts['host']}', port '{parts['port']}', dbname '{parts['dbname']}'"
    with psycopg.connect(fitting, autocommit=True) as conn:
        for statement in (
            "create extension dblink",
            "create extension postgres_fdw",
            f"create server itself foreign data wrapper postgres_fdw options ({where})",
            "create user mapping for public server itself options (user 'postgres', password_required 'false')",
            "create foreign table public.far (user_id int, email text) server itself options (schema_name 'app', table_name 'users')",
            f"alter foreign table public.far owner to owner_{parts['dbname']}",
        ):
            conn.execute(statement.encode())
    assert check(*migrated(fitting, "insert into far values (1000, 'x@example.org')")) == 2
    assert "user mapping not found" in capsys.readouterr().err
    assert check(*migrated(fitting, "select public.dblink_exec('dbname=x', 'select 1')")) == 2
    assert "permission denied for function dblink_exec" in capsys.readouterr().err


def test_an_extension_that_is_not_on_the_machine_is_told_by_name(
    fitting: str, capsys: pytest.CaptureFixture[str], scratch: Path
):
    with psycopg.connect(fitting, autocommit=True) as conn:
        conn.execute("set allow_system_table_mods = on")
        conn.execute("update pg_extension set extname = 'nowhere' where extname = 'citext'")
    assert check(*migrated(fitting, LOGINS)) == 4
    told = capsys.readouterr().err
    assert (
        "error: the PostgreSQL programs on this machine lack nowhere, which the database has"
        in told
    )
    assert "Install the extension's package here" in told
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_check_that_is_stopped_leaves_no_server_and_the_next_removes_what_a_kill_left(
    fitting: str, number: signal.Signals, scratch: Path
):
    words = migrated(fitting, "select pg_sleep(300)")
    argv = [sys.executable, "-m", "lifecycle", "policy", "check", "policy.yaml", *words]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _sleeping(scratch))
        servers = [int(p.read_text().split()[0]) for p in scratch.glob("*/data/postmaster.pid")]
        assert servers
        process.send_signal(number)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not any(_alive(pid) for pid in servers))
    if number == signal.SIGKILL:
        assert list(scratch.iterdir())
        assert check(*migrated(fitting, "select 1")) == 0
    else:
        assert process.returncode == 5
    assert list(scratch.iterdir()) == []


def _sleeping(scratch: Path) -> bool:
    """Say whether a statement of the migration is being carried out in the scratch server."""
    for socket in scratch.glob("*/socket"):
        info = f"host={socket.resolve()} port=5432 dbname=template1 user=lifecycle_overseer"
        try:
            with psycopg.connect(info, connect_timeout=5) as conn:
                query = "select from pg_stat_activity where query like '%pg_sleep(300)%' and pid <> pg_backend_pid()"
                if conn.execute(query).fetchone() is not None:
                    return True
        except psycopg.OperationalError:
            continue
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
