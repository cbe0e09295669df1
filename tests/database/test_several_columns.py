"""Keys of several columns, one of which is a time: carried out by real bounds where these tell it, else by name not."""

from datetime import timedelta
from typing import Any

import pytest

from lifecycle.outcome import Outcome, Verdict
from lifecycle.partitions.promise import PROMISE as CREATE
from lifecycle.partitions.rule import Partitioning
from lifecycle.policy import reality
from lifecycle.postgres import catalog, waits
from tests.database.test_retention_partitions import over, told, verbs
from tests.house import NOW, OWNER, House, unseen
from tests.keep import keep

# NOW is 2026-11-21.
BEHIND = """
    create table pairs (at timestamptz not null, id int not null, word text, primary key (at, id))
        partition by range (at, id);
    create table pairs_old partition of pairs for values from (minvalue, minvalue) to ('2024-01-01Z', minvalue);
    create table pairs_2024 partition of pairs for values from ('2024-01-01Z', minvalue) to ('2025-01-01Z', minvalue);
    create table pairs_2026 partition of pairs for values from ('2025-01-01Z', minvalue) to ('2027-01-01Z', minvalue);
    insert into pairs select timestamptz '2023-01-01Z' + n * interval '30 days', n from generate_series(0, 47) n;
"""
# The second clinic's name would end a clause of bounds for who does not heed quotes.
BEFORE = """
    create table visits (clinic text not null, at date not null, word text, primary key (clinic, at))
        partition by range (clinic, at);
    create table a_2024 partition of visits for values from ('7', '2024-01-01') to ('7', '2025-01-01');
    create table a_2026 partition of visits for values from ('7', '2025-01-01') to ('7', '2027-01-01');
    create table b_old partition of visits for values from ('it''s) TO (Ä', minvalue) to ('it''s) TO (Ä', '2024-06-01');
    create table b_2026 partition of visits for values from ('it''s) TO (Ä', '2024-06-01') to ('it''s) TO (Ä', '2026-12-01');
    insert into visits select clinic, date '2024-02-01' + 31 * n
      from generate_series(0, 32) n, unnest(array['7', 'it''s) TO (Ä']) clinic;
"""
DROP: dict[str, Any] = {"do": "drop", "after": "18 months", "because": "as promised"}


@pytest.fixture
def house(ledger: str, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))
    return House(ledger)


def ahead(house: House, table: str, **said: Any) -> None:
    rule = Partitioning.model_validate({"by": "at", "every": "month", "ahead": 2} | said)
    house.policy = house.policy.model_copy(update={"partitions": {table: rule}})
    house.promise()


def create(house: House) -> Outcome:
    claim = house.claim(CREATE.job)
    try:
        return keep(CREATE, house.system(), claim, NOW)
    finally:
        house.end(claim)


def bounds(house: House, table: str) -> dict[str, str]:
    rows = house.ask(f"""
        select c.relname, pg_get_expr(c.relpartbound, c.oid) from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = '{table}'::regclass order by 1""")
    return dict(rows)


def looked(house: House) -> str:
    with house.system().snapshot("test") as conn:
        seen = catalog.read(conn)
    return "; ".join(map(str, reality.compare(house.policy, seen).mistakes))


def test_where_the_time_comes_first_periods_are_made_as_of_a_key_of_one_column(
    house: House,
) -> None:
    house.say(OWNER + BEHIND)
    ahead(house, "pairs")
    assert looked(house) == ""
    outcome = create(house)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), unseen(outcome)
    made = bounds(house, "pairs")
    assert made["pairs_2027_01"] == (
        "FOR VALUES FROM ('2027-01-01 00:00:00+00', MINVALUE) TO ('2027-02-01 00:00:00+00', MINVALUE)"
    )
    assert len(made) == 4
    house.say("insert into pairs values ('2027-01-31 23:59:59.999999Z', 2147483647)")
    again = create(house)
    assert (again.verdict, again.counts["made"]) == (Verdict.PASS, 0)


def test_where_the_time_comes_first_partitions_end_by_it(house: House) -> None:
    house.say(OWNER + BEHIND)
    house.promise({"table": "pairs"} | DROP)
    assert looked(house) == ""
    assert verbs(house.plan()) == ["detach partition pairs_2024", "detach partition pairs_old"]
    outcome = house.run()
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    assert outcome.counts["taken off"] == 2
    over(house)
    outcome = house.run(NOW + timedelta(days=20))
    assert (outcome.verdict, outcome.counts["dropped"]) == (Verdict.PASS, 2)
    assert house.number("select count(*) from pairs where at < '2025-01-01Z'") == 0
    assert house.number("select count(*) from pairs") == 23


def test_rows_of_it_end_one_by_one_too_and_only_leaves_are_read_that_can_hold_some(
    house: House,
) -> None:
    house.say(OWNER + BEHIND)
    house.promise({"table": "pairs", "do": "delete", "after": "18 months", "because": "x"})
    due = house.number("select count(*) from pairs where at < '2025-05-21Z'")
    assert house.run().counts["deleted"] == due > 20
    assert house.number("select count(*) from pairs where at < '2025-05-21Z'") == 0


def test_a_bound_in_the_middle_of_a_moment_is_refused_with_the_partition_that_has_it(
    house: House,
) -> None:
    """Rows of that moment are in both: neither a period nor an end of time is told by it."""
    house.say(OWNER + BEHIND)
    house.say("""
        drop table pairs_old;
        create table busy partition of pairs for values from ('2023-05-01Z', 7) to ('2024-01-01Z', minvalue)""")
    house.promise({"table": "pairs"} | DROP)
    outcome = house.run()
    assert (outcome.verdict, "taken off" in outcome.counts) == (Verdict.FAIL, False)
    assert "a bound that is no moment: busy, '2023-05-01 00:00:00+00', 7" in told(outcome)
    ahead(house, "pairs")
    assert "the bounds of busy are no two moments" in told(create(house))
    house.promise({"table": "pairs", "do": "delete", "after": "2 years", "because": "x"})
    assert house.run().counts["deleted"] > 0  # a row has its own time, whatever its partition


