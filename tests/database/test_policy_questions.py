"""`lifecycle policy explain | diff | graph`: what a policy means, in sentences, ways and counts, and never a value."""

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from pydantic import ValidationError

from lifecycle import cli, cli_options
from lifecycle.policy import difference, load, whole
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database

PAGE = (Path(__file__).parents[2] / "docs/whose.md").read_text(encoding="utf-8")
(SCHEMA,) = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(WHOLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ROWS = """
    insert into users (role, email) values
        ('patient', 'anna@x.example'), ('member', 'otto@x.example'), ('nurse', 'nora@x.example');
    insert into visits (patient_id, nurse_id) values (1, 3);
    insert into letters (about_type, about_id, words) values
        ('User', 1, 'x'), ('Visit', 1, 'x'), ('Device', 1, 'x'), ('User', 99, 'x');
    insert into messages (sender_id, reader_id) values (1, 3), (1, null);
    insert into events (payload) values
        ('{"visitor": {"id": 1}}'), ('{"visitor": {"id": [1, 2]}}'), ('{"visitor": "nobody"}');
    insert into waiting_list (address) values (' ANNA@X.example '), ('joanna@x.example');
"""


@pytest.fixture(scope="module")
def practice(cluster: Cluster) -> Iterator[str]:
    for conninfo in a_database(cluster, "template0"):
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute((SCHEMA + ROWS).encode())
        yield conninfo


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings."""
    for name in ("LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(WHOLE)


def run(*words: str) -> int:
    """Carry out a command as a process of its own would: nothing is chosen yet."""
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    return cli.carry_out(["policy", *words])


def explained(dsn: str, *words: str) -> list[str]:
    """Return the ways that `policy explain` tells, in its JSON."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", told)
        assert run("explain", *words, "--file", "policy.yaml", "--dsn", dsn, "--json") == 0
    return [f"{way['way']}: {way['people']}" for way in json.loads(told.getvalue())["ways"]]


