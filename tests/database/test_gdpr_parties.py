"""Rows of several people: they stay while one party stays, without the half of who is gone, and go with the last."""

import copy
from pathlib import Path
from typing import Any

import pytest

from gdpr.foresee import foresee
from gdpr.foretell import lines
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from tests.database import office
from tests.database.office import Office
from tests.database.test_holds import hold

SCHEMA = """
    create table messages (message_id bigint primary key, sender_id bigint references people, reader_id bigint references people,
                           sender_name text, words text);
    create table attachments (file text primary key, message_id bigint not null references messages);
    create table calls (call_id bigint primary key, caller_id bigint not null references people,
                        called_id bigint not null references people, number text);
    create index on messages (sender_id); create index on messages (reader_id);
    insert into messages values
        (1, 1, 2, 'Anna', 'from Anna'), (2, 2, 1, 'Berta', 'to Anna'), (3, 1, null, 'Anna', 'the last'),
        (4, 1, 1, 'Anna', 'to herself'), (5, 2, 3, 'Berta', 'of others'), (6, null, 1, null, 'from who is gone'),
        (7, null, null, null, 'nobody''s');
    insert into attachments values ('one', 1), ('three', 3), ('five', 5);
    insert into calls values (1, 1, 2, '111'), (2, 2, 1, '222'), (3, 1, 0, '333'), (4, 0, 1, '444'), (5, 2, 3, '555');
    reset role;
"""
PEOPLE = "insert into people values (0, 'erased@example.invalid', null, 'nobody');"
TABLES: dict[str, Any] = {
    "messages": {"owner": {"person": {"party": {"sender_id": ["sender_name"], "reader_id": []}}}},
    "attachments": {"owner": {"person": {"through": ["message_id"]}}},
    "calls": {"owner": {"person": {"party": {"caller_id": ["number"], "called_id": []}}}},
}
STONE = {"id": 0, "email": "erased@example.invalid", "role": "nobody"}


@pytest.fixture
def post(ledger: str, tmp_path: Path) -> Office:
    """An office where Anna, who is 1, has asked to be forgotten."""
    subjects = copy.deepcopy(office.POLICY["subjects"])
    subjects["person"]["tombstone"] = STONE
    made = office.opened(ledger, tmp_path, PEOPLE + SCHEMA, TABLES, subjects=subjects)
    made.asks(1)
    return made


def messages(post: Office) -> list[Any]:
    return post.ask("select message_id, sender_id, reader_id, sender_name from messages order by 1")


def test_a_row_stays_for_the_other_without_their_half_and_goes_with_the_last(post: Office) -> None:
    shown = post.plan()
    steps = {(s.verb, s.target): s.rows for s in shown.decision.steps}
    assert steps["delete", "messages"] == 3
    assert steps["set null", "messages.sender_id"] == 1
    assert steps["set null", "messages.reader_id"] == 1
    assert steps["set null", "calls.number"] == 1
    assert steps["set tombstone", "calls.caller_id"] == 1
    assert steps["set tombstone", "calls.called_id"] == 1
    text = " ".join("\n".join(lines(foresee(post.system(), None, "1"))).split())
    assert "Shared with others, and would stay while they are there: 5 rows in 3 places" in text
    assert "without the half of who goes: 5 rows in 5 places" in text
    outcome = post.erase(shown)
    assert (outcome.verdict, outcome.failures) == (Verdict.UNVERIFIED, ())
    assert post.states() == {1: "completed"}
    assert messages(post) == [
        (1, None, 2, None), (2, 2, None, "Berta"), (5, 2, 3, "Berta"), (7, None, None, None),
    ]  # fmt: skip
    assert post.ask("select file from attachments order by 1") == ["five", "one"]
    assert post.ask("select * from calls order by 1") == [
        (1, 0, 2, None), (2, 2, 0, "222"), (5, 2, 3, "555"),
    ]  # fmt: skip


def test_a_tombstone_that_stands_where_nothing_needs_to_is_nobody(post: Office) -> None:
    """Seen before as a row that stayed for good: its column may be NULL, and names the tombstone all the same."""
    post.ask("insert into messages values (8, 1, 0, 'Anna', 'the application put the tombstone')")
    assert post.erase().failures == ()
    assert post.ask("select count(*) from messages where message_id = 8") == [0]