def test_where_another_column_comes_first_each_of_its_values_is_continued(house: House) -> None:
    house.say(OWNER + BEFORE)
    ahead(house, "visits")
    assert looked(house) == ""
    outcome = create(house)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ()), unseen(outcome)
    assert outcome.counts["wanted"] == 6
    made = bounds(house, "visits")
    assert made["visits_7_2027_01"] == "FOR VALUES FROM ('7', '2027-01-01') TO ('7', '2027-02-01')"
    others = [name for name in made if name.startswith("visits_") and "_7_" not in name]
    assert [name[-7:] for name in others] == ["2026_12", "2027_01"]
    assert "it's" not in str(others) and "it''s) TO (Ä" in made[others[0]]
    house.say("insert into visits values ('7', '2027-01-31'), ('it''s) TO (Ä', '2026-12-01')")
    assert create(house).counts["made"] == 0


def test_a_hole_of_one_value_is_filled_and_of_the_other_values_nothing_is_made(
    house: House,
) -> None:
    house.say(OWNER + BEFORE)
    house.say("alter table visits detach partition a_2026; drop table a_2026")
    ahead(house, "visits", every="year", ahead=1)
    outcome = create(house)
    assert (outcome.verdict, told(outcome)) == (Verdict.PASS, "")
    made = bounds(house, "visits")
    assert {"visits_7_2025", "visits_7_2026", "visits_7_2027"} <= made.keys()
    assert len([name for name in made if name.startswith("visits_") and "_7_" not in name]) == 2


def test_where_another_column_comes_first_each_partition_ends_by_its_own_time(
    house: House,
) -> None:
    house.say(OWNER + BEFORE)
    house.promise({"table": "visits"} | DROP)
    assert verbs(house.plan()) == ["detach partition a_2024", "detach partition b_old"]
    outcome = house.run()
    assert outcome.counts["taken off"] == 2
    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
    over(house)
    assert house.run(NOW + timedelta(days=20)).counts["dropped"] == 2
    assert sorted(bounds(house, "visits")) == ["a_2026", "b_2026"]


def test_a_number_of_partitions_is_refused_where_each_value_has_its_own(house: House) -> None:
    """Of 6 one clinic kept 3 and the other 3, as theirs begin on other days."""
    house.say(OWNER + BEFORE)
    house.promise({"table": "visits", "do": "drop", "newest": 2, "because": "as promised"})
    assert "visits has partitions for each value of the columns before its time" in looked(house)
    assert house.plan().decision.steps == ()
    outcome = house.run()
    assert (outcome.verdict, "taken off" in outcome.counts) == (Verdict.FAIL, False)
    assert "of one value fewer would stay than the rule says" in told(outcome)
    house.say(OWNER + BEHIND)
    house.promise({"table": "pairs", "do": "drop", "newest": 2, "because": "as promised"})
    assert looked(house) == ""
    assert verbs(house.plan()) == ["detach partition pairs_old"]


def test_a_partition_of_several_values_never_ends_and_nothing_is_made_beside_it(
    house: House,
) -> None:
    house.say(OWNER + BEFORE)
    house.say(
        "create table wide partition of visits for values from ('k', '2020-01-01') to ('m', minvalue);"
        "insert into visits values ('l', '2020-01-01')"
    )
    house.promise({"table": "visits"} | DROP)
    outcome = house.run()
    assert outcome.counts["taken off"] == 2
    assert "1 row overdue in wide, which has no upper bound, so it never ends" in told(outcome)
    assert house.number("select count(*) from wide") == 1
    ahead(house, "visits")
    outcome = create(house)
    assert (outcome.verdict, outcome.counts["made"]) == (Verdict.FAIL, 0)
    assert "wide takes more than one value of clinic" in told(outcome)


def test_of_which_value_the_first_partition_is_wanted_a_person_says(house: House) -> None:
    house.say(OWNER + BEFORE.partition(";")[0])
    ahead(house, "visits")
    outcome = create(house)
    assert outcome.verdict is Verdict.FAIL
    assert "for which values of clinic rows will come nobody can tell" in told(outcome)


def test_a_row_in_a_default_partition_is_in_the_way_of_its_own_value_alone(house: House) -> None:
    house.say(OWNER + BEFORE)
    house.say(
        "create table rest partition of visits default; insert into visits values ('7', '2027-01-09')"
    )
    ahead(house, "visits")
    outcome = create(house)
    assert outcome.verdict is Verdict.FAIL
    assert "rows of 2027-01-01 to 2027-02-01 lie in the default partition" in told(outcome)
    made = bounds(house, "visits")
    assert len([name for name in made if name.endswith("2027_01")]) == 1
    assert len([name for name in made if name.endswith("2026_12")]) == 1


def test_a_large_default_partition_is_spared_a_look_for_both_kinds(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lifecycle.partitions import step

    monkeypatch.setattr(step, "SCANNED", -1)
    house.say(OWNER + BEFORE + "create table rest partition of visits default;")
    house.say("insert into visits values ('another', '2027-01-09')")
    ahead(house, "visits")
    outcome = create(house)
    assert (outcome.counts["made"], [f.what for f in outcome.failures]) == (
        3,
        ["rows lie in the default partition rest"],
    )
    assert (
        house.ask(
            "select conname from pg_constraint where conrelid = 'rest'::regclass and contype = 'c'"
        )
        == []
    )
