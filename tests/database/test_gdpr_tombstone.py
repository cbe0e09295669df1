"""The row that stands for whoever is gone: made by `init`, looked after by `doctor`, ended and changed by nobody."""

import copy
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gdpr import erase, findings
from gdpr.foresee import foresee
from gdpr.foretell import lines
from lifecycle import cli
from lifecycle.admin import install, tombstones
from lifecycle.admin.finding import Finding
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.policy import check, whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from retention.promise import PROMISE as RETENTION
from tests.database import office
from tests.database.office import NOW, Office
from tests.keep import keep

STONE = {"id": 0, "email": "erased@example.invalid", "role": "nobody"}
SCHEMA = """
    create table visits (visit_id bigint primary key, person_id bigint not null references people,
                         nurse_id bigint not null references people, note text);
    create table notes (note_id bigint primary key, writer_type text, writer_id bigint not null, words text);
    insert into people values (4, 'dora@x.example');
    insert into visits values (1, 2, 1, 'of Berta, by Anna'), (2, 1, 3, 'of Anna, by Carl'), (3, 3, 1, 'of Carl, by Anna'),
                              (4, 1, 1, 'of Anna, by herself');
    insert into notes values (1, 'Person', 1, 'a'), (2, 'Device', 1, 'b'), (3, 'Person', 2, 'c');
    create table devices (device_id bigint primary key);
    insert into devices values (1);
    reset role;
"""
TABLES: dict[str, Any] = {
    "visits": {"owner": {"person": "person_id"}, "author": {"nurse_id": "tombstone"}},
    "notes": {
        "references": {
            "writer_id": {"type": "writer_type", "of": {"Person": "people(id)", "Device": "devices(device_id)"}}
        },
        "personal": "none",
        "because": "notices",
        "author": {"writer_id": "tombstone"},
    },
    "devices": {"personal": "none", "because": "machines"},
}  # fmt: skip


def promised(stone: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the parts of a policy with a tombstone."""
    subjects = copy.deepcopy(office.POLICY["subjects"])
    subjects["person"]["tombstone"] = stone or STONE
    return {"subjects": subjects} | more


@pytest.fixture
def ward(ledger: str, tmp_path: Path) -> Office:
    """An office in which Anna, who is 1 and nursed others, has asked to be forgotten."""
    made = office.opened(ledger, tmp_path, SCHEMA, TABLES, **promised())
    made.asks(1)
    return made


def doctor(ward: Office) -> list[Finding]:
    return list(findings.FINDINGS["tombstones"](ward.system()))


def test_init_makes_it_once_and_doctor_finds_it(ward: Office) -> None:
    """By the owner's name, whoever runs it, and again without a word."""
    row = [(0, "erased@example.invalid", None, "nobody")]
    assert ward.ask("select * from people where id = 0") == row
    with psycopg.connect(ward.admin, autocommit=True) as conn:
        install.install(conn, ward.policy, catalog.read(conn), None)
        printed = install.render(conn, ward.policy, catalog.read(conn))
    assert "erased@example.invalid" in printed
    ward.ask("delete from people where id = 0")
    ward.ask(printed)
    ward.ask(printed)
    assert ward.ask("select * from people where id = 0") == row
    [found] = doctor(ward)
    assert (found.verdict, found.what) == (
        Verdict.PASS, "somebody stands for a person who is gone, with no row of its own",
    )  # fmt: skip


def test_what_somebody_wrote_about_others_names_it_when_they_are_gone(ward: Office) -> None:
    shown = ward.plan()
    steps = {(s.verb, s.target): s.rows for s in shown.decision.steps}
    assert steps["set tombstone", "visits.nurse_id"] == 2
    assert steps["set tombstone", "notes.writer_id"] == 1
    text = "\n".join(lines(foresee(ward.system(), None, "1")))
    assert "Rows that the person wrote about others would name the tombstone: 3 rows" in text
    assert ward.erase(shown).failures == ()
    assert ward.states() == {1: "completed"}
    assert ward.ask("select visit_id, nurse_id, note from visits order by 1") == [
        (1, 0, "of Berta, by Anna"), (3, 0, "of Carl, by Anna"),
    ]  # fmt: skip
    assert ward.ask("select note_id, writer_id from notes order by 1") == [(1, 0), (2, 1), (3, 2)]
    assert ward.evidence("gdpr.tombstone_set") == {"visits.nurse_id": 2, "notes.writer_id": 1}
    assert ward.ask("select count(*) from people where id = 0") == [1]
    assert doctor(ward)[0].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("change", "what", "verdict"),
    [
        ("delete from people where id = 0", "is not there", Verdict.FAIL),
        ("update people set email = 'a@real.example' where id = 0", "with other values", Verdict.FAIL),
        ("insert into visits values (9, 0, 3, 'x')", "has rows of its own: visits (1 row)", Verdict.FAIL),
    ],
)  # fmt: skip
def test_doctor_says_what_is_wrong_with_it(
    ward: Office, change: str, what: str, verdict: Verdict
) -> None:
    ward.ask(change)
    [found] = doctor(ward)
    assert found.verdict is verdict
    assert what in found.what
    assert found.fix