def test_a_table_is_explained_with_the_lines_that_say_it_and_its_ways(
    practice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", "letters", "--file", "policy.yaml", "--dsn", practice) == 0
    line = (
        WHOLE.splitlines().index(
            "    owner: {patient: {through: [about_id]}, nurse: {through: [about_id]}}"
        )
        + 1
    )
    told = capsys.readouterr().out
    assert told in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert told.splitlines() == [
        f"policy.yaml:{line}: when a patient goes: rows whose about_id leads to what is theirs go",
        f"policy.yaml:{line}: when a nurse goes: rows whose about_id leads to what is theirs go",
        f"policy.yaml:{line + 1}: words: where it quotes somebody who goes, the place is shown to a person",
        "way: letters.about_id -> users, user_id names the patient",
        "way: letters.about_id -> visits, patient_id names the patient",
        "way: letters.about_id -> users, user_id names the nurse",
    ]


def test_what_names_a_person_is_explained_where_it_stands(
    practice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    then = "nowhere else may it stand when they are gone"
    for table, said in (
        ("users", f"email names the patient, read as email: {then}"),
        ("users", "nickname names the patient: what is found of it is shown to a person"),
        ("contacts", f"value, where kind is phone, names the patient, read as phone: {then}"),
        ("old_emails", f"email named the patient before, read as email: {then}"),
        ("changes", f"what stands in old_values under $.email, where table_name is users, named the patient before, read as email: {then}"),
    ):  # fmt: skip
        assert run("explain", table, "--file", "policy.yaml", "--dsn", practice) == 0
        assert said in re.sub(r"(?m)^policy.yaml:\d+: ", "", capsys.readouterr().out).splitlines()


@pytest.mark.parametrize(
    ("words", "ways"),
    [
        (("visits", "1"), ["patient_id names the patient: 1"]),
        # by type: a letter about Anna, about her visit, about a device, about nobody who is there
        (("letters", "1"), ["letters.about_id -> users, user_id names the patient: 1", "letters.about_id -> visits, patient_id names the patient: 0", "letters.about_id -> users, user_id names the nurse: 0"]),
        (("letters", "2"), ["letters.about_id -> users, user_id names the patient: 0", "letters.about_id -> visits, patient_id names the patient: 1", "letters.about_id -> users, user_id names the nurse: 0"]),
        (("letters", "3"), ["letters.about_id -> users, user_id names the patient: 0", "letters.about_id -> visits, patient_id names the patient: 0", "letters.about_id -> users, user_id names the nurse: 0"]),
        (("messages", "2"), ["sender_id names the patient: 1", "reader_id names the patient: 0", "sender_id names the nurse: 0", "reader_id names the nurse: 0"]),
        # by a path inside JSON, to one, to nobody
        (("events", "1"), ["events.visitor -> users, user_id names the patient: 1", "events.visitor -> users, user_id names the nurse: 0"]),
        (("events", "3"), ["events.visitor -> users, user_id names the patient: 0", "events.visitor -> users, user_id names the nurse: 0"]),
        # by an address in any case, and not by one that only ends alike
        (("waiting_list", "1"), ["waiting_list.address -> users, user_id names the patient: 1", "waiting_list.address -> users, user_id names the nurse: 0"]),
        (("waiting_list", "2"), ["waiting_list.address -> users, user_id names the patient: 0", "waiting_list.address -> users, user_id names the nurse: 0"]),
    ],
)  # fmt: skip
def test_a_row_is_explained_by_how_many_people_each_way_leads_to(
    practice: str, words: tuple[str, ...], ways: list[str]
) -> None:
    assert explained(practice, *words) == ways


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("visit",), 2, "policy.yaml declares no table 'visit'"),
        (("visits", "77"), 6, "no row of visits has this key"),
        (("visits", "1,2"), 2, "visits has another primary key: visit_id"),
        (
            ("readings", "1"),
            2,
            "readings has another primary key: none, so no row of it can be named",
        ),
    ],
)
def test_what_cannot_be_explained_is_one_error_that_repeats_no_key(
    practice: str, words: tuple[str, ...], code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", *words, "--file", "policy.yaml", "--dsn", practice) == code
    told = capsys.readouterr().err
    assert error in told
    assert "77" not in told


def test_a_key_can_be_read_instead_of_standing_on_the_command_line(
    practice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1\n")))
    assert explained(practice, "visits", "-") == ["patient_id names the patient: 1"]


def differing(tmp_path: Path, *changes: tuple[str, str]) -> dict[str, list[str]]:
    """Return what `policy diff` says of the page's policy against itself with lines replaced."""
    text = WHOLE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "new.yaml").write_text(text)
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", told)
        assert run("diff", "policy.yaml", "new.yaml", "--json") == 0
    found = json.loads(told.getvalue())
    return {name: found[name] for name in ("destroyed", "kept", "said", "otherwise") if found[name]}


def test_policies_that_say_the_same_do_not_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert differing(tmp_path, ("system: practice", "# a comment\nsystem: practice")) == {}
    assert run("diff", "policy.yaml", "new.yaml") == 0
    assert capsys.readouterr().out == "Both say the same.\n"


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        (
            (('    personal: none\n    because: counts of rows\n    ignore: {user_id: "an administrator, of whom nothing else is known here"}\n', "    owner: {patient: {through: [user_id]}, nurse: {through: [user_id]}}\n"),),
            {
                "destroyed": ["imports: when a patient goes: rows whose user_id leads to what is theirs go", "imports: when a nurse goes: rows whose user_id leads to what is theirs go"],
                "said": ["imports: no longer: nobody's data: counts of rows", "imports: no longer: user_id stays as it is, whomever it leads to: an administrator, of whom nothing else is known here"],
            },
        ),
        (
            (("  contacts: {owner: {patient: user_id, nurse: user_id}}", "  contacts: {owner: {patient: user_id}, mentions: {}}"), ),
            {"kept": ["contacts: no longer: when a nurse goes: rows in which user_id names them go"]},
        ),
        (
            ((", after: 10 years,", ", after: 11 years,"), ("until: 10 years", "until: 11 years")),
            {
                "destroyed": ["invoices: delete rows 11 years after issued_at: the tax office may ask so long"],
                "kept": ["invoices: no longer: delete rows 10 years after issued_at: the tax office may ask so long"],
                "said": ["invoices: no longer: when a patient goes: rows in which patient_id names them stay without patient_id and addressee: books are kept, without a name; until 10 years after issued_at (tax, section 147 AO)", "invoices: when a patient goes: rows in which patient_id names them stay without patient_id and addressee: books are kept, without a name; until 11 years after issued_at (tax, section 147 AO)"],
            },
        ),
        (
            (("system: practice\n", "system: practice\nlimits: {floor: 10 days}\n"), ("    identifiers: [email]\n", "")),
            {"otherwise": ["limits.floor: 10 days, which was not there", "subjects.nurse.identifiers: not there, which was email"]},
        ),
    ],
)  # fmt: skip
def test_a_difference_is_said_as_what_would_newly_go_or_stay(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], differences: dict[str, list[str]]
) -> None:
    assert differing(tmp_path, *changes) == differences


