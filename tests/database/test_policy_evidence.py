"""What a draft reads of rows: counts only, within a time, and what the rows say decides what is asked."""

import re
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.policy import evidence, generate
from lifecycle.policy.asking import asking
from lifecycle.policy.seen import NOTHING, Evidence, Seen
from lifecycle.postgres import catalog, connect

HOSPITAL = """
    create table users (id int primary key, email text not null);
    create table kinds (id int primary key, label text);
    create table pressures (id int primary key, patient_id int not null references users,
                            nurse_id int not null references users, phone text);
    create table remarks (id int primary key, written_for int not null references users, words text);
    create table letters (id int primary key, about_type text not null, about_id int not null, words text);
    create table devices (id int primary key, user_id int not null references users);
    create table readings (id int primary key, device_id int not null, pulse int not null);
    create table waiting (id int primary key, address text not null);
    create table blocks (one_id int not null references users, other_id int not null references users,
                         primary key (one_id, other_id));
    create table leaflets (id int primary key, author_id int not null references users, kind_id int references kinds);
    create table messages (id int primary key, sender_id int references users, reader_id int references users);
    create table visits (id int primary key, user_id int not null references users);
    create table clicks (id int primary key, user_id int);
    insert into users select n, format('u%s@example.org', n) from generate_series(1, 200) n;
    insert into pressures select n, 1 + n % 190, 191 + n % 8, '+49 170 1234567' from generate_series(1, 1000) n;
    insert into remarks select n, 191 + n % 8, 'thirsty' from generate_series(1, 1000) n;
    insert into kinds values (1, 'short'), (2, 'long');
    insert into devices select n, n from generate_series(1, 150) n;
    insert into readings select n, 1 + n % 150, 70 from generate_series(1, 900) n;
    insert into letters select n, case n % 2 when 0 then 'User' else 'Device' end, 1 + n % 150, 'kind' from generate_series(1, 300) n;
    insert into waiting select n, format('U%s@example.org', n) from generate_series(150, 260) n;
    insert into blocks select n, 201 - n from generate_series(1, 180) n;
    insert into leaflets select n, 191 + n % 8, 1 + n % 2 from generate_series(1, 300) n;
    insert into messages select n, 1 + n % 150, 1 + n % 170 from generate_series(1, 500) n;
    insert into visits select n, 1 + n % 180 from generate_series(1, 400) n;
    insert into clicks select n, 1 + n % 180 from generate_series(1, 400) n;
"""


