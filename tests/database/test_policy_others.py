"""What schemas of other people's taught: rows that are about somebody else are asked about, and things are no people."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import drafts

PEOPLE = """
    create table users (id int primary key, email text not null);
    insert into users select n, format('u%s@example.org', n) from generate_series(1, 200) n;
"""


@pytest.fixture
def admin(database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute(PEOPLE.encode())
        yield opened


def lines(admin: Connection[TupleRow], sql: str) -> dict[str, str]:
    """Return table -> its line in the draft, after this was done to the database."""
    admin.execute(sql.encode())
    return drafts.lines(drafts.drafted(admin.info.dsn, "users"))


def test_settings_with_an_address_to_write_to_do_not_go_with_whoever_has_it(
    admin: Connection[TupleRow],
):
    found = lines(
        admin,
        "create table team_settings (id int primary key, reply_to text);"
        " create table teams (id int primary key, team_settings_id int not null references team_settings);"
        " insert into team_settings select n, case when n > 8 then format('u%s@example.org', n) end from generate_series(1, 60) n;"
        " insert into teams select n, n from generate_series(1, 60) n",
    )
    asked = "DECIDE: do people stand in it by an address or a name alone? (reply_to)"
    assert "personal: none" in found["team_settings"] and asked in found["team_settings"]
    assert "DECIDE: a part of team_settings (team_settings_id)" in found["teams"]
    found = lines(admin, "update team_settings set reply_to = format('u%s@example.org', id)")
    assert found["team_settings"].endswith(
        "owner: {user: {through: [reply_to]}}}  # a part of its users"
    )


MESSAGES = """
    create table messages (id int primary key, sender_id int not null references users, reader_id int references users,
                           sender_name text, words text, hidden_by int references users);
    insert into messages select n, 1 + n * 7 % 150, 1 + n * 11 % 170, 'x', 'hello', 1 + n % 3 from generate_series(1, 500) n;
