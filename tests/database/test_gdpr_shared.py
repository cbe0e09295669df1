"""Rows that people of two kinds share, and tables that inherit: what goes with one person, and what is somebody's still."""

from dataclasses import replace
from typing import Any, cast

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.outcome import Verdict
from lifecycle.policy import reality, whole
from lifecycle.policy.model import SharedBy, Table
from lifecycle.policy.people import Subject
from lifecycle.postgres import catalog
from tests.database.clinic import ANNA, OTTO, Clinic

TABLES = {
    "club": Table(
        owner={
            "person": SharedBy(shared_by="person.club"),
            "worker": SharedBy(shared_by="worker.club"),
        }
    ),
    "worker": Table(owner={"worker": "worker_no"}),
    "leaf": Table(owner={"person": "person_id"}),
    "old_leaf": Table(owner={"person": "person_id"}),
}


@pytest.fixture
def clubs(clinic: Clinic) -> Clinic:
    for statement in (
        "create table club (club_no integer primary key)",
        "create table worker (worker_no integer primary key, club integer references club)",
        "alter table person add club integer references club",
        "create table leaf (leaf_no integer primary key, person_id uuid references person)",
        "create table old_leaf () inherits (leaf)",
        *(f"alter table {t} owner to clinic_owner" for t in TABLES),
        "insert into club values (1), (2)",
        "alter table person add number bigint",
        f"update person set club = 1, number = 7712345678 where person_id = '{ANNA}'",
        "insert into worker values (1, 1)",
        f"insert into leaf values (1, '{ANNA}'), (2, '{OTTO}')",
        f"insert into old_leaf values (3, '{ANNA}'), (4, '{OTTO}')",
    ):
        with psycopg.connect(clinic.admin, autocommit=True) as conn:
            conn.execute(statement.encode())
    old = clinic.system.policy
    person = old.subjects["person"]
    person = person.model_copy(update={"identifiers": (*person.identifiers, "number")})
    people = {"person": person, "worker": Subject(table="worker", key="worker_no")}
    policy = old.model_copy(update={"tables": {**old.tables, **TABLES}, "subjects": people})
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, policy, catalog.read(conn), None)
    return replace(clinic, system=replace(clinic.system, policy=policy))


def test_a_row_stays_while_another_kind_shares_it_and_a_table_that_inherits_is_counted_once(
    clubs: Clinic,
) -> None:
    erased = clubs.erase()
    assert (erased.verdict, erased.failures) == (Verdict.UNVERIFIED, ())
    with psycopg.connect(clubs.admin) as conn:
        assert conn.execute("select club_no from club order by 1").fetchall() == [(1,), (2,)]
        assert conn.execute("select leaf_no from leaf order by 1").fetchall() == [(2,), (4,)]
    unseen = {one["place"]: one["why"] for one in cast("list[Any]", erased.coverage["unseen"])}
    assert unseen["identifiers that are numbers, in columns of numbers"] == (
        "person.number is a number, and in columns of numbers none is looked for"
    )


def test_a_foreign_key_that_is_left_as_it_is_to_rows_that_go_is_a_mistake(clubs: Clinic) -> None:
    """It is one only where its own row stays and people of that kind are erased: workers are not."""
    with psycopg.connect(clubs.admin, autocommit=True) as conn:
        conn.execute(
            "create table badge (badge_no integer primary key, holder uuid references person, "
            "keeper integer references worker)"
        )
        why = {"holder": "why not", "keeper": "a worker"}
        badge = Table(personal="none", because="badges", ignore=why)
        old = clubs.system.policy
        policy = old.model_copy(update={"tables": {**old.tables, "badge": badge}})
        found = [str(m) for m in reality.compare(policy, catalog.read(conn)).mistakes]
    (mistake,) = found
    assert mistake == (
        "tables.badge.ignore.holder: foreign key badge_holder_fkey (holder) holds the person's row in person, so "
        "nobody named here is erased; write `mentions: {holder: set null}`, or drop the foreign key and say under "
        "`references` what holder leads to"
    )
    assert whole.erased(policy) == {"person"}
