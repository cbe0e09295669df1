"""Rows that no foreign key leads to are erased with their person: by type and id, by an address, by a path into JSON."""

from pathlib import Path
from typing import Any

import pytest

from gdpr import erase
from gdpr.foresee import foresee
from lifecycle.errors import Refused
from lifecycle.outcome import Outcome, Verdict
from tests.database import office
from tests.database.office import Office

SCHEMA = """
    create table visits (visit_id bigint primary key, person_id bigint not null references people, note text);
    create table comments (comment_id bigint primary key, about_type text, about_id bigint, words text);
    create index on comments (about_type, about_id);
    create table marks (mark_id bigint primary key, of_type text not null, of_id bigint, colour text);
    create table waiting (entry_id bigint primary key, address text, number text);
    create table events (event_id bigint primary key, payload jsonb);
    create table products (id bigint primary key);
    insert into products values (1), (11);
    insert into visits values (11, 1), (12, 1), (21, 2);
    -- Anna is 1, and so is a product; her visits are 11 and 12, and so is a product.
    insert into comments values (1, 'Person', 1, 'of Anna'), (2, 'Visit', 11, 'of her visit'), (3, 'Product', 1, 'of a product'),
        (4, 'Person', 2, 'of Berta'), (5, 'Visit', 21, 'of his'), (6, 'Product', 11, 'of another'), (7, 'Person', 11, 'nobody');
    insert into marks values (1, 'Person', 1, 'red'), (2, 'Visit', 12, 'blue'), (3, 'Visit', 21, 'red'), (4, 'Product', 1, 'red');
    insert into waiting values (1, ' ANNA@x.example', null), (2, 'carl@x.example', null), (3, null, '0170/12 34 567');
    insert into events values (1, '{"visitor": {"id": 1}}'), (2, '{"visitor": {"id": "2"}}'), (3, '{"visitor": {"id": "1"}}');
    reset role;
"""
OF = {"Person": "people(id)", "Visit": "visits(visit_id)", "Product": "products(id)"}
TABLES: dict[str, Any] = {
    "visits": {"owner": {"person": "person_id"}},
    "comments": {
        "references": {"about_id": {"type": "about_type", "of": OF}},
        "owner": {"person": {"through": ["about_id"]}},
    },
    "marks": {
        "references": {"of_id": {"type": "of_type", "of": OF}},
        "personal": "none",
        "because": "colours",
        "mentions": {"of_id": "set null"},
    },
    "waiting": {
        "references": {
            "address": {"to": "people(email)", "form": "email"},
            "number": {"to": "people(phone)", "form": "phone"},
        },
        "owner": {"person": {"through": ["address", "number"]}},
    },
    "events": {
        "references": {
            "visitor": {"columns": ["payload"], "path": "$.visitor.id", "to": "people(id)"}
        },
        "owner": {"person": {"through": ["visitor"]}},
    },
    "products": {"personal": "none", "because": "goods"},
}


@pytest.fixture
def letters(ledger: str, tmp_path: Path) -> Office:
    """An office where Anna, who is 1, has asked to be forgotten."""
    made = office.opened(ledger, tmp_path, SCHEMA, TABLES)
    made.asks(1)
    return made


def rows(letters: Office, table: str, key: str) -> list[Any]:
    return letters.ask(f"select {key} from {table} order by 1")


def test_rows_that_only_a_type_an_address_or_a_path_leads_to_go_with_their_person(
    letters: Office,
) -> None:
    outcome = letters.erase()
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert letters.states() == {1: "completed"}
    assert rows(letters, "comments", "comment_id") == [3, 4, 5, 6, 7]
    assert rows(letters, "marks", "mark_id, of_id") == [(1, None), (2, None), (3, 21), (4, 1)]
    assert rows(letters, "waiting", "entry_id") == [2]
    assert rows(letters, "events", "event_id") == [2]
    assert letters.evidence("gdpr.deleted") == {
        "comments": 2, "events": 2, "people": 1, "visits": 2, "waiting": 2,
    }  # fmt: skip
    assert letters.evidence("gdpr.mention_cleared") == {"marks.of_id": 2}


def test_the_plan_counts_them_and_names_where_no_index_serves(letters: Office) -> None:
    shown = letters.plan()
    costs = {(step.verb, step.target): step.cost for step in shown.decision.steps}
    assert costs["delete", "comments"] == "2 rows"
    assert costs["set null", "marks.of_id"] == "2 rows"
    said = "\n".join(shown.decision.notes)
    assert "comments" not in said  # it has one
    assert "marks.of_id (Visit): all of marks" in said
    assert "create index concurrently on marks (of_type, of_id)" in said
    assert "events.visitor: all of events" in said
    assert letters.erase(shown).failures == ()