WAITING = "waiting_list: when a patient goes: rows by waiting_list.address, address leads"
EVENTS = "events: when a nurse goes: rows by events.visitor, payload at"
LETTERS = "letters: when a patient goes: rows by letters.about_id, about_id where about_type is"
OTHERS = "tables.letters.owner.patient.through: about_id, other_id"


@pytest.mark.parametrize(
    ("old", "new", "destroyed", "kept"),
    [
        ("to: users(email), form: email", "to: users(nickname), form: email", f"{WAITING} as email to users(nickname)", f"{WAITING} as email to users(email)"),
        ("to: users(email), form: email", "to: users(email)", f"{WAITING} to users(email)", f"{WAITING} as email to users(email)"),
        ("$.visitor.id", "$.visitors[*].id", f"{EVENTS} $.visitors[*].id leads to users(user_id)", f"{EVENTS} $.visitor.id leads to users(user_id)"),
        ("columns: [payload]", "columns: [other]", "events: when a nurse goes: rows by events.visitor, other at $.visitor.id leads to users(user_id)", f"{EVENTS} $.visitor.id leads to users(user_id)"),
        ("User: users(user_id), ", "User: users(user_id), Nurse: users(user_id), ", f"{LETTERS} Nurse leads to users(user_id)", None),
        (", Visit: visits(visit_id)}", "}", None, f"{LETTERS} Visit leads to visits(visit_id)"),
        ("role: [patient, member]", "role: [patient, member, guest]", "users: a patient is each row in which role is patient or member or guest, by user_id", None),
        ("where: {role: [patient, member]}", "where: {role: [patient, member], city: Bonn}", None, "users: a patient is each row in which role is patient or member, by user_id"),
        ("    where: {role: [patient, member]}\n", "", "users: a patient is each row, by user_id", None),
        ("    key: user_id\n    where: {role: nurse}\n", "    key: user_id\n    where: {role: nurse}\n    payer: {column: users.nickname}\n", "when a nurse goes: the customer that users.nickname names goes at Stripe", None),
    ],
)  # fmt: skip
def test_words_that_stay_and_reach_other_rows_newly_destroy(
    tmp_path: Path, old: str, new: str, destroyed: str | None, kept: str | None
) -> None:
    found = differing(tmp_path, (old, new))
    assert destroyed is None or destroyed in found["destroyed"]
    assert kept is None or f"no longer: {kept}" in found["kept"]
    assert found.keys() >= {"otherwise"}, "the value that differs is said too"
    assert (destroyed is None, kept is None) == ("destroyed" not in found, "kept" not in found)


def _less(data: Any) -> Iterator[Any]:
    """Yield the document again and again, each time without one of its parts."""
    if isinstance(data, list):
        listed = cast("list[Any]", data)
        for index, below in enumerate(listed):
            yield [*listed[:index], *listed[index + 1 :]]
            yield from ([*listed[:index], less, *listed[index + 1 :]] for less in _less(below))
    elif isinstance(data, dict):
        named = cast("dict[str, Any]", data)
        for name, below in named.items():
            yield {other: value for other, value in named.items() if other != name}
            yield from ({**named, name: less} for less in _less(below))


