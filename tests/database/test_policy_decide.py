"""`lifecycle policy decide`: answers go into the file, comments stay, whoever stops goes on later; no value is shown."""

import io
import json
import re
from pathlib import Path

import psycopg
import pytest

from lifecycle import cli, cli_options
from lifecycle.policy import load
from lifecycle.policy.check import DECIDE
from lifecycle.policy.model import Kept

DRAFT = """\
# A draft, with a comment at its head.
system: shop
database: shop

subjects:
  client: {table: clients, key: id, identifiers: [email]}

tables:
  clients: {owner: {client: id}}  # the people themselves
  visits: {owner: {client: client_id}, because: "DECIDE: did these people write the row? (client_id: 9 people in 400 rows)"}
  calls: {owner: {client: {through: [visit_id]}}, because: "DECIDE: did these people write the row? (visit_id)"}
  invoices: {owner: {client: client_id}, because: "DECIDE: is it money? (cents)"}  # books?
  rooms: {personal: none, because: "DECIDE: is this nobody's data? (no row was seen)"}
"""
TABLES = """
    create table clients (id int primary key, email text);
    create table visits (visit_id int primary key, client_id int not null references clients);
    create table calls (visit_id int not null references visits, number text, said text);
    create table invoices (client_id int references clients, cents int);
    create table rooms (name text);
    insert into clients values (1, 'anna@x.example');
    insert into visits values (1, 1);
    insert into calls values (1, '+49 170 1234567', 'She said so'), (1, null, '');
"""


@pytest.fixture(autouse=True)
def draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "policy.yaml"
    file.write_text(DRAFT)
    return file


def decide(monkeypatch: pytest.MonkeyPatch, typed: str, *words: str) -> int:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    return cli.carry_out(["policy", "decide", "policy.yaml", *words])


def test_one_answer_decides_every_table_of_a_question_and_comments_stay(
    draft: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "goes\nkeep: tax, ten years\nnobody: rooms of the house\n"
    assert decide(monkeypatch, typed) == 0
    assert capsys.readouterr().out.endswith(
        "policy.yaml: every table is decided. Next: `lifecycle policy check policy.yaml`.\n"
    )
    text = draft.read_text()
    tables = load.policy(draft)[0].tables
    assert [tables[name].owner for name in ("visits", "invoices", "rooms")] == [
        {"client": "client_id"}, {"client": "client_id"}, None,
    ]  # fmt: skip
    assert tables["invoices"].keep == Kept(clear=("client_id",), because="tax, ten years")
    assert (tables["rooms"].personal, tables["rooms"].because) == ("none", "rooms of the house")
    assert text.startswith("# A draft, with a comment at its head.\n")
    assert all(said in text for said in ("# the people themselves\n", "# books?\n", "\n\ntables:"))
    assert len(text.splitlines()) == len(DRAFT.splitlines())


def test_what_is_left_is_named_also_where_only_the_file_can_answer(
    draft: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = f'objects: [scan_key], bucket: "{DECIDE}: which bucket are these keys in?"'
    draft.write_text(
        draft.read_text().replace(
            "  visits: {owner: {client: client_id},",
            f"  visits: {{owner: {{client: client_id}}, {bucket},",
        )
    )
    assert decide(monkeypatch, "goes\nlater\nnobody: rooms\n") == 0
    told = capsys.readouterr().out
    assert told.endswith(
        "left: is it money? invoices\nleft: tables.visits.bucket, which is answered in the file\n"
        "policy.yaml: 1 table in 1 question left. Next: `lifecycle policy check policy.yaml`.\n"
    )
    assert decide(monkeypatch, "goes\n") == 0
    told = capsys.readouterr().out
    assert "every question is answered" in told
    assert "every table is decided" not in told


def test_whoever_stops_goes_on_where_they_stopped(
    draft: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decide(monkeypatch, "goes\n") != 0  # the input ends after one answer
    assert draft.read_text().count(DECIDE) == 2
    capsys.readouterr()
    assert decide(monkeypatch, "later\nnobody: rooms\n") == 0
    told = capsys.readouterr().out
    assert "did these people write" not in told
    assert "1 table in 1 question left" in told


def test_each_table_can_be_answered_by_itself_and_nonsense_is_asked_again(
    draft: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "perhaps\neach\ngoes\nnobody: by the switchboard\nlater\ngoes\n"
    assert decide(monkeypatch, typed) == 0
    told = capsys.readouterr().out
    assert (
        "no answer that can be given: Write `goes`, `nobody: why`, `keep: why` or `later`." in told
    )
    assert "rooms has no owner: say whose it is in the file" in told
    text = draft.read_text()
    assert "  visits: {owner: {client: client_id}}\n" in text
    assert (
        "  calls: {because: by the switchboard, personal: none}\n" in text
        or "personal: none" in text.split("calls")[1]
    )
    assert text.count(DECIDE) == 2


def test_answers_come_from_a_file_by_table_or_by_question(
    draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        "did these people write the row?": "goes",
        "calls": {"keep": "proof"},
        "rooms": "later",
    }
    (tmp_path / "answers.yaml").write_text(json.dumps(answers))
    assert decide(monkeypatch, "", "--answers", "answers.yaml", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(q["question"], q["tables"]) for q in found["open"]] == [
        ("is it money?", ["invoices"]),
        ("is this nobody's data?", ["rooms"]),
    ]
    assert "clear: [visit_id], because: proof" in draft.read_text()


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ('{"visits": "maybe"}', "no answer that can be given"),
        ('{"visits": "keep"}', "no answer that can be given"),
        ('{"rooms": "goes"}', "'goes' is no answer for rooms, which has no owner"),
        ("- goes", "answers.yaml: no answers"),
        ('{"room": "goes"}', "'room' is neither a question of the draft nor one of its tables"),
    ],
)
def test_a_wrong_answer_changes_nothing(
    draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    answers: str, error: str,
) -> None:  # fmt: skip
    (tmp_path / "answers.yaml").write_text(answers)
    assert decide(monkeypatch, "", "--answers", "answers.yaml") == 2
    assert error in capsys.readouterr().err
    assert draft.read_text() == DRAFT
    assert sorted(p.name for p in tmp_path.iterdir()) == ["answers.yaml", "policy.yaml"]


def test_rows_are_shown_by_their_shapes_and_never_by_a_value(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(TABLES.encode())
    assert decide(monkeypatch, "later\nlater\nlater\n", "--dsn", database) == 0
    told = capsys.readouterr().out
    assert (
        "      visit_id integer, number a number as of a telephone of 15 characters, said words of 11 characters\n"
        in told
    )
    assert "      visit_id integer, number NULL, said empty\n" in told
    assert not re.search("anna|1234567|She said", told)