def refused(letters: Office, *words: str) -> None:
    """Assert that nothing was touched, and why."""
    before = letters.ask("select count(*) from people")
    outcome = letters.erase()
    assert outcome.verdict is Verdict.FAIL
    assert len(outcome.failures) == 1
    for word in words:
        assert word in outcome.failures[0].what, outcome.failures
    assert letters.states() == {1: "pending"}
    assert letters.ask("select count(*) from people") == before


@pytest.mark.parametrize("kind", ["'person'", "'App\\Models\\Person'", "null", "' Person'"])
def test_a_type_in_another_spelling_or_none_stops_it_before_anything_is_touched(
    letters: Office, kind: str
) -> None:
    letters.ask(f"insert into comments values (9, {kind}, 1, 'about somebody')")
    refused(letters, "1 row of comments would lead to the person by about_id", "does not name")


def test_a_type_in_another_spelling_of_what_leads_to_somebody_else_is_in_nobodys_way(
    letters: Office,
) -> None:
    letters.ask("insert into comments values (9, 'person', 3, 'x'), (10, null, 21, 'x')")
    assert letters.erase().failures == ()
    assert rows(letters, "comments", "comment_id") == [3, 4, 5, 6, 7, 9, 10]


def test_a_row_that_leads_to_two_people_stops_it(letters: Office) -> None:
    """By a path with several values, and by an address that two people go by in two spellings."""
    letters.ask("insert into people values (4, 'Anna@X.example')")
    refused(letters, "1 row of waiting lead by address to the person and to somebody else as well")


def test_an_event_of_two_visitors_stops_it(letters: Office) -> None:
    tables = TABLES | {
        "events": TABLES["events"]
        | {
            "references": {
                "visitor": {"columns": ["payload"], "path": "$.visitor[*].id", "to": "people(id)"}
            }
        }
    }
    letters.say(office.under(letters.policy.database, tables))
    letters.ask("""insert into events values (9, '{"visitor": [{"id": 1}, {"id": 2}]}')""")
    refused(letters, "1 row of events lead by visitor to the person and to somebody else as well")


def test_numbers_that_end_alike_are_two_peoples(letters: Office) -> None:
    """212 555 0123 and 312 555 0123 have the same last nine digits: the stranger's row stays."""
    letters.ask("insert into waiting values (7, null, '(312) 555-0123'), (8, null, '+1 212 555 0123')")  # fmt: skip
    letters.ask("delete from requests")
    letters.asks(2)
    assert letters.erase().failures == ()
    assert rows(letters, "waiting", "entry_id") == [1, 2, 3, 7]


