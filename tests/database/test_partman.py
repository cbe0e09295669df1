"""A table is taken over from pg_partman: what it does is shown, in the policy's words, and its row is told to rest."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lifecycle.coverage import Judgement
from lifecycle.errors import Conflict, NotFound, Refused
from lifecycle.ledger import claims
from lifecycle.outcome import Outcome, Verdict
from lifecycle.partitions import adopt, partman
from lifecycle.plan import Plan
from lifecycle.promise import Task
from tests.database.partman import PARTMAN
from tests.database.shop import NOW, Shop


@pytest.fixture
def managed(shop: Shop) -> Shop:
    shop.say(PARTMAN)
    shop.promise()
    return shop


def planned(shop: Shop, table: str = "log") -> Plan[Any]:
    return adopt.plan(shop.system(), table, NOW)


def apply(shop: Shop, shown: str) -> Judgement:
    """Do what a person was shown, in a run of this job."""
    with shop.system().connect("test") as conn:
        claim = claims.claim_new(
            conn, "shop", adopt.JOB, datetime.now(UTC), claims.new_holder(), asked_by="person"
        )
        try:
            return adopt.carry_out(Task(shop.system(), claim, NOW), "log", shown, shop.admin)
        finally:
            claims.finish(conn, claim, Outcome(Verdict.PASS, ""))


def state(shop: Shop) -> list[Any]:
    return shop.ask(
        "select parent_table, automatic_maintenance, premake from partman.part_config order by 1"
    )


def test_what_the_policy_lacks_is_said_as_it_has_to_be_written(managed: Shop) -> None:
    decision = planned(managed).decision
    assert decision.steps == ()
    [refusal] = decision.refusals
    assert refusal.what == "the policy does not make its partitions"
    assert "Add `log: {by: at, every: month, ahead: 2}` there" in refusal.hint
    notes = "\n".join(decision.notes)
    assert (
        "pg_partman takes its partitions off after 90 days, and keeps them; to drop them" in notes
    )
    assert "`- {table: log, after: 90 days, do: drop, because: ...}` under `retention`" in notes
    assert "then: create partition log_2026_12" in notes
    assert "log_2026_11" not in notes.replace("log_p2026_11", "")


def test_with_the_policy_written_its_row_rests_and_ours_are_made(managed: Shop) -> None:
    managed.promise(log=("at", "month", 2))
    assert "lifecycle partitions adopt log" in str(managed.run().failures)
    made = planned(managed)
    [step] = made.decision.steps
    assert (step.target, step.verb) == ("log", "let pg_partman rest for")
    assert "goes on" in made.decision.notes[-1]
    with pytest.raises(Conflict, match="has changed since the plan was shown"):
        managed.say("update partman.part_config set premake = 3")
        apply(managed, made.hash)
    assert state(managed) == [("public.log", "on", 3)]
    made = planned(managed)
    judged = apply(managed, made.hash)
    assert judged.coverage.looked_at
    assert state(managed) == [("public.log", "off", 3)]
    assert managed.ask(
        "select kind, target, counts from lifecycle.evidence where event = 'partitions.adopted' order by id"
    ) == [("intent", "log", {"rows": 1}), ("outcome", "log", {"rows": 1})]
    again = planned(managed)
    assert again.decision.steps == ()
    assert "log: pg_partman rests already" in again.decision.notes
    with pytest.raises(Refused, match="there is nothing to take over"):
        apply(managed, again.hash)
    outcome = managed.run()
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert sorted(managed.partitions("log")) == ["log_2026_12", "log_2027_01", "log_p2026_11"]


def test_a_row_that_changes_at_the_last_moment_stays_as_it_is(
    managed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    managed.promise(log=("at", "month", 2))
    made = planned(managed)
    real = adopt.evidence.record

    def meanwhile(*args: Any, **more: Any) -> None:
        managed.say("update partman.part_config set premake = 9")
        real(*args, **more)

    with monkeypatch.context() as patched, pytest.raises(Conflict, match="row has changed"):
        patched.setattr(adopt.evidence, "record", meanwhile)
        apply(managed, made.hash)
    assert state(managed) == [("public.log", "on", 9)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "insert into partman.part_config_sub values ('public.log')",
            "once more (part_config_sub)",
        ),
        ("update partman.part_config set undo_in_progress = true", "is undoing its partitions"),
        (
            "update partman.part_config set partition_interval = '00:30:00'",
            "a partition holds 00:30:00",
        ),
        ("update partman.part_config set partition_interval = '1000'", "a partition holds 1000"),
    ],
)
def test_what_no_policy_can_say_is_left_to_pg_partman(
    managed: Shop, change: str, said: str
) -> None:
    managed.say(change)
    decision = planned(managed).decision
    assert decision.steps == ()
    assert any(said in refusal.what for refusal in decision.refusals), decision.refusals


@pytest.mark.parametrize("word", ["anna@example.org", "hourly", "\u00b2", "", "10000000000 years"])
def test_what_is_no_time_is_nobodys_to_read_and_stops_no_other_table(
    managed: Shop, word: str
) -> None:
    other = f"('public.other', 'at', '{word}', '{word}')"
    managed.say(
        f"insert into partman.part_config (parent_table, control, partition_interval, retention) values {other}"
    )
    managed.promise(log=("at", "month", 2))
    assert len(planned(managed).decision.steps) == 1
    decision = planned(managed, "other").decision
    assert decision.steps == ()
    said = str(decision)
    assert "a partition holds what is no time" in said
    assert "takes its partitions off after what is no time" in said
    assert not word or word not in said.replace("other", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("premake = 0", "ahead: out of range; write at least 1"),
        ("premake = 100000", "ahead: out of range; write at most 400"),
        ("epoch = 'func'", "holds: "),
        ("control = ''", "by: "),
    ],
)
def test_what_no_policy_can_say_is_refused_until_it_is_written_otherwise(
    managed: Shop, change: str, said: str
) -> None:
    managed.say(f"update partman.part_config set {change}")
    decision = planned(managed).decision
    [refusal] = decision.refusals
    assert said in refusal.what
    assert "Write it under `partitions` yourself" in refusal.hint
    managed.promise(log=("at", "month", 2))
    assert len(planned(managed).decision.steps) == 1


@pytest.mark.parametrize(
    ("retention", "said"),
    [
        ("-90 days", "after -90 days, and keeps them; a policy has no word"),
        ("90 days 00:00:00.4", "after 90 days 00:00:00.4, and keeps them; a policy has no word"),
        ("1000", "after 1000, and keeps them; a policy has no word"),
        ("6 months", "after 6 mons, and keeps them; to drop them after a grace: `- {table: log, after: 6 months,"),
    ],
)  # fmt: skip
def test_an_end_is_proposed_only_where_it_is_pg_partmans(
    managed: Shop, retention: str, said: str
) -> None:
    managed.say(f"update partman.part_config set retention = '{retention}'")
    assert said in "\n".join(planned(managed).decision.notes)


def test_without_its_second_table_the_level_below_cannot_be_told(managed: Shop) -> None:
    managed.say(
        "alter extension pg_partman drop table partman.part_config_sub; drop table partman.part_config_sub"
    )
    managed.promise(log=("at", "month", 2))
    [refusal] = planned(managed).decision.refusals
    assert "its part_config_sub is missing" in refusal.what


def test_a_table_that_pg_partman_does_not_look_after_is_named(managed: Shop) -> None:
    with pytest.raises(NotFound, match="looks after no table 'lgo'") as error:
        planned(managed, "lgo")
    assert "log" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ((1, 0, 0), "month"), ((3, 0, 0), "quarter"), ((6, 0, 0), "6 months"), ((12, 0, 0), "year"),
        ((24, 0, 0), "2 years"), ((0, 1, 0), "day"), ((0, 7, 0), "week"), ((0, 14, 0), "2 weeks"),
        ((0, 0, 3600), "hour"), ((0, 0, 1800), None), ((1, 1, 0), None), ((0, 0, 0), None),
        ((-1, 0, 0), None),
    ],
)  # fmt: skip
def test_an_interval_in_the_words_of_a_policy(
    said: tuple[int, int, int], wanted: str | None
) -> None:
    assert partman.length(*said) == wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [((0, 90, 0), "90 days"), ((6, 0, 0), "6 months"), ((24, 0, 0), "2 years"), ((0, 0, 7200), "2 hours"),
     ((1, 1, 0), None), ((0, 0, 90), None),
     ((0, -90, 0), None), ((0, 0, 0), None)],
)  # fmt: skip
def test_a_time_in_the_words_of_a_policy(said: tuple[int, int, int], wanted: str | None) -> None:
    assert partman.span(*said) == wanted
