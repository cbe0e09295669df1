"""What rows and keys show is not asked: a household's members, a list of words, Django's types, what people did themselves."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import drafts

PEOPLE = """
    create table clients (id int primary key, email text not null);
    insert into clients select n, format('c%s@example.org', n) from generate_series(1, 200) n;
"""


@pytest.fixture
def admin(database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute(PEOPLE.encode())
        yield opened


def line(admin: Connection[TupleRow], table: str) -> str:
    """Return the line of a table in the draft."""
    return drafts.lines(drafts.drafted(admin.info.dsn, "clients"))[table]


HOUSEHOLDS = """
    create table households (id int primary key, street text);
    alter table clients add household_id int references households;
    insert into households select n, 'Main St' from generate_series(1, 80) n;
"""


def test_a_household_is_shared_by_the_few_who_live_there(admin: Connection[TupleRow]):
    admin.execute(HOUSEHOLDS.encode())
    admin.execute("update clients set household_id = 1 + id % 80")
    assert line(admin, "households").startswith(
        "{owner: {client: {shared_by: clients.household_id}}}  # "
    )
    for other in (
        "update clients set household_id = 1 + id % 2",
        "update clients set household_id = case when id <= 80 then id end",
        "update clients set household_id = 1 + id % 80; create table meters (id int, household_id int references households)",
    ):
        admin.execute(other.encode())
        asked = "DECIDE: several people share it: does it go with the last of them? (clients.household_id)"
        assert asked in line(admin, "households")
    admin.execute(
        "drop table meters; alter table households rename to accounts"
    )  # it may be a firm's
    assert asked in line(admin, "accounts")


TESTS = """
    create table quizzes (id int primary key, title text);
    create table attempts (id int primary key, quiz_id int references quizzes, taken_by_id int not null references clients, score int);
    create table answers (id int primary key, attempt_id int not null references attempts, chosen int);
    insert into quizzes values (1, 'sums');
    insert into attempts select n, 1, 1 + n % 180, 7 from generate_series(1, 500) n;
    insert into answers select n, n, 1 from generate_series(1, 500) n;
"""


def test_what_many_people_did_for_themselves_goes_with_them(admin: Connection[TupleRow]):
    admin.execute(TESTS.encode())
    assert line(admin, "attempts").startswith("{owner: {client: taken_by_id}}  # by foreign key")
    assert line(admin, "answers").startswith("{owner: {client: {through: [attempt_id]}}}  # ")
    written = "DECIDE: did these people write the row, or is it about them?"
    admin.execute("alter table answers add client_id int references clients")
    assert written in line(admin, "attempts")
    admin.execute("alter table answers drop client_id; alter table attempts add email text")
    assert written in line(admin, "attempts")
    admin.execute(
        "alter table attempts drop email; alter table attempts alter taken_by_id drop not null"
    )
    assert written in line(admin, "attempts")


def test_whom_the_database_itself_forgets_only_wrote_the_row(admin: Connection[TupleRow]):
    admin.execute(
        "create table entries (id int primary key, client_id int not null references clients);"
        " create table files (id int primary key, entry_id int not null references entries on delete cascade,"
        " uploaded_by int references clients on delete set null);"
        " insert into entries select n, 1 + n % 180 from generate_series(1, 500) n;"
        " insert into files select n, n, 1 + n % 190 from generate_series(1, 500) n"
    )
    assert line(admin, "files").startswith(
        "{owner: {client: {through: [entry_id]}}, author: {uploaded_by: set null}}  # "
    )
    admin.execute(
        "alter table files drop constraint files_uploaded_by_fkey, add foreign key (uploaded_by) references clients"
    )
    asked = "DECIDE: two people stand in the row: with whom does it go? (uploaded_by, and whoever owns its entries)"
    assert asked in line(admin, "files")


DJANGO = """
    create table kinds (id int primary key, app_label text not null, model text not null);
    create table people_pet (id int primary key, client_id int not null references clients);
    create table papers (id int primary key, content_type_id int not null references kinds, object_id int not null);
    insert into kinds values (4, 'people', 'pet'), (5, 'shop', 'thing');
    insert into people_pet select n, 1 + n % 180 from generate_series(1, 500) n;
    insert into papers select n, 4, n from generate_series(1, 300) n;