def test_a_row_written_meanwhile_is_found_afterwards_and_the_request_stays_open(
    letters: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names a visit that is gone, by a number that no foreign key holds: no predicate of its own could see it."""
    outcome = late(
        letters,
        "insert into comments values (9, 'Visit', 11, 'late'); insert into marks values (9, 'Person', 1, 'late')",
        monkeypatch,
    )
    assert {f.target.rpartition(": ")[2] for f in outcome.failures} == {
        "comments.about_id (Visit)", "marks.of_id (Person)", "marks.of_id",
    }  # fmt: skip
    assert letters.states() == {1: "processing"}
    assert "lead to what was the person's" in " ".join(f.what for f in outcome.failures)
    letters.ask("delete from comments where comment_id = 9")
    assert letters.erase().failures == ()  # what names her key itself is emptied by the next run
    assert letters.states() == {1: "completed"}
    assert letters.ask("select of_id from marks where mark_id = 9") == [None]


def late(letters: Office, statements: str, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Erase, while somebody else writes this after the transaction has begun to read."""
    let_go = erase.statements.let_go

    def meanwhile(reach: Any) -> Any:
        if letters.states() == {1: "processing"}:
            letters.ask(statements)
        return let_go(reach)

    monkeypatch.setattr(erase.statements, "let_go", meanwhile)
    outcome = letters.erase()
    monkeypatch.undo()
    return outcome


def test_a_trigger_that_puts_the_pointer_back_is_seen_before_anything_is_kept(
    letters: Office,
) -> None:
    letters.ask(
        """create function public.put_back() returns trigger language plpgsql as $$ begin
               new.of_id := old.of_id; return new; end $$;
           create trigger put_back before update on marks for each row execute function put_back()"""
    )
    letters.say(office.under(letters.policy.database, TABLES))
    outcome = letters.erase()
    assert "marks.of_id: 2 rows found beforehand, and 0 would" in outcome.failures[0].what
    assert letters.ask("select count(*) from people") == [3]
    assert letters.states() == {1: "pending"}


def test_a_declared_archive_that_goes_on_naming_her_is_seen_before_anything_is_kept(
    letters: Office,
) -> None:
    letters.ask(
        """create function public.files() returns trigger language plpgsql security definer as $$ begin
               insert into public.marks values (100 + old.visit_id, 'Person', old.person_id); return old; end $$;
           create trigger files before delete on visits for each row execute function files()"""
    )
    letters.say(office.under(letters.policy.database, TABLES), does="archives to marks")
    outcome = letters.erase()
    assert "would still lead to the person" in outcome.failures[0].what
    assert "marks.of_id (Person) (2 rows)" in outcome.failures[0].what
    assert letters.ask("select count(*) from people") == [3]
    assert letters.states() == {1: "pending"}


def test_the_rehearsal_of_one_person_counts_them_too(letters: Office) -> None:
    seen = foresee(letters.system(), None, "1")
    assert seen.found is not None
    assert seen.found.rows.deleted["comments"] == 2
    assert seen.found.rows.mentions == {"marks.of_id": 2}
    letters.ask("insert into comments values (9, 'person', 1, 'x')")
    assert any("does not name" in why for why in foresee(letters.system(), None, "1").refusals)


def test_two_columns_that_refer_are_emptied_together(ledger: str, tmp_path: Path) -> None:
    schema = """
        create table parcels (shop bigint, no bigint, person_id bigint not null references people, primary key (shop, no));
        create table scans (scan_id bigint primary key, shop_no bigint, parcel_no bigint);
        insert into parcels values (5, 1, 1), (6, 1, 2);
        insert into scans values (1, 5, 1), (2, 6, 1), (3, 5, 2);
        reset role;
    """
    tables = {
        "parcels": {"owner": {"person": "person_id"}},
        "scans": {
            "references": {"parcel": {"columns": ["shop_no", "parcel_no"], "to": "parcels(shop, no)"}},
            "mentions": {"parcel": "set null"},
            "personal": "none",
            "because": "counts",
        },
    }  # fmt: skip
    made = office.opened(ledger, tmp_path, schema, tables)
    made.asks(1)
    assert made.erase().failures == ()
    assert made.ask("select scan_id, shop_no, parcel_no from scans order by 1") == [
        (1, None, None), (2, 6, 1), (3, 5, 2),
    ]  # fmt: skip


def test_a_key_beyond_what_a_narrow_column_holds_is_no_error(ledger: str, tmp_path: Path) -> None:
    schema = """
        create table notes (note_id bigint primary key, person_no integer);
        insert into people values (5000000000, 'far@x.example');
        insert into notes values (1, 1);
        reset role;
    """
    tables = {
        "notes": {
            "references": {"person_no": {"to": "people(id)"}},
            "owner": {"person": {"through": ["person_no"]}},
        }
    }
    made = office.opened(ledger, tmp_path, schema, tables)
    made.asks(5000000000)
    assert made.erase().failures == ()
    assert made.ask("select note_id from notes") == [1]


MENTIONED = {"who": {"columns": ["payload"], "path": "$.all[*].id", "to": "people(id)"}}


def mentioned(
    ledger: str, directory: Path, path: str, how: str = "jsonb", word: str = "mentions"
) -> Office:
    schema = (
        f"create table events (event_id bigint primary key, payload {how}, other text); reset role;"
    )
    tables: dict[str, Any] = {
        "events": {
            "references": {"who": MENTIONED["who"] | {"path": path}},
            word: {"who": "set null"},
            "personal": "none",
            "because": "x",
        }
    }
    made = office.opened(ledger, directory, schema, tables)
    made.asks(1)
    return made


@pytest.mark.parametrize("how", ["jsonb", "json"])
@pytest.mark.parametrize("word", ["mentions", "author"])
def test_a_value_is_taken_out_of_json_alone_wherever_the_path_leads(
    ledger: str, tmp_path: Path, how: str, word: str
) -> None:
    made = mentioned(ledger, tmp_path, "$.all[*].id", how, word)
    made.ask(
        """insert into events values (1, '{"all": [{"id": 1, "n": 1.10}, {"id": 2}, {"id": [3, 1]}], "id": 1}', 'x'),
           (2, '{"all": {"id": "1"}}', 'x'), (3, '{"all": [{"id": 2}]}', 'x'), (4, '{"all": [{"id": 11}]}', 'x')"""
    )
    assert {(s.verb, s.target): s.rows for s in made.plan().decision.steps}[
        "set null", "events.who"
    ] == 2
    assert made.erase().failures == ()
    assert made.states() == {1: "completed"}
    assert made.ask("select payload::jsonb::text from events order by event_id") == [
        '{"id": 1, "all": [{"n": 1.10, "id": null}, {"id": 2}, {"id": [3, null]}]}',
        '{"all": {"id": null}}', '{"all": [{"id": 2}]}', '{"all": [{"id": 11}]}',
    ]  # fmt: skip


def test_what_names_the_person_beside_it_in_the_document_holds_the_erasure(
    ledger: str, tmp_path: Path
) -> None:
    made = mentioned(ledger, tmp_path, "$.who")
    made.ask("""insert into events values (1, '{"who": 1, "mail": "anna@x.example"}', 'x')""")
    [failure] = made.erase().failures
    assert "would still stand in events.payload, beside who" in failure.what
    assert made.states() == {1: "pending"}
    assert made.ask("select payload ->> 'who' from events") == ["1"]


def test_a_trigger_that_puts_it_back_is_found_before_anything_is_kept(
    ledger: str, tmp_path: Path
) -> None:
    made = mentioned(ledger, tmp_path, "$.who")
    made.ask(
        """insert into events values (1, '{"who": 1}', 'x');
           create function back() returns trigger language plpgsql as $$ begin new.payload := old.payload; return new; end $$;
           create trigger back before update on events for each row execute function back()"""
    )
    made.say(made.policy.model_dump(mode="json", exclude_none=True))
    [failure] = made.erase().failures
    assert "a row would say something else" in failure.what
    assert made.states() == {1: "pending"}


@pytest.mark.parametrize("path", ["strict $.who", "$.who ? (@ > 0)", "$.**.who", "$.who.double()"])
def test_a_path_that_does_not_say_where_its_values_stand_is_refused_still(
    ledger: str, tmp_path: Path, path: str
) -> None:
    made = mentioned(ledger, tmp_path, path)
    with pytest.raises(Refused, match=r"tables\.events\.references\.who"):
        made.erase()


EVENTS = """create table events (event_id bigint primary key, payload jsonb);
            insert into events values (1, '{"who": [1, 2]}'), (2, '{"who": 1}'), (3, '{"who": 2}'), (4, '{"who": null}');
            reset role;"""
WHO = {"who": {"columns": ["payload"], "path": "$.who", "to": "people(id)"}}


def test_a_list_under_a_path_leads_to_each_of_its_values(ledger: str, tmp_path: Path) -> None:
    """Seen before as a list that was passed over: the row stayed, and named the person for the proof to find alone."""
    tables = {"events": {"references": WHO, "owner": {"person": {"through": ["who"]}}}}
    made = office.opened(ledger, tmp_path, EVENTS.replace("[1, 2]", "[1]"), tables)
    made.asks(1)
    assert made.erase().failures == ()
    assert made.ask("select event_id from events order by 1") == [3, 4]


@pytest.mark.parametrize("there", ['{"id": 1}', "[[1]]", "[2, {}]"])
def test_what_is_no_value_under_a_path_is_refused_by_name_and_never_passed_over(
    ledger: str, tmp_path: Path, there: str
) -> None:
    tables = {"events": {"references": WHO, "owner": {"person": {"through": ["who"]}}}}
    made = office.opened(ledger, tmp_path, EVENTS.replace("[1, 2]", there), tables)
    made.asks(1)
    [refused] = made.plan().decision.refusals
    assert "1 row of events have an object or a list of lists under the path of who" in refused.what
    assert [f.what for f in made.erase().failures] == [refused.what]
    assert made.ask("select count(*) from events") == [4]


def test_an_identifier_that_is_an_object_under_its_path_is_refused_by_name(
    ledger: str, tmp_path: Path
) -> None:
    named = ["email", {"column": "people.more", "path": "$.mail"}]
    subjects = {"person": {"table": "people", "key": "id", "identifiers": named}}
    schema = """alter table people add column more jsonb;
                update people set more = '{"mail": {"work": "anna@y.example"}}' where id = 1; reset role;"""
    made = office.opened(ledger, tmp_path, schema, {}, subjects=subjects)
    made.asks(1)
    [refused] = made.plan().decision.refusals
    assert (
        "1 value of theirs in people.more under the path of an identifier is an object"
        in refused.what
    )
    assert made.states() == {1: "pending"}
