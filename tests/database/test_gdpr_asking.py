"""What an erasure asks of the person's tables: what need not be asked is not, and few questions are as good as many."""

from contextlib import closing
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from psycopg import sql

from gdpr import person, reach, statements
from gdpr.reach import Reach
from lifecycle.postgres import catalog, session
from lifecycle.postgres.cursor import Cursor
from tests.database import office
from tests.database.clinic import ANNA, Clinic
from tests.database.office import Office

_SCHEMA = """
    set role office_owner;
    create table desks (desk_id int primary key, person_id bigint not null references people, by_whom bigint references people);
    create table chairs (chair_id int primary key, person_id int not null references people, desk_id int not null references desks);
    create table drawers (drawer_id int primary key, desk_id int not null references desks);
    create table pens (pen_id int primary key, drawer_id int not null references drawers);
    insert into desks values (1, 1, 2), (2, 2, 1);
    insert into drawers values (1, 1), (2, 1), (3, 2);
    insert into pens values (1, 1), (2, 2), (3, 2), (4, 3);
    reset role;
"""
_TABLES = {
    "desks": {"owner": {"person": "person_id"}, "mentions": {"by_whom": "set null"}},
    "chairs": {"owner": {"person": "person_id"}},
    "drawers": {"owner": {"person": {"through": ["desk_id"]}}},
    "pens": {"owner": {"person": {"through": ["drawer_id"]}}},
}


class Counting(Cursor):
    """Our own cursor, which counts the statements with names of tables: those are put together."""

    said: int = 0

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        Counting.said += isinstance(query, sql.Composed)
        return super().execute(query, params, **options)


@pytest.fixture
def desks(database: str, tmp_path: Path) -> Office:
    return office.opened(database, tmp_path, _SCHEMA, _TABLES)


def _reach(conn: psycopg.Connection[Any], house: Office) -> Reach:
    conn.execute(session.PATH)
    return reach.reach(house.policy, catalog.read(conn), "person")


def test_a_key_by_which_a_row_is_the_persons_own_is_not_asked_whose_rows_hang_by_it(
    desks: Office,
) -> None:
    # A chair's owner is of another type than the key, yet found equal by it; its desk may be anybody's.
    with desks.system().connect("test") as conn:
        keys = [(key.table, key.columns) for key in _reach(conn, desks).hanging]
    assert keys == [("chairs", ("desk_id",))]


def test_rows_that_hang_are_found_where_the_key_is_not_the_owners(desks: Office) -> None:
    desks.ask("insert into chairs values (1, 2, 1)")  # of somebody else, at the person's desk
    with desks.system().snapshot("test") as conn:
        rows = person.count(conn, _reach(conn, desks), "1", keys=True)
    assert rows.hanging == {"chairs (desk_id -> desks)": 1}


@pytest.mark.parametrize("keys", [True, False])
def test_all_tables_are_counted_by_one_question(desks: Office, keys: bool) -> None:
    with closing(desks.system().connect("test")) as conn:
        found = _reach(conn, desks)
        conn.cursor_factory = Counting
        Counting.said = 0
        with conn.transaction():
            rows = person.count(conn, found, "1", keys=keys)
            assert conn.execute("show plan_cache_mode").fetchone() == ("auto",)
    assert Counting.said == 1
    assert rows.by_table() == {"desks": 2, "drawers": 2, "pens": 3, "people": 1}
    assert rows.mentions == {"desks.by_whom": 1}
    assert bool(rows.keys) == keys


def test_the_digest_of_many_is_the_one_that_each_table_has_by_itself(clinic: Clinic) -> None:
    with clinic.system.snapshot("test") as conn:
        found = reach.reach(clinic.system.policy, catalog.read(conn), "person")
        rows = person.count(conn, found, ANNA, keys=True)
        for table, number in {**rows.deleted, **rows.kept}.items():
            query = statements.count(found, table, person.owned(found, table))
            alone = conn.execute(query, person.about(ANNA))
            assert alone.fetchall() == [(number, rows.keys[table].partition(" ")[2])]
