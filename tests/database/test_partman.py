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
from tests.database.shop import NOW, Shop

# The columns of pg_partman 4.7.2, as its extension makes them.
PARTMAN = """
    create schema partman; grant usage on schema partman to public;
    create table partman.part_config (
        parent_table text primary key, control text not null, partition_type text not null default 'native',
        partition_interval text not null, constraint_cols text[], premake integer not null default 4,
        optimize_trigger integer not null default 4, optimize_constraint integer not null default 30,
        epoch text not null default 'none', inherit_fk boolean not null default true, retention text,
        retention_schema text, retention_keep_table boolean not null default true,
        retention_keep_index boolean not null default true, infinite_time_partitions boolean not null default false,
        datetime_string text, automatic_maintenance text not null default 'on', jobmon boolean not null default true,
        undo_in_progress boolean not null default false, template_table text);
    create table partman.part_config_sub (sub_parent text primary key);
    grant select on partman.part_config, partman.part_config_sub to public;
    set role shop_owner;
    create table log (at timestamptz not null, word text) partition by range (at);
    create table log_p2026_11 partition of log for values from ('2026-11-01Z') to ('2026-12-01Z');
    reset role;
    insert into partman.part_config (parent_table, control, partition_interval, premake, retention, datetime_string)
        values ('public.log', 'at', '1 mon', 2, '90 days', 'YYYY_MM');
"""


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
    ],
)  # fmt: skip
def test_an_interval_in_the_words_of_a_policy(
    said: tuple[int, int, int], wanted: str | None
) -> None:
    assert partman.length(*said) == wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [((0, 90, 0), "90 days"), ((6, 0, 0), "6 months"), ((24, 0, 0), "2 years"), ((0, 0, 7200), "2 hours"),
     ((1, 1, 0), None), ((0, 0, 90), None)],
)  # fmt: skip
def test_a_time_in_the_words_of_a_policy(said: tuple[int, int, int], wanted: str | None) -> None:
    assert partman.span(*said) == wanted
