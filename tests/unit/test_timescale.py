"""What a policy may say of a hypertable, and what is decided of its chunks: by what they are, and by nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from lifecycle.policy import whole
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog, Column, ForeignKey, Table
from lifecycle.timescale import plan
from lifecycle.timescale.section import SECTION, Hypertable
from lifecycle.timescale.survey import Chunk, Cut, Engine, Job, Seen, Settings
from retention.section import SECTION as RETENTION

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RULE: dict[str, Any] = {
    "chunks": "1 month",
    "compress": "30 days",
    "segment_by": ["device"],
    "order_by": ["at desc"],
}
WANTED = Settings(("device",), (("at", True, True),))
WHOLE = Engine("timescale", "public")
MARKS = Table(
    name="marks",
    schema="public",
    relname="marks",
    kind="h",
    owner="owner",
    columns=tuple(
        Column(name, kind, not_null=True, generated=False, identity=False)
        for name, kind in (("device", "integer"), ("at", "timestamp with time zone"))
    ),
    primary_key=(),
    rls=False,
    rls_forced=False,
    policies=(),
    triggers=(),
    rules=(),
    functions=(),
    partition_key="at",
    strategy="range",
    partitions=(),
    inherits=False,
    estimated_rows=0,
)


def policy(rule: dict[str, Any] = RULE, **said: Any) -> Policy:
    text = {
        "system": "s",
        "database": "d",
        "tables": {"marks": {"personal": "none", "because": "devices"}},
        "timescale": {"marks": rule},
    }
    return whole.model().model_validate(text | said, strict=False)


def chunk(number: int, ended: datetime, **said: Any) -> Chunk:
    month = timedelta(days=30)
    return replace(Chunk(f"c{number}", ended - month, ended, False, False, None), **said)


def seen(
    *chunks: Chunk,
    table: Table = MARKS,
    settings: Settings | None = WANTED,
    engine: Engine | None = WHOLE,
    keys: tuple[ForeignKey, ...] = (),
    jobs: tuple[Job, ...] = (),
    width: timedelta | None = timedelta(days=30),
) -> Seen:
    extensions = {"timescaledb": "2.28.3"} if engine else {}
    catalog = Catalog("1", "d", 15, extensions, {"marks": table}, keys, ())
    cuts = {"marks": Cut(width, settings, chunks, jobs)} if table.kind == "h" else {}
    return Seen(catalog, engine, cuts)


def steps(found: Seen, rule: dict[str, Any] = RULE) -> list[tuple[str, str, str]]:
    decision = plan.decide(policy(rule), found, NOW)
    assert decision.refusals == ()
    return [(s.verb, s.target, s.reason.partition(", and it")[0]) for s in decision.steps]


def refused(found: Seen, rule: dict[str, Any] = RULE) -> str:
    decision = plan.decide(policy(rule), found, NOW)
    assert decision.steps == ()
    return "; ".join(failure.what for failure in decision.refusals)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "must say `chunks` or `compress`"),
        ({"chunks": "1 month", "order_by": ["at"]}, "go with `compress`"),
        ({"compress": "30 days"}, "needs `order_by`"),
        ({"compress": "30 days", "order_by": ["at", "at desc"]}, "at stands there twice"),
        (
            {"compress": "30 days", "order_by": ["at"], "segment_by": ["at"]},
            "at stands there twice",
        ),
        ({"compress": "30 days", "order_by": ["at down"]}, "order_by"),
        ({"compress": "soon", "order_by": ["at"]}, "not a span"),
    ],
)
def test_a_rule_that_says_half_is_a_mistake(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Hypertable.model_validate(rule, strict=False)


@pytest.mark.parametrize(
    ("table", "path", "said"),
    [
        ({"owner": {"patient": "device"}}, None, ""),
        ({"owner": {"patient": "person"}}, "segment_by", "a batch would mix people"),
        ({"owner": {"patient": "device", "nurse": "by"}}, "segment_by", "says which nurse"),
        ({"owner": {"patient": {"through": ["visit"]}}}, "compress", "by way of other rows"),
        (
            {"owner": {"patient": "device"}, "keep": {"clear": ["note"], "because": "b"}},
            "compress",
            "a compressed row does not change by itself",
        ),
        (
            {"owner": {"patient": "device"}, "mentions": {"by": "set null"}},
            "compress",
            "a compressed row does not change by itself",
        ),
    ],
)
def test_a_table_of_people_is_compressed_where_their_batches_go_whole(
    table: dict[str, Any], path: str | None, said: str
) -> None:
    people = policy(tables={"marks": table})
    mistakes = list(SECTION.sense(SECTION.of(people), people))
    assert [m.path for m in mistakes] == ([("timescale", "marks", path)] if path else [])
    assert all(said in mistake.what for mistake in mistakes)
    cut = policy({"chunks": "1 month"}, tables={"marks": table})
    assert list(SECTION.sense(SECTION.of(cut), cut)) == []


def test_who_people_are_is_not_compressed() -> None:
    told = policy(
        tables={"marks": {"owner": {"patient": "device"}}},
        subjects={"patient": {"table": "marks", "key": "device", "identifiers": ["device"]}},
    )
    [mistake] = SECTION.sense(SECTION.of(told), told)
    assert mistake.what == "marks says who people are"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"do": "drop", "after": "30 days"}, "would be dropped before or just then"),
        ({"do": "drop", "after": "31 days"}, ""),
        ({"do": "drop", "after": "1 month"}, "would be dropped before or just then"),
        ({"do": "drop", "after": "10 years"}, ""),
        ({"do": "delete", "after": "10 years", "by": "at"}, ""),
        (
            {"table": "marks.device", "do": "clear", "after": "1 year", "by": "at"},
            "",
        ),
    ],
)
def test_retention_of_what_is_compressed_ends_chunks_and_later(
    rule: dict[str, Any], said: str
) -> None:
    told = policy(retention=[{"table": "marks", "because": "so it is"} | rule])
    plain = told.model_copy(update={"timescale": {}})
    without = list(RETENTION.sense(RETENTION.of(plain), plain))
    mistakes = [m for m in RETENTION.sense(RETENTION.of(told), told) if m not in without]
    assert [said in mistake.what for mistake in mistakes] == ([True] if said else [])


def test_chunks_are_due_by_their_end_the_oldest_first_and_what_is_packed_stays() -> None:
    at = datetime(2026, 10, 22, 12, tzinfo=UTC)
    found = seen(
        chunk(1, at - timedelta(days=60), packed=True, settings=WANTED),
        chunk(2, at - timedelta(days=30)),
        chunk(3, at),
        chunk(4, at + timedelta(seconds=1)),
    )
    assert steps(found) == [
        ("compress chunk", "c2", "not compressed"),
        ("compress chunk", "c3", "not compressed"),
    ]


def test_a_chunk_is_due_again_when_rows_came_since_or_it_was_compressed_otherwise() -> None:
    old = NOW - timedelta(days=90)
    other = Settings((), (("at", True, True),))
    found = seen(
        chunk(1, old, packed=True, partial=True, settings=WANTED),
        chunk(2, old, packed=True, settings=other),
        chunk(3, old, packed=True, partial=True, settings=other),
        chunk(4, old, packed=True, settings=WANTED),
    )
    assert [reason for _, _, reason in steps(found)] == [
        "compressed in part",
        "compressed otherwise",
        "compressed otherwise",
    ]
    assert {
        step.again
        for step in plan.decide(policy(), found, NOW).steps
        if isinstance(step, plan.Compress)
    } == {True}


def test_settings_that_differ_are_set_before_any_chunk_and_shown_old_and_new() -> None:
    found = seen(chunk(1, NOW - timedelta(days=90)), settings=Settings((), (("at", False, False),)))
    assert steps(found) == [
        (
            "set compression",
            "marks",
            "segments [], order [at] -> segments [device], order [at desc]",
        ),
        ("compress chunk", "c1", "not compressed"),
    ]


def test_nothing_is_compressed_where_the_policy_only_says_how_long_a_chunk_is() -> None:
    assert (
        steps(seen(chunk(1, NOW - timedelta(days=900)), settings=None), {"chunks": "30 days"}) == []
    )


KEY = ForeignKey("k", "hint", ("a",), "marks", ("device",), "a", validated=True)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (seen(engine=None), "TimescaleDB is not in this database"),
        (seen(engine=Engine("apache", "public")), "licence 'apache'"),
        (seen(engine=Engine("timescale", None)), "otherwise than known here"),
        (seen(table=replace(MARKS, kind="r")), "marks is no hypertable"),
        (seen(table=replace(MARKS, rls=True)), "each excludes the other"),
        (seen(keys=(KEY,)), "a foreign key of hint leads to marks"),
        (seen(table=replace(MARKS, columns=MARKS.columns[1:])), "no column 'device'"),
        (seen(table=replace(MARKS, partition_key="device")), "no date or timestamp"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(found: Seen, said: str) -> None:
    assert said in refused(found)


def test_the_time_must_stand_in_the_order_as_timescaledb_would_add_it() -> None:
    rule = RULE | {"order_by": ["device"], "segment_by": []}
    assert "TimescaleDB would add it" in refused(seen(), rule)


def test_the_check_says_what_the_catalog_shows_and_only_notes_an_extension_that_is_not_there() -> (
    None
):
    looks = [
        Look(policy(), one.catalog, [], [])
        for one in (seen(table=replace(MARKS, rls=True)), seen(engine=None))
    ]
    for look in looks:
        SECTION.truth(SECTION.of(look.policy), look)
    assert [mistake.path for mistake in looks[0].mistakes] == [("timescale", "marks", "compress")]
    assert looks[1].mistakes == []
    assert looks[1].notes[0].startswith("TimescaleDB is not in this database")


def test_a_length_that_differs_fails_with_what_its_owner_says_and_old_chunks_are_noted() -> None:
    week = timedelta(days=7)
    old = chunk(1, NOW, packed=True, settings=WANTED)
    other = chunk(2, NOW, lower=NOW - week, packed=True, settings=WANTED)
    decision = plan.decide(policy(), seen(old, other, width=week), NOW)
    [failure] = decision.refusals
    assert failure.what == "its next chunk is 7 days long, not 1 month"
    assert "set_chunk_time_interval('marks', interval '1 month')" in failure.hint
    assert decision.notes == ("marks: 1 chunk of 2 is not 1 month long",)


@pytest.mark.parametrize(
    ("after", "fails"), [(7, True), (29, True), (30, False), (60, False), (None, True)]
)
def test_a_job_of_the_extensions_fails_where_it_may_be_sooner(
    after: int | None, fails: bool
) -> None:
    job = Job(1001, "some time", None if after is None else timedelta(days=after))
    decision = plan.decide(policy(), seen(jobs=(job,)), NOW)
    assert (len(decision.refusals), len(decision.notes)) == ((1, 0) if fails else (0, 1))
