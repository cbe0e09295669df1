"""`lifecycle policy` as people and programs use it: what is printed, what is written, which exit code."""

import json
import re
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from lifecycle import cli, cli_options
from lifecycle.commands.policy import SCHEMA

TABLES = """
    create table users (user_id int primary key, email text not null);
    create table notes (note_id int primary key, user_id int not null references users);
    create table words (word text primary key)
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those a test writes."""
    for name in ("LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dsn(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(TABLES.encode())
    return database


def run(*words: str) -> int:
    """Carry out a command as a process of its own would: nothing is chosen yet."""
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    return cli.carry_out(["policy", *words])


def test_from_an_unknown_database_to_a_policy_that_fits_it(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "policy.yaml"
    assert run("generate", "--from-dsn", dsn, "-o", str(file)) == 0
    assert run("check", str(file)) == 2
    refusal = capsys.readouterr().err
    drafted = file.read_text().splitlines()
    asked = {
        "notes": '{owner: {user: user_id}, because: "DECIDE: would the row stay without the person?',
        "words": "{personal: none, because: \"DECIDE: is this nobody's data?",
    }
    for table, sentence in asked.items():
        line = drafted.index(f'  {table}: {sentence} (no row was seen)"}}') + 1
        told = f"{file}:{line}: tables.{table}.because: a draft left this open for a person"
        assert told in refusal
    file.write_text(file.read_text().replace('"DECIDE: ', '"'))
    assert run("check", str(file)) == 0
    assert "no mistakes; 3 tables declared; not compared with a database" in capsys.readouterr().out
    assert run("check", str(file), "--dsn", dsn) == 0
    assert "no mistakes; 3 tables declared, 3 in database" in capsys.readouterr().out


def test_a_table_made_later_is_told_and_ends_with_two(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "policy.yaml"
    run("generate", "--from-dsn", dsn, "-o", str(file))
    file.write_text(file.read_text().replace('"DECIDE: ', '"'))
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table logins (user_id int references users)")
    capsys.readouterr()
    assert run("check", str(file), "--dsn", dsn, "--json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == 2
    assert (
        "table logins is in the database and not declared; add `logins:` with `owner:`"
        in answer["error"]
    )


def test_the_settings_lead_to_the_file_and_the_database(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run("generate", "--from-dsn", dsn, "-o", "policy.yaml")
    file = tmp_path / "policy.yaml"
    file.write_text(file.read_text().replace('"DECIDE: ', '"'))
    system = file.read_text().split("system: ")[1].split()[0]
    Path("lifecycle.yaml").write_text(
        f"systems:\n  {system}: {{policy: policy.yaml, dsn: {json.dumps(dsn)}}}\n"
    )
    capsys.readouterr()
    assert run("check", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["schema"], answer["declared"], answer["tables"]) == (
        "lifecycle.policy-check.v1",
        3,
        3,
    )
    assert run("check", "--no-live", "--json") == 0
    assert json.loads(capsys.readouterr().out)["tables"] is None
    assert run("show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["policy"]["tables"]["notes"]["owner"] == {
        "user": "user_id"
    }
    assert run("show") == 0
    assert "rows in which user_id names them go" in capsys.readouterr().out


def test_who_the_people_are_is_settled_before_anything_is_written(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            "create table patients (id int primary key, email text, born date, birth_date date)"
        )
        conn.execute(
            "create table visits (id int primary key, patient_id int not null references patients)"
        )
    file = tmp_path / "policy.yaml"
    assert run("generate", "--from-dsn", dsn, "-o", str(file)) == 2
    assert not file.exists()
    told = capsys.readouterr().err
    assert "several tables look like people" in told
    assert "\n  patients.id: 1 foreign key to it, a column email, a column birth_date\n" in told
    assert "\n  users.user_id: 1 foreign key to it, a column email\n" in told
    assert "`--subject patients.id`" in told
    assert run("generate", "--from-dsn", dsn, "-o", str(file), "--subject", "patients.id") == 0
    text = file.read_text()
    assert "  patient:\n    table: patients\n    key: id\n" in text
    assert "visits: {owner: {patient: patient_id}" in text


@pytest.mark.parametrize(
    ("subject", "wrong", "remedy"),
    [
        ("userz.user_id", "there is no table 'userz'", "users"),
        ("users.user_ib", "users has no column 'user_ib'", "user_id"),
        ("users", "'users' names no column", "Write it like `patients.id`."),
    ],
)
def test_a_subject_that_is_not_there_is_refused_with_what_may_be_meant(
    dsn: str, capsys: pytest.CaptureFixture[str], subject: str, wrong: str, remedy: str
):
    assert run("generate", "--from-dsn", dsn, "--subject", subject) == 2
    told = capsys.readouterr()
    assert (told.out, wrong in told.err, remedy in told.err) == ("", True, True)


def test_a_file_is_never_overwritten(dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "mine.yaml").write_text("mine")
    assert run("generate", "--from-dsn", dsn, "-o", "mine.yaml") == 7
    assert (tmp_path / "mine.yaml").read_text() == "mine"
    assert run("generate", "--from-dsn", dsn, "-o", "nowhere/mine.yaml") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("check",), 2, "no settings file|no settings"),
        (("check", "missing.yaml"), 2, "missing.yaml does not exist"),
        (("generate", "--from-dsn", "host=/nowhere dbname=x"), 8, "no server listens"),
        (("generate", "--from-dsn", "nonsense"), 2, "the dsn cannot be read"),
        (("generate", "--from-dsn", "host=x password=hunter2"), 2, "the dsn carries a password"),
    ],
)
def test_each_wrong_way_is_one_clear_error(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
):
    assert run(*words) == code
    error = capsys.readouterr().err
    assert any(part in error for part in said.split("|"))
    assert "hint: " in error
    assert "hunter2" not in error
    assert "Traceback" not in error


def test_the_schema_is_printed_as_it_is_shipped(capsys: pytest.CaptureFixture[str]):
    assert run("schema") == 0
    assert capsys.readouterr().out == SCHEMA.read_text()


def test_check_ends_with_the_codes_of_the_page(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run("generate", "--from-dsn", dsn, "-o", "policy.yaml")
    file = tmp_path / "policy.yaml"
    file.write_text(file.read_text().replace('"DECIDE: ', '"'))
    Path("wrong.yaml").write_text("system: x\n")
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            "do $$ begin create role nobody_logs_in nologin; exception when duplicate_object then null; end $$"
        )
    found = {
        run("check", "policy.yaml", "--dsn", dsn),
        run("check", "wrong.yaml"),
        run("check", "missing.yaml"),
        run("check", "policy.yaml", "--dsn", make_conninfo(dsn, user="nobody_logs_in")),
        run("check", "policy.yaml", "--dsn", make_conninfo(dsn, dbname="nowhere")),
        run("check", "policy.yaml", "--dsn", "host=127.0.0.1 port=1 dbname=x user=x"),
    }
    page = (Path(__file__).parents[2] / "docs/policy.md").read_text(encoding="utf-8")
    told = page.partition("## What `policy check` refuses")[2].partition("### ")[0]
    # What a rehearsal of a migration ends with is asked where it is rehearsed (test_policy_migration.py).
    assert found == {
        int(code) for code in re.findall(r"^\| (\d+) \| (?!with `--migration`)", told, re.MULTILINE)
    }
