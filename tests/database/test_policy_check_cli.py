"""What `lifecycle policy check` prints for people, for programs and for a GitHub workflow."""

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle import cli, cli_options

POLICY = """\
system: practice
database: {database}
subjects:
  user: {{table: users, key: user_id, identifiers: [email]}}
tables:
  users: {{owner: {{user: user_id}}}}
  notes: {{owner: {{user: user_id}}}}
"""
TABLES = """
    create table users (user_id int primary key, email text not null);
    create table notes (note_id int primary key, user_id int references users)
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and a directory of the test's own."""
    for name in ("LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dsn(database: str) -> str:
    """A database of two tables, and its policy in policy.yaml."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(TABLES.encode())
    name = conninfo_to_dict(database)["dbname"]
    Path("policy.yaml").write_text(POLICY.format(database=name), encoding="utf-8")
    return database


def run(*words: str) -> int:
    """Carry out a command as a process of its own would: nothing is chosen yet."""
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    return cli.carry_out(["policy", "check", *words])


def test_a_workflow_shows_each_mistake_beside_its_line(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            'create table "50%, of: it\n::stop-commands::x" (id int); alter table notes drop user_id'
        )
    assert run("policy.yaml", "--dsn", dsn, "--github") == 2
    told = capsys.readouterr()
    errors = [line for line in told.out.splitlines() if line.startswith("::")]
    assert errors[0].startswith(
        "::error file=policy.yaml,line=5::tables: table 50%25, of: it%0A::stop-commands::x is in the database"
    )
    assert errors[1].startswith(
        "::error file=policy.yaml,line=7::tables.notes.owner.user: notes has no column 'user_id'; "
    )
    assert len(errors) == 2
    assert "hint: Correct these 2 mistakes in policy.yaml" in told.out
    assert told.err == ""


def test_a_workflow_escapes_the_name_of_the_file(dsn: str, capsys: pytest.CaptureFixture[str]):
    Path("a,b:100%.yaml").write_text("system: x\n", encoding="utf-8")
    assert run("a,b:100%.yaml", "--github") == 2
    assert capsys.readouterr().out.startswith("::error file=a%2Cb%3A100%25.yaml,line=1::")


def test_a_workflow_shows_notes_as_notices_and_ends_well(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    assert run("policy.yaml", "--dsn", dsn, "--github") == 0
    assert (
        "::notice file=policy.yaml::rows without an owner are nobody's and stay: notes.user_id may be NULL\n"
        in capsys.readouterr().out
    )


def test_what_has_no_line_is_an_annotation_of_the_file_and_keeps_its_code(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    assert run("policy.yaml", "--dsn", "host=/nowhere dbname=x", "--github") == 8
    assert capsys.readouterr().out.startswith("::error file=policy.yaml::no server listens")
    assert run("missing.yaml", "--github") == 2
    assert capsys.readouterr().out.startswith(
        "::error file=missing.yaml::missing.yaml does not exist"
    )


def test_a_workflow_and_a_program_cannot_be_answered_at_once(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    assert run("policy.yaml", "--github", "--json") == 2
    assert "--github and --json" in capsys.readouterr().out
