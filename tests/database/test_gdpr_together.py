"""Rows of several people that go with any of them: an erasure ends them, whoever the other is, and takes nothing else."""

from dataclasses import replace

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.outcome import Verdict
from lifecycle.policy.model import Table, Through
from lifecycle.postgres import catalog
from tests.database.clinic import ANNA, JOANNA, OTTO, Clinic


@pytest.fixture
def friends(clinic: Clinic) -> Clinic:
    """The clinic with friendships: of Anna and of Otto, at whom an erasure of Anna looks as somebody who stays."""
    clinic.ask("create table friends (a uuid references person, b uuid references person)")
    clinic.ask("create table gifts (gift text, number serial primary key, friend uuid)")
    clinic.ask("alter table friends add primary key (a, b)")
    clinic.ask("alter table friends owner to clinic_owner")
    clinic.ask("alter table gifts owner to clinic_owner")
    for one, other in ((ANNA, OTTO), (JOANNA, ANNA), (OTTO, JOANNA)):
        clinic.ask("insert into friends values (%(a)s, %(b)s)", a=one, b=other)
    clinic.ask("insert into gifts (gift, friend) values ('a book', %(o)s)", o=OTTO)
    tables = {
        **clinic.system.policy.tables,
        "friends": Table(owner={"person": Through(through=("a", "b"))}),
        "gifts": Table(owner={"person": "friend"}),
    }
    policy = clinic.system.policy.model_copy(update={"tables": tables})
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        install.install(conn, policy, catalog.read(conn), None)
    return replace(clinic, system=replace(clinic.system, policy=policy))


def test_a_row_of_two_goes_with_one_of_them_though_the_other_is_looked_at(friends: Clinic) -> None:
    assert friends.erase().verdict is Verdict.UNVERIFIED
    assert [(str(a), str(b)) for a, b in friends.ask("select a, b from friends")] == [
        (OTTO, JOANNA)
    ]
    assert friends.ask("select gift from gifts") == ["a book"]


@pytest.mark.parametrize(
    "more",
    [f"insert into public.friends values ('{JOANNA}', '{OTTO}')", f"insert into public.gifts (gift, friend) values ('x', '{OTTO}')"],
)  # fmt: skip
def test_what_else_changes_of_the_other_is_still_seen(friends: Clinic, more: str) -> None:
    friends.ask(
        "create function public.more() returns trigger language plpgsql security definer as "
        f"$$ begin {more}; return null; end $$"
    )
    friends.ask(
        "create trigger more after delete on scan for each statement execute function more()"
    )
    to = more.split()[2].removeprefix("public.")
    outcome = friends.declared(f"archives to {to}").erase()
    assert "the rows of another person would have changed too" in outcome.failures[0].what
    assert friends.ask("select count(*) from friends") == [3]