"""


def test_a_row_between_two_of_the_same_people_stays_while_one_of_them_is_there(
    admin: Connection[TupleRow],
):
    found = lines(admin, MESSAGES)
    assert found["messages"].startswith(
        "{owner: {user: {party: {reader_id: [], sender_id: [sender_name]}}}, author: {hidden_by: set null}}  # "
    )
    assert '    tombstone: {id: 0, email: "erased@example.invalid"}  # ' in drafts.drafted(
        admin.info.dsn, "users"
    )


@pytest.mark.parametrize(
    "otherwise",
    [
        "update messages set reader_id = 171 + id % 30",  # other people
        "update messages set reader_id = case when id % 2 = 0 then reader_id end",  # half of them have no reader
        "update messages set reader_id = sender_id",  # to themselves
        "alter table messages rename reader_id to user_id",  # called like the person
        "alter table messages rename reader_id to nurse_id",  # called like one who works
        "alter table messages drop constraint messages_reader_id_fkey, add foreign key (reader_id) references users on delete set null",
    ],
)
def test_a_row_between_two_others_is_asked_about(admin: Connection[TupleRow], otherwise: str):
    found = lines(admin, MESSAGES + otherwise)
    assert "party" not in found["messages"] and "DECIDE" in found["messages"]


def test_whoever_did_something_to_somebody_does_not_take_the_row_about_them_along(
    admin: Connection[TupleRow],
):
    found = lines(
        admin,
        "create table mod_actions (id int primary key, creator_id int not null references users, subject_type text not null,"
        " subject_id int not null, reason text);"
        " insert into mod_actions select n, 1 + n % 150, 'User', 1 + n % 170, 'rude' from generate_series(1, 400) n;"
        " create table likes (id int primary key, creator_id int not null references users, liked_type text not null,"
        " liked_id int not null);"
        " insert into likes select n, 1 + n % 150, 'User', 1 + n % 170 from generate_series(1, 400) n",
    )
    asked = "DECIDE: two people stand in the row: with whom does it go?"
    assert f"{asked} (creator_id, subject_id)" in found["mod_actions"]
    assert "DECIDE" not in found["likes"]  # no word in it is about anybody


def test_who_is_called_like_the_person_is_not_set_aside_for_another_one(
    admin: Connection[TupleRow],
):
    found = lines(
        admin,
        "create table contexts (id int primary key, user_id int not null references users, peer_id int references users);"
        " insert into contexts select n, 1 + n % 50, 1 + n % 190 from generate_series(1, 400) n;"
        " create table codes (id int primary key, creator_id int not null references users, redeemer_id int references users,"
        " code text);"
        " insert into codes select n, 1 + n % 8, 1 + n % 190, 'x' from generate_series(1, 400) n",
    )
    assert "DECIDE: two people stand in the row" in found["contexts"]
    asked = "DECIDE: would the row stay without the person? (redeemer_id may be NULL, and creator_id may not)"
    assert asked in found["codes"]


def test_an_address_beside_a_person_is_not_by_itself_whose_the_row_is(admin: Connection[TupleRow]):
    found = lines(
        admin,
        "create table mailboxes (id int primary key, creator_id int references users, backup_email text);"
        " insert into mailboxes select n, 1 + n % 90, format('u%s@example.org', n) from generate_series(1, 150) n;"
        " create table alarms (id int primary key, written_to text, check_name text);"
        " insert into alarms select n, format('u%s@example.org', 1 + n % 12), 'x' from generate_series(1, 150) n",
    )
    asked = "DECIDE: two people stand in the row: with whom does it go? (creator_id, backup_email)"
    assert asked in found["mailboxes"]
    asked = "DECIDE: did these people write the row, or is it about them? (written_to: 12 addresses in 150 rows)"
    assert asked in found["alarms"]


def test_who_signs_an_owners_paper_is_somebody_else(admin: Connection[TupleRow]):
    found = lines(
        admin,
        "create table envelopes (id int primary key, user_id int not null references users);"
        " create table recipients (id int primary key, envelope_id int not null references envelopes, email text not null,"
        " full_name text);"
        " insert into envelopes select n, 1 + n % 180 from generate_series(1, 300) n;"
        " insert into recipients select n, n, format('u%s@example.org', 201 - (1 + n % 180)), 'x' from generate_series(1, 300) n",
    )
    asked = "whoever owns its envelopes, and whose address stands in email"
    assert asked in found["recipients"]


def test_a_few_people_who_use_something_are_not_a_staff_that_writes(admin: Connection[TupleRow]):
    found = lines(
        admin,
        "create table searches (id int primary key, user_id int not null references users, query text);"
        " insert into searches select n, 1 + n % 45, 'x' from generate_series(1, 400) n;"
        " create table lines (id int primary key, sender_id int not null references users, words text);"
        " insert into lines select n, 1 + n % 45, 'x' from generate_series(1, 400) n;"
        " create table redactions (id int primary key, user_id int not null references users, words text);"
        " insert into redactions select n, 1 + n % 9, 'x' from generate_series(1, 400) n",
    )
    assert "DECIDE" not in found["searches"] + found["lines"]
    assert "DECIDE: did these people write the row" in found["redactions"]


def test_whether_a_fee_was_waived_is_no_sum(admin: Connection[TupleRow]):
    found = lines(
        admin,
        "create table outings (id int primary key, user_id int not null references users, fee_waived boolean, total_on date);"
        " insert into outings select n, 1 + n % 180 from generate_series(1, 300) n",
    )
    assert "DECIDE" not in found["outings"]
    found = lines(admin, "alter table outings add fee int")
    assert "DECIDE: is it money" in found["outings"]


def test_numbers_that_a_program_made_up_and_names_of_things_are_nobodys(
    admin: Connection[TupleRow],
):
    found = lines(
        admin,
        "create table depots (id int primary key, carrier_name text, provider_id text, token_id uuid);"
        " insert into depots select n, 'depot ' || n, 'txn_' || substr(md5(n::text), 1, 12) || 'a1', gen_random_uuid()"
        " from generate_series(1, 80) n; create table crates (id int primary key, depot_id int references depots)",
    )
    assert "DECIDE" not in found["depots"]
    for telling in (
        "update depots set carrier_name = 'Anna Berg'",
        "update depots set carrier_name = 'x', provider_id = 'User:' || id",
        "update depots set provider_id = 'txn_' || id",
    ):
        assert "DECIDE" in lines(admin, telling)["depots"], telling


def test_of_books_the_answer_that_keeps_them_stands_beside_the_question(
    admin: Connection[TupleRow],
):
    found = lines(
        admin,
        "create table invoices (id int primary key, user_id int not null references users, bill_to text, payer_name text,"
        " created_at timestamptz, issued_on date, net int);"
        " insert into invoices select n, 1 + n % 180, format('u%s@example.org', n % 180), 'Anna Berg', now(), now(), 5"
        " from generate_series(1, 300) n",
    )
    kept = "keep: {clear: [user_id, bill_to, payer_name], because: ..., until: 10 years after issued_on, ground: ...}"
    assert found["invoices"].endswith(f"# or, on which ground? {kept}")
    assert "DECIDE: is it money, an agreement or proof" in found["invoices"]