"""


def test_a_type_may_be_a_key_of_a_list_of_types(admin: Connection[TupleRow]):
    admin.execute(DJANGO.encode())
    led = '{references: {object_id: {type: content_type_id, of: {"4": "people_pet(id)"}}}, owner: {client: {through: [object_id]}}}'
    assert line(admin, "papers").startswith(led)
    admin.execute("insert into papers values (1000, 5, 1)")
    assert "DECIDE: does a column that no foreign key explains" in line(admin, "papers")


def test_words_alone_are_a_list_although_no_key_leads_to_them(admin: Connection[TupleRow]):
    admin.execute(
        "create table plants (id int primary key, name_of text, height numeric, created_at timestamptz);"
        " insert into plants select n, 'tall grass', 2 from generate_series(1, 300) n"
    )
    assert "DECIDE" not in line(admin, "plants")
    for telling in (
        "update plants set name_of = 'Client;17' where id = 7",
        "update plants set name_of = 'AB-17' where id = 7",
        "update plants set name_of = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6' where id = 7",
        "update plants set name_of = 'c17@example.org' where id = 7",
        "update plants set name_of = 'grass'; alter table plants add seen_on date",
        "alter table plants drop seen_on, add copies int; update plants set copies = id",
        "alter table plants drop copies, add name text",
    ):
        admin.execute(telling.encode())
        assert "DECIDE" in line(admin, "plants"), telling


def test_people_choose_from_what_is_there_before_them(admin: Connection[TupleRow]):
    admin.execute(
        "create table conditions (id int primary key, label text);"
        " create table client_conditions_users (condition_id int not null references conditions,"
        " client_id int not null references clients, primary key (condition_id, client_id));"
        " insert into conditions select n, 'x' from generate_series(1, 40) n;"
        " insert into client_conditions_users select 1 + n % 40, n from generate_series(1, 200) n"
    )
    assert "DECIDE" not in line(admin, "conditions")
    admin.execute("alter table conditions add begun_on date")
    assert "DECIDE: several people share it" in line(admin, "conditions")


def test_a_log_that_the_audit_section_keeps_is_not_asked_about_as_proof(
    admin: Connection[TupleRow],
):
    admin.execute(
        "create table audit_log (id int primary key, client_id int references clients, actor_id int references clients,"
        " table_name text, record_id text, old_values jsonb, new_values jsonb);"
        " insert into audit_log select n, 1 + n % 180, null, 'x', 'x', '{}', '{}' from generate_series(1, 300) n"
    )
    assert "DECIDE" not in line(admin, "audit_log")


def test_who_changed_a_row_later_does_not_own_it(admin: Connection[TupleRow]):
    """However many they are: the row was there before, and hangs on something else."""
    admin.execute(
        b"""
        create table shops (id int primary key, title text);
        insert into shops select n, 'a shop' from generate_series(1, 40) n;
        create table prices (id int primary key, shop_id int not null references shops,
                             last_edited_by_id int references clients, updater_id int not null references clients,
                             label text);
        insert into prices select n, 1 + n % 40, 1 + n % 190, 1 + n % 9, 'a thing' from generate_series(1, 400) n;
        """
    )
    said = line(admin, "prices")
    assert said.startswith("{personal: none, because: \"nobody's: 400 rows")
    assert "author: {last_edited_by_id: set null, updater_id: tombstone}" in said


def test_the_few_who_made_vouchers_do_not_own_them(admin: Connection[TupleRow]):
    admin.execute(
        b"""
        create table vouchers (id int primary key, code text, issued_by_id int references clients);
        insert into vouchers select n, format('Code %s', n), 1 + n % 12 from generate_series(1, 40) n;
        create table used (id int primary key, voucher_id int not null references vouchers);
        """
    )
    said = line(admin, "vouchers")
    assert said.startswith("{personal: none, because: \"nobody's: 40 rows")
    assert "author: {issued_by_id: set null}" in said
    admin.execute(b"update vouchers set issued_by_id = id")  # as many as there are vouchers
    assert "DECIDE" in line(admin, "vouchers")


def test_a_database_that_forgets_everybody_alike_says_nothing_of_one_row(
    admin: Connection[TupleRow],
):
    """A tool writes it to each key that may be NULL; where some hold on, somebody has chosen."""
    admin.execute(
        b"""
        create table tickets (id int primary key, requester_id int references clients on delete set null, words text);
        insert into tickets select n, 1 + n % 180, 'some words' from generate_series(1, 400) n;
        do $$ begin
            for n in 1..30 loop
                execute format('create table of%s (id int primary key, ticket_id int references tickets on delete set null)', n);
            end loop;
        end $$
        """
    )
    assert line(admin, "tickets").startswith("{owner: {client: requester_id}}  # by foreign key")
    admin.execute(
        b"create table notes (id int, a int references tickets, b int references tickets)"
    )
    assert "set to NULL by the database" in line(admin, "tickets")


def test_a_row_about_one_person_is_not_shared_by_who_takes_part(admin: Connection[TupleRow]):
    admin.execute(
        b"""
        create table appointments (id int primary key, client_id int not null references clients);
        insert into appointments select n, 1 + n % 190 from generate_series(1, 500) n;
        create table study_memberships (id int primary key, client_id int not null references clients,
                                        appointment_id int references appointments);
        insert into study_memberships select n, 1 + n % 190, n from generate_series(1, 300) n;
        """
    )
    assert line(admin, "appointments").startswith("{owner: {client: client_id}}  # by foreign key")


def test_an_address_that_tells_who_wrote_a_row_is_an_author(admin: Connection[TupleRow]):
    admin.execute(
        b"""
        create table prompts (id int primary key, words text, updated_by text);
        insert into prompts select n, 'some words', format('c%s@example.org', 1 + n % 15) from generate_series(1, 60) n;
        create table answers (id int primary key, prompt_id int not null references prompts, points int);
        """
    )
    said = line(admin, "prompts")
    assert 'references: {updated_by: {to: "clients(email)", form: email}}' in said
    assert "DECIDE" not in said and "{updated_by: set null}" in said


def test_numbers_and_addresses_of_theirs_in_another_table_are_identifiers(
    admin: Connection[TupleRow],
):
    admin.execute(
        b"""
        create table contacts (id int primary key, client_id int not null references clients, kind text, value text);
        insert into contacts select n, 1 + n % 190, 'phone', format('+49 170 %s', 1000000 + n) from generate_series(1, 400) n;
        create table relatives (id int primary key, client_id int not null references clients, full_name text, phone text);
        insert into relatives select n, 1 + n % 190, 'Ann Lee', format('+49 170 %s', 2000000 + n) from generate_series(1, 400) n;
        """
    )
    text = drafts.drafted(admin.info.dsn, "clients")
    assert "      - {column: contacts.value, form: phone}\n" in text
    assert "relatives." not in text.partition("tables:")[0]
    admin.execute(b"update contacts set value = 'by letter' where id > 150")
    assert "    identifiers: [email]  #" in drafts.drafted(admin.info.dsn, "clients")