@pytest.mark.parametrize(
    "change",
    [
        "delete from people where id = 0",
        "update people set email = 'a@real.example' where id = 0",
    ],
)
def test_without_it_nobody_who_wrote_is_erased(ward: Office, change: str) -> None:
    ward.ask(change)
    outcome = ward.erase()
    assert "the tombstone of a person is" in outcome.failures[0].what
    assert ward.states() == {1: "pending"}
    ward.ask("update requests set state = 'canceled'")
    ward.asks(4)  # who wrote nothing needs nobody to stand for her
    assert ward.erase().failures == ()


def test_it_is_never_erased_itself(ward: Office) -> None:
    ward.ask("update requests set state = 'canceled'")
    ward.asks(0)
    outcome = ward.erase()
    assert "the request is about the tombstone" in outcome.failures[0].what
    assert any("tombstone" in why for why in foresee(ward.system(), None, "0").refusals)
    assert ward.ask("select count(*) from people where id = 0") == [1]


def test_a_trigger_that_puts_another_author_there_changes_nothing(ward: Office) -> None:
    ward.ask(
        """create function public.puts() returns trigger language plpgsql as $$ begin
               new.nurse_id := 2; new.note := 'x'; return new; end $$;
           create trigger puts before update on visits for each row execute function puts()"""
    )
    ward.say(ward.policy.model_dump(mode="json", exclude_unset=True))
    outcome = ward.erase()
    assert outcome.verdict is Verdict.FAIL
    assert "visits.nurse_id" in outcome.failures[0].what
    assert ward.ask("select nurse_id from visits order by visit_id") == [1, 3, 1, 1]


def retire(ward: Office, *rules: dict[str, Any]) -> Outcome:
    """Let rules of retention end people who are gone for long."""
    said = ward.policy.model_dump(mode="json", exclude_unset=True)
    ward.say(said | {"retention": list(rules)})
    with ward.system().connect("test") as conn:
        claims.enqueue(conn, "office", RETENTION.job, NOW, asked_by="person")
        claim = claims.claim_one(conn, "office", RETENTION.job, NOW, claims.new_holder())
    return keep(RETENTION, ward.system(), claim, NOW)


def test_no_rule_of_retention_ends_or_empties_it(ward: Office) -> None:
    ward.ask("alter table people add column seen timestamptz default now() - interval '9 years'")
    ward.ask("update people set phone = '0' where id = 0; delete from visits; delete from requests")
    rule = {"table": "people", "by": "seen", "after": "1 year", "because": "gone"}
    ward.ask("insert into people values (5, 'eva@x.example', '55555')")
    ended = retire(ward, rule | {"do": "delete", "where": {"role": ["staff", "nobody"]}}, rule | {"do": "clear", "table": "people.phone"})  # fmt: skip
    assert ended.failures == (), ended
    assert ward.ask("select id, phone from people") == [(0, "0")]


def test_no_partition_goes_with_it(ward: Office) -> None:
    said = ward.policy.model_dump(mode="json", exclude_unset=True)
    rule = {"table": "people", "after": "1 year", "do": "drop", "because": "gone"}
    policy = whole.model().model_validate_json(json.dumps(said | {"retention": [rule]}))
    found = [str(one) for one in check.check(policy)]
    assert any("the tombstone stands in people, and would go with its partition" in f for f in found)  # fmt: skip


