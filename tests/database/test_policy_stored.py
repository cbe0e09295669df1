"""What rows hold against what a policy says of them: each mistake and note, on the tables of docs/whose.md."""

import copy
import json
import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.config.mistake import dotted
from lifecycle.errors import Unreachable
from lifecycle.policy import check, reality, stored, whole
from lifecycle.policy.model import Policy
from lifecycle.policy.reality import Compared
from lifecycle.postgres import catalog, connect
from tests.database.test_whose import GOOD, SCHEMA

ROWS = """
    insert into users (role, email) select case when n % 4 = 0 then 'nurse' else 'patient' end, format('u%s@x.example', n)
      from generate_series(1, 80) n;
    insert into contacts (user_id, kind, value) select n, 'phone', '+49 170 ' || 1000000 + n from generate_series(1, 80) n;
    insert into old_emails (user_id, email, ended_at) select n, format('old%s@x.example', n), now() from generate_series(1, 80) n;
    insert into changes (user_id, table_name, old_values) select n, 'users', jsonb_build_object('email', format('was%s@x.example', n))
      from generate_series(1, 80) n;
    insert into visits (patient_id, nurse_id) select n, 4 from generate_series(1, 80) n;
    insert into letters (about_type, about_id, words) select case when n % 2 = 0 then 'User' else 'Visit' end, n, 'dear'
      from generate_series(1, 80) n;
    insert into devices select 'S' || n, n from generate_series(1, 80) n;
    insert into readings select 'S' || n, now(), 60 from generate_series(1, 80) n;
    insert into events (payload) select jsonb_build_object('visitor', jsonb_build_object('id', n)) from generate_series(1, 80) n;
    insert into waiting_list (address) select format('U%s@X.example', n) from generate_series(1, 80) n;
    insert into imports (user_id, rows_read) select n, 5 from generate_series(1, 80) n;
"""


