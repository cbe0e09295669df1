"""What `lifecycle policy check` drafts for a database that has more than its policy speaks of."""

import json
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle import cli, cli_options

POLICY = """\
system: practice
database: {database}
subjects:
  patient:
    table: patients
    key: id
    identifiers: [email]
  clinician:
    table: clinicians
    key: id
    identifiers: [email]
tables:
  patients:
    owner: {{patient: id}}
  clinicians:
    owner: {{clinician: id}}
  visits:
    owner: {{patient: patient_id}}
  invoices:
    owner: {{patient: patient_id}}
    keep: {{because: books must be kept, clear: [patient_id]}}
  rooms:
    personal: none
    because: rooms of the practice
"""
TABLES = """
    create table patients (id int primary key, email text not null, full_name text not null);
    create table clinicians (id int primary key, email text not null, full_name text not null);
    create table visits (id int primary key, patient_id int not null references patients);
    create table invoices (id int primary key, patient_id int references patients, issued_at date not null);
    create table rooms (id int primary key, name text not null);
    insert into patients select n, 'p' || n || '@example.org', 'Patient ' || n from generate_series(1, 60) n;
    insert into clinicians select n, 'c' || n || '@example.org', 'Dr ' || n from generate_series(1, 5) n;
    insert into visits select n, n from generate_series(1, 60) n;
    insert into invoices select n, n, '2024-01-01' from generate_series(1, 60) n;
    insert into rooms values (1, 'north')
"""
READINGS = """
    create table readings (id int primary key, patient_id int not null references patients, pulse int not null);
    insert into readings select n, 1 + n % 60, 60 + n % 9 from generate_series(1, 200) n
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, and a directory of the test's own."""
    for name in ("LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dsn(database: str) -> str:
    """A database and its policy in policy.yaml, which fits."""
    say(database, TABLES)
    name = conninfo_to_dict(database)["dbname"]
    Path("policy.yaml").write_text(POLICY.format(database=name), encoding="utf-8")
    return database


def say(dsn: str, statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(statements.encode())


def run(*words: str) -> int:
    """Carry out a command as a process of its own would: nothing is chosen yet."""
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    return cli.carry_out(["policy", "check", "policy.yaml", *words])


def lines(dsn: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the drafted lines, in the order of the mistakes."""
    capsys.readouterr()
    assert run("--dsn", dsn, "--json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == 2
    return [one["line"] for one in answer["drafts"]]


def test_a_new_table_is_drafted_for_the_people_of_the_file_and_fits_when_pasted(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    assert run("--dsn", dsn) == 0
    say(dsn, READINGS)
    line = "  readings: {owner: {patient: patient_id}}  # by foreign key: 60 people in 200 rows looked at"
    assert lines(dsn, capsys) == [line]
    assert run("--dsn", dsn) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("error: policy.yaml:12: tables: table readings is in the database")
    assert told[1] == line
    with Path("policy.yaml").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    assert run("--dsn", dsn) == 0


def test_a_workflow_reads_the_line_in_the_annotation_of_its_finding(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    say(dsn, READINGS)
    assert run("--dsn", dsn, "--github") == 2
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert len(told) == 1
    assert told[0].startswith("::error file=policy.yaml,line=12::tables: table readings is in")
    assert "%0A  readings: {owner: {patient: patient_id}}  # by foreign key" in told[0]


def test_what_two_kinds_of_people_stand_in_is_asked(dsn: str, capsys: pytest.CaptureFixture[str]):
    say(
        dsn,
        "create table letters (id int primary key, patient_id int not null references patients,"
        " clinician_id int not null references clinicians)",
    )
    [line] = lines(dsn, capsys)
    assert line.startswith('  letters: {owner: {patient: patient_id}, because: "DECIDE: ')


def test_a_part_of_what_is_kept_is_asked_and_a_part_of_what_goes_is_not(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    say(
        dsn,
        "create table invoice_lines (id int primary key, invoice_id int not null references invoices on delete cascade);"
        "create table visit_notes (id int primary key, visit_id int not null references visits on delete cascade)",
    )
    kept, gone = lines(dsn, capsys)
    assert 'invoice_lines: {owner: {patient: {through: [invoice_id]}}, because: "DECIDE: ' in kept
    assert gone == (
        "  visit_notes: {owner: {patient: {through: [visit_id]}}}  # a part of its visits"
    )


def test_a_table_that_points_to_what_the_file_calls_nobodys_is_not_taken_for_somebodys(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    say(
        dsn,
        "create table beds (id int primary key, room_id int not null references rooms, label text not null);"
        "insert into beds select n, 1, 'bed ' || n from generate_series(1, 40) n",
    )
    [line] = lines(dsn, capsys)
    assert line.startswith("  beds: {personal: none, because: ")
    assert "DECIDE" not in line


def test_a_new_column_that_leads_to_people_is_drafted_beside_what_the_table_says(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    say(
        dsn,
        "alter table visits add referred_by int references patients, add seen_with int references clinicians",
    )
    line = "    mentions: {referred_by: set null, seen_with: set null}"
    assert lines(dsn, capsys) == [line, line]
    text = Path("policy.yaml").read_text(encoding="utf-8")
    owner = "    owner: {patient: patient_id}\n  invoices"
    Path("policy.yaml").write_text(
        text.replace(owner, owner.replace("\n", f"\n{line}\n")), encoding="utf-8"
    )
    assert run("--dsn", dsn) == 0


def test_a_new_column_that_must_name_somebody_is_asked(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    say(
        dsn,
        "alter table visits add seen_by int references clinicians; update visits set seen_by = 1;"
        "alter table visits alter seen_by set not null",
    )
    [line] = lines(dsn, capsys)
    assert line.startswith('    ignore: {seen_by: "DECIDE: did these people write the row')


def test_a_nobodys_table_that_now_leads_to_people_is_drafted_anew(
    dsn: str, capsys: pytest.CaptureFixture[str]
):
    say(dsn, "alter table rooms add patient_id int references patients")
    [*found] = lines(dsn, capsys)
    assert found
    assert all(line.startswith("  rooms: {") and "DECIDE" in line for line in found)


def test_a_new_trigger_is_drafted_with_its_digest(dsn: str, capsys: pytest.CaptureFixture[str]):
    with Path("policy.yaml").open("a", encoding="utf-8") as file:
        file.write(
            "retention: [{table: visits, by: seen_on, after: 1 year, do: delete, because: too old}]\n"
        )
    say(dsn, "alter table visits add seen_on date not null default '2024-01-01'")
    assert run("--dsn", dsn) == 0
    say(
        dsn,
        "alter table visits add updated_at timestamptz;"
        "create function touch() returns trigger language plpgsql as 'begin new.updated_at := now(); return new; end';"
        "create trigger set_updated_at before update on visits for each row execute function touch()",
    )
    [*found] = lines(dsn, capsys)
    assert [line.partition("digest:")[0] for line in found] == [
        '    triggers: {set_updated_at: {does: "sets updated_at", '
    ]


def test_no_value_of_a_row_is_in_what_is_drafted(dsn: str, capsys: pytest.CaptureFixture[str]):
    say(
        dsn,
        "create table contacts (id int primary key, patient_id int references patients, value text);"
        "insert into contacts select n, n, 'secret' || n || '@example.org' from generate_series(1, 60) n",
    )
    capsys.readouterr()
    for words in (("--json",), ("--github",), ()):
        assert run("--dsn", dsn, *words) == 2
        told = capsys.readouterr()
        assert "contacts: {" in told.out + told.err
        assert "secret" not in told.out + told.err