def test_nothing_that_is_taken_out_of_a_policy_is_left_unsaid(tmp_path: Path) -> None:
    whole_one, _ = load.policy(tmp_path / "policy.yaml")
    told = 0
    for less in _less(whole_one.model_dump(mode="json", exclude_defaults=True)):
        with contextlib.suppress(ValidationError):
            other = whole.model().model_validate_json(json.dumps(less))
            assert any(astuple(difference.between(whole_one, other))), less
            assert any(astuple(difference.between(other, whole_one))), less
            told += 1
    assert told > 60


def test_the_graph_has_every_table_once_and_every_key_with_its_sentence(
    practice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("graph", "--file", "policy.yaml", "--dsn", practice, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [box["table"] for box in found["boxes"]] + found["apart"] == [
        "users", "changes", "contacts", "devices", "events", "imports", "invoices", "letters", "messages", "old_emails",
        "visits", "waiting_list", "readings", "visits_per_month",
    ]  # fmt: skip
    assert {b["table"]: b["fate"] for b in found["boxes"] if b["fate"] != "goes"} == {
        "users": "people", "imports": "nobody", "invoices": "kept", "messages": "shared",
    }  # fmt: skip
    said = {(a["table"], a["by"], a["to"]): a["sentence"] for a in found["arrows"]}
    assert len(said) == len(found["arrows"])
    assert {key: word for key, word in said.items() if word != "owner"} == {
        ("devices", "fitted_by", "users"): "author",
        ("visits", "nurse_id", "users"): "author",
        ("invoices", "patient_id", "users"): "keep",
        ("messages", "sender_id", "users"): "party",
        ("messages", "reader_id", "users"): "party",
        ("imports", "user_id", "users"): "ignore",
    }
    assert run("graph", "--file", "policy.yaml", "--dsn", practice) == 0
    mermaid = capsys.readouterr().out.splitlines()
    assert len([line for line in mermaid if " -->|" in line]) == len(said)
    assert '  t10 -->|"nurse_id: author"| t0' in mermaid


def test_the_page_links_every_table_to_what_is_said_about_it(practice: str, tmp_path: Path) -> None:
    """A table that the policy forgot is drawn too, and says so; nothing is loaded from anywhere."""
    text = WHOLE.replace(
        "  devices: {owner: {patient: wearer_id}, author: {fitted_by: set null}}\n", ""
    )
    text = text.replace("    references: {device_serial: {to: devices(serial)}}\n", "")
    (tmp_path / "policy.yaml").write_text(text)
    assert run("graph", "--file", "policy.yaml", "--dsn", practice, "-o", "graph.html") == 0
    page = (tmp_path / "graph.html").read_text()
    sections = re.findall(r'<section id="([^"]+)">', page)
    assert len(sections) == len(set(sections)) == 14
    assert set(re.findall(r'href="#([^"]+)"', page)) == set(sections)
    assert "Not declared: every run that destroys is refused until it is." in page
    assert not re.search(r"<script|https?:|@import|url\(", page)
    places = re.findall(r'<rect class="\w+" x="(\d+)" y="(\d+)"', page)
    assert len(places) == len(set(places)) >= 9
    assert run("graph", "--file", "policy.yaml", "--dsn", practice, "-o", "graph.html") == 7


def test_code_of_a_tables_owner_never_runs_as_the_superuser_who_asks(
    database: str, tmp_path: Path
) -> None:
    """A cast of the owner's says who runs it: the row is found by that name, or by nobody's."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            """
            do $$ begin create role owner_of_casts; exception when duplicate_object then null; end $$;
            grant create, usage on schema public to owner_of_casts;
            set role owner_of_casts;
            create type mood as enum ('good');
            create function told(mood) returns text language sql as 'select current_user::text';
            create cast (mood as text) with function told(mood);
            create table people (id mood primary key);
            insert into people values ('good')
            """
        )
    (tmp_path / "policy.yaml").write_text(
        "system: s\ndatabase: d\nsubjects: {person: {table: people, key: id}}\n"
        "tables: {people: {owner: {person: id}}}\n"
    )
    assert run("explain", "people", "postgres", "--file", "policy.yaml", "--dsn", database) == 6
    assert (
        run("explain", "people", "owner_of_casts", "--file", "policy.yaml", "--dsn", database) == 0
    )
