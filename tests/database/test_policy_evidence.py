"""What a draft reads of rows: counts only, within a time, and what the rows say decides what is asked."""

import re
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.policy import evidence, generate
from lifecycle.policy.evidence import Evidence, Seen
from lifecycle.postgres import catalog, connect

HOSPITAL = """
    create table users (id int primary key, email text not null);
    create table pressures (id int primary key, patient_id int not null references users,
                            nurse_id int not null references users, phone text);
    create table remarks (id int primary key, written_for int not null references users, words text);
    create table messages (id int primary key, sender_id int references users, reader_id int references users);
    create table visits (id int primary key, user_id int not null references users);
    create table clicks (id int primary key, user_id int);
    insert into users select n, format('u%s@example.org', n) from generate_series(1, 200) n;
    insert into pressures select n, 1 + n % 190, 191 + n % 8, '+49 170 1234567' from generate_series(1, 1000) n;
    insert into remarks select n, 191 + n % 8, 'thirsty' from generate_series(1, 1000) n;
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
    assert seen.of("pressures", "phone") == Seen(filled=0, distinct=0)
    assert seen.of("users", "email").alike == 200
    assert seen.of("clicks", "user_id") == Seen(filled=400, distinct=180, known=400)
    assert seen.quoting == {"users": 200, "clicks": 0}
    assert "example.org" not in repr(seen)


def test_who_wrote_many_rows_is_not_taken_for_whom_they_are_about(conn: Connection[TupleRow]):
    lines = drafted(conn)
    written = "DECIDE: did these people write the row, or is it about them? (written_for: 8 people in 1000 rows)"
    assert lines["remarks"] == f'{{owner: {{user: written_for}}, because: "{written}"}}'
    assert lines["pressures"].startswith('{owner: {user: patient_id}, because: "DECIDE: ')
    by_key = "by foreign key: 180 people in 400 rows looked at"
    assert lines["visits"] == f"{{owner: {{user: user_id}}}}  # {by_key}"


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


def test_without_time_nothing_is_read_and_all_that_rows_would_have_said_is_asked(
    conn: Connection[TupleRow],
):
    assert looked(conn, timedelta(0)) == evidence.NOTHING


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
    assert seen.rows.keys() == {"users", "pressures", "clicks"}
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("drop owned by hidden_owner; drop role hidden_owner")