def test_a_party_of_another_kind_keeps_the_row_too(ledger: str, tmp_path: Path) -> None:
    """Seen before as a row of a nurse's that went with the last patient in it."""
    who = {"table": "people", "key": "id", "identifiers": ["email"]}
    subjects = {"person": who | {"where": {"role": "member"}}, "nurse": who | {"where": {"role": "staff"}}}  # fmt: skip
    schema = """
        alter table people drop constraint a_role;
        update people set role = 'member' where id <> 3;
        create table talks (talk_id bigint primary key, a bigint references people, b bigint references people,
                            nurse bigint references people, second bigint references people);
        insert into talks values (1, 1, null, 3, null), (2, 1, null, null, null), (3, 1, 2, null, null);
        reset role;
    """
    parts: dict[str, Any] = {"person": {"party": {"a": [], "b": []}}, "nurse": {"party": {"nurse": [], "second": []}}}  # fmt: skip
    tables: dict[str, Any] = {
        "people": {"owner": {"person": "id", "nurse": "id"}},
        "talks": {"owner": parts},
    }
    post = office.opened(ledger, tmp_path, schema, tables, subjects=subjects)
    post.asks(1)
    assert post.erase().failures == ()
    assert post.ask("select talk_id, a, b, nurse from talks order by 1") == [
        (1, None, None, 3), (3, None, 2, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("unique", "mistaken"), [("unique (a, b)", True), ("unique (a, n), unique (n)", False)]
)
def test_two_who_are_gone_are_not_both_the_tombstone_where_that_must_be_unique(
    ledger: str, tmp_path: Path, unique: str, mistaken: bool
) -> None:
    """Seen before as SQLSTATE 23505 in the night of the second one, and in every night after."""
    subjects = copy.deepcopy(office.POLICY["subjects"])
    subjects["person"]["tombstone"] = STONE
    made = f"""create table talks (n int, a bigint not null references people, b bigint not null references people,
                                   {unique}); reset role;"""
    tables: dict[str, Any] = {"talks": {"owner": {"person": {"party": {"a": [], "b": []}}}}}

    def opened() -> Office:
        return office.opened(ledger, tmp_path, PEOPLE + made, tables, subjects=subjects)

    if mistaken:
        with pytest.raises(AssertionError, match="a, b is unique, and rows of two who are gone"):
            opened()
    else:
        assert opened()


def test_when_the_other_goes_too_nothing_of_both_is_left(post: Office) -> None:
    assert post.erase().failures == ()
    post.asks(2)
    assert post.erase().failures == ()
    assert messages(post) == [(5, None, 3, None), (7, None, None, None)]
    assert post.ask("select * from calls order by 1") == [(5, 0, 3, None)]
    assert post.states() == {1: "completed", 2: "completed"}


def test_of_two_who_ask_in_one_night_the_rows_between_them_go(post: Office) -> None:
    post.asks(2)
    assert post.erase().failures == ()
    assert messages(post) == [(5, None, 3, None), (7, None, None, None)]


def test_what_stays_for_another_is_otherwise_as_it_was(post: Office) -> None:
    """A trigger that also empties the words of a row that stays takes more than the policy says."""
    post.ask(
        """create function hush() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
           as $$ begin new.words := null; return new; end $$;
           create trigger hush before update on messages for each row execute function hush()"""
    )
    post.say(post.policy.model_dump(mode="json", exclude_unset=True))
    before = messages(post)
    [failure] = post.erase().failures
    assert "more than sender_id would have changed" in failure.what
    assert (messages(post), post.states()) == (before, {1: "pending"})


def test_a_hold_on_one_party_keeps_the_rows_that_are_of_both(post: Office) -> None:
    hold(post.system(), What("person", subject="person", key="2"))
    before = messages(post)
    outcome = post.erase()
    assert "hold" in outcome.failures[0].what
    assert (messages(post), post.states()) == (before, {1: "pending"})


def test_a_message_that_comes_as_the_request_is_claimed_loses_its_half_too(post: Office) -> None:
    """By a reference of the policy's alone, which no foreign key keeps out."""
    policy = post.policy.model_dump(mode="json", exclude_unset=True)
    post.ask("alter table messages drop constraint messages_reader_id_fkey")
    policy["tables"]["messages"]["references"] = {"reader_id": {"to": "people(id)"}}
    post.say(policy)
    post.ask(
        """create function again() returns trigger language plpgsql security definer
           set search_path = pg_catalog, public, pg_temp as
           $$ begin insert into messages values (99, 2, 1, 'Berta', 'too late'); return null; end $$;
           create constraint trigger again after update on requests deferrable initially deferred for each row
               when (old.state = 'pending' and new.state = 'processing') execute function again()"""
    )
    post.say(policy, does="archives to messages")
    assert post.erase().failures == ()
    assert (99, 2, None, "Berta") in messages(post)
    assert post.ask("select count(*) from messages where reader_id = 1 or sender_id = 1") == [0]


def test_the_tombstone_stands_for_a_party_in_a_column_that_leads_to_the_people_alone(
    ledger: str, tmp_path: Path
) -> None:
    """Seen before as half of a talk given to whoever had the account with the tombstone's number."""
    subjects = copy.deepcopy(office.POLICY["subjects"])
    subjects["person"]["tombstone"] = STONE
    schema = """
        create table accounts (id bigint primary key, person_id bigint not null references people);
        create table talks (talk_id bigint primary key, a bigint not null references accounts, b bigint references accounts);
        reset role;
    """
    tables: dict[str, Any] = {
        "accounts": {"owner": {"person": "person_id"}},
        "talks": {"owner": {"person": {"party": {"a": [], "b": []}}}},
    }
    with pytest.raises(AssertionError, match="the tombstone of a person is a row of people"):
        office.opened(ledger, tmp_path, PEOPLE + schema, tables, subjects=subjects)