@pytest.mark.parametrize(
    ("stone", "place", "what"),
    [
        ({**STONE, "id": 3}, "subjects.person.tombstone.id", "it collides: a row of people has this key"),
        ({**STONE, "email": "carl@x.example"}, "subjects.person.tombstone", "a value of it that must be unique is somebody else's"),
        ({**STONE, "role": "boss"}, "subjects.person.tombstone", "a check of the table refuses its values"),
    ],
)  # fmt: skip
def test_init_makes_none_over_somebody_and_none_that_may_not_be(
    ward: Office, stone: dict[str, Any], place: str, what: str
) -> None:
    ward.ask("delete from people where id = 0")
    before = ward.ask("select * from people order by id")
    policy = Policy.model_copy(ward.policy)
    subject = policy.subjects["person"].model_copy(update={"tombstone": stone})
    policy = policy.model_copy(update={"subjects": {"person": subject}})
    with psycopg.connect(ward.admin, autocommit=True) as conn:
        picture = catalog.read(conn)
        with pytest.raises(tombstones.Wrong) as wrong:
            install.install(conn, policy, picture, None)
        assert f"{place}: " in wrong.value.what
        assert what in wrong.value.what
        with pytest.raises(tombstones.Wrong, match=what):
            install.render(conn, policy, picture)
    assert ward.ask("select * from people order by id") == before


def test_a_column_that_it_needs_is_a_mistake_of_the_policy(ledger: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"people.email may not be NULL, and the tombstone has no value for it"):  # fmt: skip
        office.opened(ledger, tmp_path, SCHEMA, TABLES, **promised({"id": 0}))


@pytest.mark.parametrize(
    ("more", "mistake"),
    [
        ("create table files (id bigint primary key, visit_id bigint not null references visits)", "and the tombstone of a person is a row of people"),
        ("create unique index on people (id, role); create table files (id bigint primary key, visit_id bigint not null, r text not null, foreign key (visit_id, r) references people (id, role))", "and a tombstone is named by one column alone"),
    ],
)  # fmt: skip
def test_what_it_cannot_stand_for_is_a_mistake(
    ledger: str, tmp_path: Path, more: str, mistake: str
) -> None:
    said = {"files": {"personal": "none", "because": "x", "author": {"visit_id": "tombstone"}}}
    with pytest.raises(AssertionError, match=mistake):
        office.opened(ledger, tmp_path, f"{SCHEMA}; set role office_owner; {more}; reset role;", TABLES | said, **promised())  # fmt: skip


def test_the_owners_code_becomes_nobody_else_while_it_is_made(ward: Office) -> None:
    """A superuser makes the row, and a trigger of the table's owner runs: it stays the owner."""
    ward.ask(
        "delete from people where id = 0; create table seen_as (who text); grant all on seen_as to public"
    )
    ward.ask(
        """create function public.peeks() returns trigger language plpgsql as $$ begin
               begin execute 'reset role'; exception when others then null; end;
               perform set_config('search_path', 'public', false);
               insert into public.seen_as values (current_user); return new; end $$;
           create trigger peeks before insert on people for each row execute function peeks()"""
    )  # fmt: skip
    with psycopg.connect(ward.admin, autocommit=True) as conn:
        tombstones.make(conn, ward.policy, catalog.read(conn))
    assert ward.ask("select who from seen_as") == ["office_owner"]
    assert ward.ask("select count(*) from people where id = 0") == [1]


def test_a_key_that_somebody_has_in_another_table_is_no_tombstone(ward: Office) -> None:
    """A device that is 0 is written by a device: its rows are left alone, and so is who wrote as device 1."""
    ward.ask("insert into devices values (0); insert into notes values (9, 'Device', 0, 'x')")
    assert ward.erase().failures == ()
    assert ward.ask("select writer_id from notes where writer_type = 'Device' order by note_id") == [1, 0]  # fmt: skip


