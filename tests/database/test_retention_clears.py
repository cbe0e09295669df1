"""What a rule that clears a column changes: that column, and what a declared trigger is said to set, in every row."""

import re

import psycopg
import pytest

from lifecycle.outcome import Verdict
from tests.house import CUTOFF, House

# The first half is overdue, and one of them is young.
VISIT = f"""
    create table visit (id int primary key, at timestamptz, said text, note json, price float8, touched timestamptz,
                        long int generated always as (length(said)) stored);
    insert into visit (id, at, said, note, price) select n, '2020-01-01', repeat('x', 3000), '{{"a": 1}}', 'NaN'
      from generate_series(1, 40) n;
    insert into visit (id, at, said) values (41, '{CUTOFF} 00:00Z', 'young');
"""
RULE = ("visit.said", "90 days", "at", "clear")


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


def touched(house: House, does: str, what: str) -> None:
    """Have a trigger do something to each row of `visit` that is changed, and promise the rule."""
    house.say(
        VISIT + f"create function touch() returns trigger language plpgsql as $$ begin {what};"
        " return new; end $$;"
        "create trigger touch before update on visit for each row execute function touch()"
    )
    house.promise(RULE, does=does)


@pytest.mark.parametrize("column", ["note = '{\"a\": 2}'", "price = 0", "touched = '2026-01-01'"])
@pytest.mark.parametrize("locked", [False, True])
def test_a_trigger_that_rewrites_another_column_of_a_cleared_row_undoes_it(
    house: House, column: str, locked: bool
) -> None:
    touched(house, "checks", f"new.{column}")
    before = house.ask("select visit::text from visit order by id")
    with psycopg.connect(house.admin) as other:
        other.execute("select from visit where id = 7 and %s for update", (locked,))
        outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert outcome.failures[0].what == (
        "stopped: more than said would have changed in rows of visit that stay"
    )
    assert "sets COLUMN" in outcome.failures[0].hint
    assert house.ask("select visit::text from visit order by id") == before
    assert (outcome.counts["cleared"], house.evidence("visit.said")) == (0, 0)


def test_a_trigger_that_puts_back_what_is_cleared_is_no_clearing(house: House) -> None:
    touched(house, "checks", "if new.id % 2 = 0 then new.said = old.said; end if")
    outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert re.fullmatch(
        "stopped: . of .* rows of visit would still have had a value in said",
        outcome.failures[0].what,
    )
    assert house.number("select count(said) from visit") == 41
    assert (outcome.counts["cleared"], house.evidence("visit.said")) == (0, 0)


def test_a_column_that_a_trigger_is_said_to_set_may_change_and_no_other(house: House) -> None:
    touched(house, "sets touched", "new.touched = '2026-01-01'")
    outcome = house.run()
    assert (outcome.verdict, outcome.counts["cleared"]) == (Verdict.PASS, 40)
    house.say("update visit set said = 'again' where id < 10")
    house.say(
        "create or replace function touch() returns trigger language plpgsql as"
        " $$ begin new.touched = '2026-01-02'; new.price = 2; return new; end $$"
    )
    house.promise(RULE, does="sets touched")
    outcome = house.run()
    assert outcome.failures[0].what.startswith("stopped: more than said would have changed")
    assert house.number("select count(*) from visit where price = 2") == 0
    house.promise(RULE, does="sets touched, price")
    assert house.run().verdict is Verdict.PASS


def test_a_row_that_somebody_changes_while_it_is_cleared_is_no_trigger_of_the_table(
    house: House,
) -> None:
    house.say(VISIT)
    house.promise(RULE)
    with psycopg.connect(house.admin) as other:
        other.execute("update visit set price = 1 where id = 7")
        outcome = house.run()
        assert outcome.counts["cleared"] == 39
    assert "more than said" not in str(outcome.failures)
    assert house.run().verdict is Verdict.PASS