@pytest.fixture
def practice(database: str) -> str:
    """A database with the tables of the page and rows that are as its policy says."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(SCHEMA.encode())
        conn.execute(ROWS.encode())
    return database


def changed(dsn: str, change: dict[str, Any]) -> Policy:
    data = copy.deepcopy(GOOD) | {"database": conninfo_to_dict(dsn)["dbname"]}
    for path, value in change.items():
        *above, last = path.split("/")
        place: Any = data
        for part in above:
            place = place[int(part) if part.isdigit() else part]
        place[last] = value
    return whole.model().model_validate_json(json.dumps(data))


def found(
    dsn: str, change: dict[str, Any], budget: timedelta = stored.BUDGET, as_user: str = ""
) -> Compared:
    """Compare as the command does: rows are asked where everything else fits."""
    policy = changed(dsn, change)
    info = make_conninfo(dsn, user=as_user) if as_user else dsn
    with connect.connect(info, "test", write=False) as conn:
        picture = catalog.read(conn)
        assert not check.check(policy)
        assert not reality.compare(policy, picture).mistakes
        return stored.compare(conn, policy, picture, budget)


def told(dsn: str, change: dict[str, Any], sql: str = "") -> list[str]:
    if sql:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(sql.encode())
    return [f"{dotted(m.path)}: {m.what}; {m.instead}" for m in found(dsn, change).mistakes]


def test_rows_that_are_as_the_page_says_have_no_mistake_and_leave_nothing_unsaid(practice: str):
    compared = found(practice, {})
    assert compared == Compared((), ())


LETTERS = "tables/letters/references/about_id/of"


@pytest.mark.parametrize(
    ("change", "sql", "mistake"),
    [
        ({f"{LETTERS}/Device": "devices(wearer_id)"}, "", "tables.letters.references.about_id.of.Device: no row has 'Device' in letters.about_type; write the type as rows have it, or take the pair out"),
        ({}, "update letters set about_type = 'Parcel' where about_id <= 6", "tables.letters.references.about_id.of: 6 of 80 rows looked at in letters.about_type have a type that it does not name: Parcel (6); add each with where it leads, as `Visit: visits(visit_id)`"),
        ({"tables/events/references/visitor/path": "$.guest.id"}, "", "tables.events.references.visitor.path: nothing is under this path in any row of events.visitor; look where in payload the value stands, and write that path"),
        ({"tables/events/references/visitor/path": "$.visitor..id"}, "", "tables.events.references.visitor.path: PostgreSQL refuses to look for it in events.visitor (SQLSTATE 42601); write a jsonpath of PostgreSQL, as `$.visitor.id`"),
        ({"tables/events/references/visitor/path": "strict $.visitor.id"}, "insert into events (payload) values ('{}')", "tables.events.references.visitor.path: PostgreSQL refuses to look for it in events.visitor (SQLSTATE 2203A); leave `strict` out of it"),
        ({}, "update readings set device_serial = 'X' || device_serial", "tables.readings.references.device_serial.to: none of 80 values looked at in readings.device_serial is found in devices.serial; name the columns that have its values, or say how both are written, as `form: digits`"),
        ({}, "update waiting_list set address = 'not.' || address", "tables.waiting_list.references.address.to: none of 80 values looked at in waiting_list.address is found in users.email"),
        ({}, "update events set payload = jsonb_build_object('visitor', jsonb_build_object('id', event_id + 1000))", "tables.events.references.visitor.to: none of 80 values looked at in events.payload is found in users.user_id"),
        ({}, "update letters set about_id = about_id + 1000 where about_type = 'Visit'", "tables.letters.references.about_id.of.Visit: none of 40 values looked at in letters.about_id is found in visits.visit_id"),
        ({"tables/readings": {"owner": {"patient": "pulse"}, "text": "none", "because": "x"}}, "alter table readings alter pulse type bigint; update readings set pulse = 1000 + (select count(*) from readings r where r.device_serial < readings.device_serial)", "tables.readings.owner.patient: none of 80 values looked at in readings.pulse is found in users.user_id"),
        ({"tables/seen": {"copy_of": ["visits", "letters"]}}, "create view v as select 1 as one from visits; create materialized view seen as select count(*) from v", "tables.seen.copy_of[1]: seen does not read letters; name the tables that it is computed from"),
        ({"subjects/patient/where": {"role": ["patiant", "member"]}}, "", "subjects.patient.where: no row of users is so; write values that rows of users have in role"),
        ({"subjects/patient/identifiers/2/where": {"kind": "mobile"}}, "", "subjects.patient.identifiers[2].where: no row of contacts is so; write values that rows of contacts have in kind"),
        ({"subjects/patient/identifiers/4/path": "$.mail"}, "", "subjects.patient.identifiers[4].path: nothing is under this path in any row of changes.old_values; look where in old_values the value stands, and write that path"),
        ({"subjects/patient/identifiers/4/path": "$..email"}, "", "subjects.patient.identifiers[4].path: PostgreSQL refuses to look for it in changes.old_values (SQLSTATE 42601); write a jsonpath of PostgreSQL, as `$.visitor.id`"),
        ({"subjects/patient/identifiers/4/where": {"table_name": "people"}}, "", "subjects.patient.identifiers[4].where: no row of changes is so"),
        ({"subjects/patient/tombstone/user_id": 7}, "", "subjects.patient.tombstone.user_id: it collides: a row has this key, and is somebody else by its other values; choose a value of user_id that nobody has"),
        ({"subjects/patient/tombstone": {"user_id": 7, "role": "patient", "email": "none@x.example"}}, "", "subjects.patient.tombstone.user_id: it collides"),
        ({"subjects/patient/tombstone/email": "u7@x.example"}, "", "subjects.patient.tombstone.email: it collides: another row has this email, which must be unique; choose a value that nobody has"),
        ({"subjects/patient/tombstone/email": "U7@x.example"}, "create unique index on users (lower(email))", "subjects.patient.tombstone.email: it collides: another row has this email"),
        ({"subjects/patient/tombstone/role": "noone"}, "create type role as enum ('patient', 'nurse', 'nobody'); alter table users alter role type role using role::role", "subjects.patient.tombstone.role: public.role lists its values, and this is none of them; write one that it lists"),
        ({"subjects/patient/tombstone/joined": "yesterday-ish"}, "alter table users add joined date", "subjects.patient.tombstone.user_id: PostgreSQL refuses to look for it in users, the tombstone (SQLSTATE 22007); write values as their columns have them"),
        ({"subjects/patient/where": {"joined": "long ago"}}, "alter table users add joined date", "subjects.patient.where: PostgreSQL refuses to look for it in users (joined) (SQLSTATE 22007); write values that rows of users have in joined"),
    ],
)  # fmt: skip
def test_what_rows_contradict_is_told_with_its_place_and_what_to_write(
    practice: str, change: dict[str, Any], sql: str, mistake: str
):
    lines = told(practice, change, sql)
    assert [line for line in lines if line.startswith(mistake)], lines
    assert len(lines) == 1 + ("wrong" in sql), lines


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"subjects/patient/tombstone/user_id": 2**63}, "subjects.patient.tombstone.user_id: users.user_id is bigint, and 9223372036854775808 is beyond it; write a value that fits into the column"),
        ({"tables/visits/quotes": {}, "subjects/nurse/tombstone/role": "nobody at all"}, "subjects.nurse.tombstone.role: users.role is character varying(9), and 'nobody at all' is beyond it"),
    ],
)  # fmt: skip
def test_a_value_that_its_column_cannot_hold_is_a_mistake(
    practice: str, change: dict[str, Any], mistake: str
):
    with psycopg.connect(practice, autocommit=True) as conn:
        conn.execute("alter table users alter role type varchar(9)")
    with connect.connect(practice, "test", write=False) as conn:
        compared = reality.compare(changed(practice, change), catalog.read(conn))
    lines = [f"{dotted(m.path)}: {m.what}; {m.instead}" for m in compared.mistakes]
    assert len(lines) == 1
    assert lines[0].startswith(mistake)


def test_the_tombstones_own_row_is_no_collision(practice: str):
    sql = "insert into users (user_id, role, email) values (0, 'nobody', 'erased@example.invalid')"
    assert told(practice, {}, sql) == []
    (line,) = told(practice, {}, "update users set nickname = 'Anna' where user_id = 0")
    assert line.startswith("subjects.patient.tombstone.user_id: it collides")


def test_a_pair_may_lead_to_what_is_nobodys_and_then_has_a_name(practice: str):
    change = {f"{LETTERS}/Import": "imports(import_id)"}
    sql = "update letters set about_type = 'Import' where about_id <= 6"
    assert told(practice, change, sql) == []


def test_values_that_are_no_names_of_classes_are_counted_and_not_shown(practice: str):
    sql = "update letters set about_type = 'anna@x.example' where about_id <= 6"
    (line,) = told(practice, {}, sql)
    assert "6 of 80 rows looked at in letters.about_type have a type that it does not name;" in line
    sql = "update letters set about_type = 'Name' || about_id"
    lines = told(practice, {}, sql)
    assert len(lines) == 3
    assert not any(re.search(r"Name\d", line) for line in lines)


def test_few_different_words_that_may_be_names_of_people_are_not_shown(practice: str):
    sql = """delete from letters where about_id > 3;
             update letters set about_type = (array['Anna', 'Berta', 'Vist'])[about_id]"""
    (line, *_) = told(practice, {}, sql)
    assert "3 of 3 rows" in line
    assert ": Vist (1);" in line


def test_of_empty_tables_and_of_few_values_nothing_is_said_but_that(practice: str):
    with psycopg.connect(practice, autocommit=True) as conn:
        conn.execute("truncate events, letters; delete from readings where device_serial <> 'S1'")
        conn.execute("update readings set device_serial = 'none'")
    compared = found(practice, {})
    assert compared.mistakes == ()
    assert compared.notes == (
        "no row is there, so nothing can be said of letters.about_type, events.visitor, letters.about_id -> users.user_id, letters.about_id -> visits.visit_id, events.payload -> users.user_id",
        "fewer than 30 values, of which none is found where it leads: readings.device_serial -> devices.serial",
    )


def test_a_kind_that_a_sample_lacks_is_looked_for_in_the_whole_table(practice: str):
    """Two letters among 60,000 are about users: no sample has them, and they are there."""
    sql = """insert into letters (about_type, about_id, words) select 'Visit', 1 + n % 80, '' from generate_series(1, 60000) n;
             delete from letters where about_type = 'User' and about_id > 4; analyze letters"""
    assert told(practice, {}, sql) == []


def test_what_may_not_be_read_is_named_and_the_rest_is_read(practice: str):
    role = f"reader_{conninfo_to_dict(practice)['dbname']}"
    with psycopg.connect(practice, autocommit=True) as conn:
        conn.execute(
            f"""create role {role} login; grant select on all tables in schema public to {role};
                revoke select on readings from {role}; alter table events enable row level security;
                update waiting_list set address = 'not.' || address""".encode()
        )
        try:
            with psycopg.connect(practice) as other:
                other.execute("lock table imports in access exclusive mode")
                compared = found(practice, {}, as_user=role)
        finally:
            conn.execute(f"drop owned by {role}; drop role {role}".encode())
    assert [dotted(m.path) for m in compared.mistakes] == [
        "tables.waiting_list.references.address.to"
    ]
    assert compared.notes == (
        "the login has no right to read, or row security hides rows of events.visitor, readings.device_serial, events.payload",
        "somebody holds a lock on imports.user_id",
    )


def test_without_time_every_place_is_named(practice: str):
    compared = found(practice, {}, timedelta(0))
    assert compared.mistakes == ()
    (note,) = compared.notes
    assert note.startswith("there was no time left to look at letters.about_type, events.visitor, ")
    assert note.endswith("changes.old_values, changes (table_name), users, the tombstone")


def test_a_look_that_takes_too_long_is_a_note_and_leaves_time_for_the_others(practice: str):
    with psycopg.connect(practice, autocommit=True) as conn:
        conn.execute(
            """insert into events (payload) select (select jsonb_agg(i) from generate_series(1, 4000) i)
                 from generate_series(1, 100) n"""
        )
    every = '@.type() == "nothing"'
    slow = {"tables/events/references/visitor/path": f"$.** ? (exists ($.** ? ({every})))"}
    compared = found(practice, slow, timedelta(seconds=10))
    assert compared.mistakes == ()
    assert compared.notes[0].startswith("there was no time left to look at events.visitor")
    assert "users, the tombstone" not in compared.notes[0]


def test_code_of_a_types_owner_is_not_called(practice: str):
    with psycopg.connect(practice, autocommit=True) as conn:
        conn.execute(
            """create type role as enum ('patient', 'nurse', 'member', 'nobody');
               alter table users alter role type role using role::role;
               create function shout(role) returns text language plpgsql immutable as
                 $$ begin raise exception 'called'; end $$;
               create cast (role as text) with function shout(role) as implicit"""
        )
    with connect.connect(practice, "test", write=False) as conn:
        assert stored.compare(conn, changed(practice, {}), catalog.read(conn)) == Compared((), ())


def test_a_lost_connection_is_an_error_of_ours(practice: str):
    policy = changed(practice, {})
    with connect.connect(practice, "test", write=False) as conn:
        picture = catalog.read(conn)
        with psycopg.connect(practice, autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(%s)", (conn.info.backend_pid,))
        with pytest.raises(Unreachable):
            stored.compare(conn, policy, picture)