@pytest.fixture
def conn(database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(HOSPITAL.encode())
    with connect.connect(database, "test", write=False) as opened:
        yield opened


def looked(conn: Connection[TupleRow], budget: timedelta = evidence.BUDGET) -> Evidence:
    seen = catalog.read(conn)
    return evidence.read(conn, seen, seen.tables["users"], "id", budget)


def drafted(conn: Connection[TupleRow]) -> dict[str, str]:
    """Return table -> its line in the draft."""
    seen = catalog.read(conn)
    text = generate.draft(seen, generate.subject(seen, "users.id"), looked(conn))
    return dict(re.findall(r"^  (\w+): (\{.*)$", text, re.MULTILINE))


def test_counts_are_all_that_is_brought_home(conn: Connection[TupleRow]):
    seen = looked(conn)
    assert seen.rows["pressures"] == 1000
    assert seen.of("pressures", "patient_id") == Seen(filled=1000, distinct=190, known=0)
    assert seen.of("pressures", "nurse_id") == Seen(filled=1000, distinct=8, known=0)
    assert seen.of("pressures", "phone") == Seen(filled=0, distinct=0, alike=1000)
    assert seen.of("users", "email").alike == 200
    assert seen.of("clicks", "user_id") == Seen(filled=400, distinct=180, known=400)
    assert seen.quoting.items() >= {"users": 200, "clicks": 0, "waiting": 51}.items()
    assert "example.org" not in repr(seen)


def test_who_wrote_many_rows_is_not_taken_for_whom_they_are_about(conn: Connection[TupleRow]):
    lines = drafted(conn)
    written = "DECIDE: did these people write the row, or is it about them? (written_for: 8 people in 1000 rows)"
    assert lines["remarks"] == f'{{owner: {{user: written_for}}, because: "{written}"}}'
    assert lines["pressures"].startswith(
        "{owner: {user: patient_id}, author: {nurse_id: tombstone}}  # "
    )
    by_key = "by foreign key: 180 people in 400 rows looked at"
    assert lines["visits"] == f"{{owner: {{user: user_id}}}}  # {by_key}"


def test_who_wrote_rows_that_are_about_nobody_is_their_author(conn: Connection[TupleRow]):
    line = drafted(conn)["leaflets"]
    assert line.startswith("{personal: none, because: \"nobody's: 300 rows looked at")
    assert line.endswith(", author: {author_id: tombstone}}")


def test_the_tombstone_has_a_value_for_each_column_that_needs_one(conn: Connection[TupleRow]):
    seen = catalog.read(conn)
    text = generate.draft(seen, generate.subject(seen, "users.id"), looked(conn))
    assert '    tombstone: {id: 0, email: "erased@example.invalid"}  # ' in text


def test_a_row_that_says_only_that_two_people_belong_together_goes_with_either(
    conn: Connection[TupleRow],
):
    assert drafted(conn)["blocks"].startswith("{owner: {user: {through: [one_id, other_id]}}}  # ")


def test_a_column_leads_where_all_its_values_are(conn: Connection[TupleRow]):
    lines = drafted(conn)
    to_devices = (
        '{references: {device_id: {to: "devices(id)"}}, owner: {user: {through: [device_id]}}}'
    )
    assert lines["readings"].startswith(to_devices)
    of = '{Device: "devices(id)", User: "users(id)"}'
    by_type = f"{{references: {{about_id: {{type: about_type, of: {of}}}}}, owner: {{user: {{through: [about_id]}}}}}}"
    assert lines["letters"].startswith(by_type)
    by_address = '{references: {address: {to: "users(email)", form: email}}, owner: {user: {through: [address]}}}'
    assert lines["waiting"].startswith(by_address)


def test_a_number_that_each_person_has_alone_leads_to_them(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "alter table users add card text unique; update users set card = 'K-' || 1000 + id;"
            " create table loans (id int primary key, borrower text, title text);"
            " insert into loans select n, 'K-' || 1000 + 1 + n % 180, 'a book' from generate_series(1, 400) n"
        )
    to_card = '{references: {borrower: {to: "users(card)"}}, owner: {user: {through: [borrower]}}}'
    assert drafted(conn)["loans"].startswith(to_card)


def test_columns_that_are_a_foreign_key_elsewhere_lead_to_the_same_place(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "alter table users add firm int not null default 1, add no int; update users set no = id;"
            " alter table users add unique (firm, no);"
            " create table stays (id int primary key, firm int, user_no int, foreign key (firm, user_no) references users (firm, no));"
            " create table old_stays (nights int, firm int, user_no int);"
            " insert into old_stays select n, 1, 1 + n % 180 from generate_series(1, 400) n"
        )
    led = '{references: {user_no: {columns: [firm, user_no], to: "users(firm, no)"}}, owner: {user: {through: [user_no]}}}'
    assert drafted(conn)["old_stays"].startswith(led)


def test_a_type_that_no_table_is_called_by_or_a_value_that_is_not_there_is_no_reference(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("insert into letters values (1000, 'Ship', 1, 'x')")
        admin.execute("insert into readings values (1000, 999, 70)")
    lines = drafted(conn)
    asked = 'personal: none, because: "DECIDE: does a column that no foreign key explains lead to people? ('
    assert lines["letters"] == "{" + asked + 'about_id)"}'
    assert lines["readings"] == "{" + asked + 'device_id)"}'


def test_a_row_with_two_people_is_asked_about(conn: Connection[TupleRow]):
    asked = "DECIDE: two people stand in the row: with whom does it go? (reader_id, sender_id)"
    assert asked in drafted(conn)["messages"]


def test_a_column_without_a_foreign_key_is_believed_when_its_values_are_peoples_keys(
    conn: Connection[TupleRow], database: str
):
    assert "DECIDE" not in drafted(conn)["clicks"]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("update clicks set user_id = user_id + 1000000 where id % 2 = 0")
    asked = "DECIDE: is this the person, though no foreign key says so? (user_id: 200 of 400 values are people's keys)"
    assert asked in drafted(conn)["clicks"]


def test_a_row_that_the_database_ends_with_either_of_two_people_goes_with_either(
    conn: Connection[TupleRow], database: str
):
    thanks = (
        "create table thanks (id int primary key, from_id int not null references users{0},"
        " to_id int not null references users{0}, words text);"
        " insert into thanks select n, 1 + n % 150, 1 + n % 170 from generate_series(1, 500) n"
    )
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(thanks.format("").encode())
        assert "DECIDE: two people stand in the row" in drafted(conn)["thanks"]
        admin.execute(b"drop table thanks")
        admin.execute(thanks.format(" on delete cascade").encode())
    assert drafted(conn)["thanks"].startswith("{owner: {user: {through: [from_id, to_id]}}}  # ")


def test_a_reference_that_every_row_has_is_one_though_it_may_be_null(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create table tokens (id int primary key, visit_id int references visits, word text);"
            " insert into tokens select n, 1 + n % 190, 'x' from generate_series(1, 900) n"
        )
        assert drafted(conn)["tokens"].startswith("{owner: {user: {through: [visit_id]}}}  # ")
        admin.execute("update tokens set visit_id = null where id % 9 = 0")
    assert "DECIDE: does the row go with the one it points to? (visits)" in drafted(conn)["tokens"]


def test_what_points_back_to_the_row_it_belongs_to_is_no_part_of_it(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create table topics (id int primary key, first_visit_id int references visits, title text);"
            " alter table visits add topic_id int references topics;"
            " insert into topics select n, 1 + n % 100, 'x' from generate_series(1, 300) n"
        )
    assert "DECIDE" in drafted(conn)["topics"]


def test_json_is_nobodys_where_no_key_of_it_is_called_like_somebodys(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create table questions (id int primary key, kind_id int not null references kinds, options jsonb);"
            """ insert into questions select n, 1, '{"label": "yes", "points": 3}' from generate_series(1, 60) n"""
        )
        assert "DECIDE" not in drafted(conn)["questions"]
        for telling in ('{"userId": 17}', '{"seen": [17]}', '{"by": "x"}'):
            admin.execute("update questions set options = %s::text::jsonb where id = 7", (telling,))
            asked = "DECIDE: is this nobody's data? (anything can stand in options)"
            assert asked in drafted(conn)["questions"]


def test_a_row_of_many_people_is_not_the_data_of_the_one_who_points_to_it(
    conn: Connection[TupleRow], database: str
):
    asked = "DECIDE: is each row the data of the one person who points to it? (bookings)"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create table places (id int primary key, street text);"
            " create table bookings (id int primary key, user_id int not null references users, place_id int references places);"
            " insert into places select n, 'Main St' from generate_series(1, 60) n;"
            " insert into bookings select n, 1 + n % 180, 1 + n % 60 from generate_series(1, 100) n"
        )
        assert asked in drafted(conn)["places"]
        admin.execute("insert into places select n, 'Main St' from generate_series(61, 200) n")
        assert asked in drafted(conn)["places"]
        admin.execute("alter table places add kind_id int not null default 1 references kinds")
        assert "DECIDE" not in drafted(conn)["places"]
        admin.execute(
            "delete from places where id > 60; alter table visits add place_id int references places"
        )
        admin.execute("update visits set place_id = 1 + id % 40")
    assert "DECIDE" not in drafted(conn)["places"]


def test_a_thing_to_which_crowds_belong_is_of_none_of_them(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create table studies (id int primary key, title text);"
            " create table participants (id int primary key, study_id int not null references studies,"
            " user_id int not null references users, since date);"
            " insert into studies values (1, 'sleep'), (2, 'food');"
            " insert into participants select n, 1 + n % 2, n from generate_series(1, 180) n"
        )
        assert "DECIDE" not in drafted(conn)["studies"]
        admin.execute("insert into studies select n, 'x' from generate_series(3, 60) n")
        admin.execute("update participants set study_id = 1 + id % 60")
    asked = "DECIDE: several people share it: does it go with the last of them? (participants)"
    assert asked in drafted(conn)["studies"]


def test_without_time_nothing_is_read_and_all_that_rows_would_have_said_is_asked(
    conn: Connection[TupleRow],
):
    assert looked(conn, timedelta(0)) == NOTHING


def test_where_no_time_is_left_not_even_a_short_question_is_asked(conn: Connection[TupleRow]):
    with pytest.raises(psycopg.errors.QueryCanceled), asking(conn, "users", timedelta(0)):
        pass


def test_a_table_that_takes_longer_than_the_time_left_is_left_out(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("insert into clicks select n, n from generate_series(1000, 50000) n")
        admin.execute("analyze")
    seen = looked(conn, timedelta(milliseconds=1))
    assert "clicks" not in seen.rows
    assert looked(conn).rows["clicks"] == 10_000


def test_what_may_not_be_read_is_no_evidence_and_no_mistake(
    conn: Connection[TupleRow], database: str
):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "alter table visits enable row level security; alter table visits force row level security"
        )
        admin.execute("create role hidden_owner")
        admin.execute(
            "alter table visits owner to hidden_owner; alter table remarks owner to hidden_owner;"
            " grant all on users to hidden_owner; revoke all on remarks from hidden_owner"
        )
    with psycopg.connect(database) as other:
        other.execute("lock table messages in access exclusive mode")
        seen = looked(conn)
    assert not seen.rows.keys() & {"visits", "remarks", "messages"}
    assert {"users", "pressures", "clicks"} <= seen.rows.keys()
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("drop owned by hidden_owner; drop role hidden_owner")