def test_somebody_who_writes_meanwhile_is_found(
    ward: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign key keeps Anna out; by type and number she is written down, found, and replaced in the next run."""
    let_go = erase.statements.let_go

    def meanwhile(reach: Any) -> Any:
        if ward.states() == {1: "processing"}:
            ward.ask("insert into notes values (8, 'Person', 1, 'late')")
        return let_go(reach)

    monkeypatch.setattr(erase.statements, "let_go", meanwhile)
    assert any("notes.writer_id" in f.target for f in ward.erase().failures)
    monkeypatch.undo()
    assert ward.states() == {1: "processing"}
    assert ward.erase().failures == ()
    assert ward.ask("select writer_id from notes where note_id = 8") == [0]


def test_a_trigger_that_puts_back_what_is_cleared_changes_nothing(
    ledger: str, tmp_path: Path
) -> None:
    """A kept row is counted as cleared only if it is."""
    kept = {"clear": ["person_id", "addressee"], "because": "proof that it was honoured"}
    asked = {"requests": {"owner": {"person": "person_id"}, "keep": kept}}
    more = "set role office_owner; alter table requests add column addressee text; reset role;"
    made = office.opened(ledger, tmp_path, SCHEMA + more, TABLES | asked, **promised())
    made.asks(1)
    made.ask(
        """update requests set addressee = 'her';
           create function public.back() returns trigger language plpgsql as $$ begin
               new.addressee := old.addressee; return new; end $$;
           create trigger back before update on requests for each row execute function back()"""
    )
    made.say(made.policy.model_dump(mode="json", exclude_unset=True))
    outcome = made.erase()
    assert "requests: 1 row found beforehand, and 0 would have gone" in outcome.failures[0].what
    assert made.ask("select count(*) from people") == [5]


def test_init_says_the_line_and_changes_nothing(
    ward: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    ward.ask("delete from people where id = 0; drop schema lifecycle cascade")
    said = ward.policy.model_dump(mode="json", exclude_unset=True)
    said["subjects"]["person"]["tombstone"]["id"] = 3
    text = json.dumps(said, indent=1)
    (tmp_path / "policy.yaml").write_text(text)
    monkeypatch.setenv("LIFECYCLE_POLICY", str(tmp_path / "policy.yaml"))
    monkeypatch.setenv("LIFECYCLE_DSN", f"{ward.admin} user=lifecycle")
    line = 1 + [row.strip() for row in text.splitlines()].index('"id": 3,')
    for words in (["init"], ["init", "--print-sql"]):
        assert cli.carry_out([*words, "--dsn", ward.admin]) == 2
        told = capsys.readouterr().err
        assert f"policy.yaml:{line}: subjects.person.tombstone.id: it collides" in told
    assert ward.ask("select to_regnamespace('lifecycle')") == [None]


@pytest.mark.parametrize(
    ("unique", "mistaken"),
    [("unique (nurse_id, day)", True), ("unique (nurse_id, n), unique (n)", False)],
)
def test_a_tombstone_cannot_be_the_author_of_two_rows_where_that_must_be_unique(
    ledger: str, tmp_path: Path, unique: str, mistaken: bool
) -> None:
    """Seen before as SQLSTATE 23505 in the night of the second one, and in every night after."""
    subjects = copy.deepcopy(office.POLICY["subjects"])
    subjects["person"]["tombstone"] = {"id": 0, "email": "erased@example.invalid", "role": "nobody"}
    made = f"create table rounds (n int, nurse_id bigint not null references people, day date, {unique}); reset role;"
    tables: dict[str, Any] = {
        "rounds": {"personal": "none", "because": "x", "author": {"nurse_id": "tombstone"}}
    }
    people = "insert into people values (0, 'erased@example.invalid', null, 'nobody');"

    def opened() -> office.Office:
        return office.opened(ledger, tmp_path, people + made, tables, subjects=subjects)

    if mistaken:
        with pytest.raises(
            AssertionError, match="day, nurse_id is unique, and rows of two who are gone"
        ):
            opened()
    else:
        assert opened()


@pytest.mark.parametrize(
    ("rule", "mistaken"),
    [
        ("create unique index on remarks (author_id)", True),
        ("create unique index on remarks (author_id) where person_id > 0", True),
        ("create unique index on remarks (person_id) where author_id > 0", True),
        ("create unique index on remarks (author_id, (person_id + 0))", True),
        ("create unique index on remarks ((author_id + 0))", True),
        ("alter table remarks add exclude using btree (author_id with =) where (person_id > 0)", True),
        ("alter table remarks add unique (author_id) deferrable", True),
        ("create unique index on remarks (id, author_id) where person_id > 0", False),
        ("create index on remarks (author_id) where person_id > 0", False),
    ],
)  # fmt: skip
def test_an_author_that_no_two_rows_may_share_cannot_be_the_tombstone(
    ledger: str, tmp_path: Path, rule: str, mistaken: bool
) -> None:
    """The second who is gone would have failed at it every night."""
    schema = f"""
        set role office_owner;
        create table remarks (id bigint primary key, person_id bigint references people,
                            author_id bigint not null references people);
        {rule}; reset role;"""
    remarks = {"owner": {"person": "person_id"}, "author": {"author_id": "tombstone"}}
    if not mistaken:
        office.opened(
            ledger, tmp_path, SCHEMA + schema, {**TABLES, "remarks": remarks}, **promised()
        )
        return
    with pytest.raises(AssertionError, match="is unique, and rows of two who are gone"):
        office.opened(
            ledger, tmp_path, SCHEMA + schema, {**TABLES, "remarks": remarks}, **promised()
        )
