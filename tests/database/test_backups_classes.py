"""Dumps of days, weeks and months: copied within the store, kept as long as promised, and no hole left untold."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import psycopg
import pytest

from backups import drill, drill_kept, manifest, shelf, slots
from backups.manifest import Manifest
from backups.promise import PROMISE
from backups.slots import Kind
from lifecycle.config.span import Span
from lifecycle.errors import InputError
from lifecycle.ledger import claims, evidence
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import objects
from lifecycle.policy import whole
from lifecycle.running import apply
from tests import keep
from tests.database.test_backups import World, die, in_a_killed_process, world

__all__ = ["world"]

DAY = timedelta(days=1)
_RUNS = count()
FIRST = datetime(2026, 11, 21, 2, tzinfo=UTC)  # a Saturday in Vienna, too
PROMISED = {
    "bucket": "backups",
    "prefix": "daily/",
    "keep": "5 days",
    "weekly": {"prefix": "weekly/", "keep": "3 weeks", "bucket": "weeks"},
    "monthly": {"prefix": "monthly/", "keep": "2 months"},
}


@pytest.fixture
def classes(world: World) -> World:
    """The world with dumps of all three classes, the weekly ones in a bucket of their own."""
    whole_policy = whole.model().model_validate(
        world.system.policy.model_dump(include={"system", "database", "timezone"})
        | {"tables": {}, "backups": {"dumps": PROMISED}}
    )
    world.client.create_bucket(Bucket=f"{world.bucket}-weeks")
    buckets = {"backups": world.bucket, "weeks": f"{world.bucket}-weeks"}
    settings = world.system.settings.model_copy(update={"buckets": buckets})
    return replace(world, system=replace(world.system, policy=whole_policy, settings=settings))


def dumped(world: World, day: int) -> Manifest:
    """Put a dump of this day on the daily shelf: the first one's bytes, under a manifest of its own."""
    slot = FIRST + day * DAY
    if not world.keys():
        return world.dump(slot, slot)
    first = shelf.look(world.system).dumps[0]
    key = f"daily/{slot:%Y-%m-%d}/{900 + day}-1/data.dump"
    beside = shelf.get_globals(world.system, first)
    assert beside is not None
    for name, body in (
        ("data.dump", world.read(first.key)),
        ("roles.json", beside.to_json()),
    ):
        metadata = {"sha256": first.sha256} if name == "data.dump" else {}
        world.client.put_object(
            Bucket=world.bucket, Key=manifest.beside(key, name), Body=body, Metadata=metadata
        )
    taken = first.model_copy(
        update={"key": key, "slot": slot, "finished_at": slot, "started_at": slot}
    )
    world.write(manifest.beside(key), taken.to_json())
    claim = world.claim(slot=slot)
    with world.system.connect("test") as conn:
        evidence.record(conn, claim, "outcome", "backups.dumped", key, digest=taken.sha256)
        claims.finish(conn, claim, Outcome(Verdict.PASS, "done"))
    return taken


def kept(world: World, day: int) -> Outcome:
    """Keep the promise on this day, at noon."""
    now = FIRST + day * DAY + timedelta(hours=10)
    claim = world.claim("backups.keep", now + timedelta(microseconds=next(_RUNS)))
    outcome = keep.keep(PROMISE, world.system, claim, now)
    with world.system.connect("test") as conn:
        claims.finish(conn, claim, Outcome(Verdict.PASS, "done"))
    return outcome


def labels(world: World, kind: int) -> list[str]:
    of = slots.kinds(world.system.policy.backups.dumps)[kind]  # type: ignore[attr-defined]
    return sorted(slots.of(found, of) for found in shelf.look(world.system, of=of).dumps)


def test_a_week_and_a_month_have_their_copy_and_days_end_and_nothing_else(classes: World):
    for day in range(8):
        dumped(classes, day)
    before = classes.keys()
    outcome = kept(classes, 7)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert labels(classes, 1) == ["2026-W47"]
    assert labels(classes, 2) == ["2026-11"]
    gone = set(before) - set(classes.keys())
    assert {key.split("/")[1] for key in gone} == {"2026-11-23"}
    assert outcome.counts["copied"] == 2
    # What this night's copies were made of ends in the next.
    assert kept(classes, 7).verdict is Verdict.PASS
    assert labels(classes, 0) == [f"2026-11-{day}" for day in (24, 25, 26, 27, 28)]


def drilled(world: World, which: str) -> Outcome:
    """Drill what comes next."""
    slot = FIRST + timedelta(microseconds=next(_RUNS))
    claim = world.claim(drill_kept.JOB, slot)
    outcome = keep.work(partial(drill_kept.carry_out, which=which), world.system, claim, slot)
    with world.system.connect("test") as conn:
        claims.finish(conn, claim, outcome)
    return outcome


def test_a_weeks_and_a_months_dump_are_drilled_in_their_turn_and_a_damaged_one_is_found(
    classes: World,
):
    dumped(classes, 1)
    assert kept(classes, 1).verdict is Verdict.PASS
    _, weekly, monthly = slots.kinds(classes.system.policy.backups.dumps)  # type: ignore[attr-defined]
    keys = [shelf.look(classes.system, of=kind).dumps[0].key for kind in (weekly, monthly)]
    newest = classes.claim("backups.drill")
    assert keep.work(drill.carry_out, classes.system, newest, FIRST + DAY).verdict is Verdict.PASS

    first = drilled(classes, "next")
    assert (first.verdict, first.failures) == (Verdict.PASS, ())
    assert first.summary.startswith(f"{keys[0]}: was restored")
    assert "as no weekly dump was ever drilled" in first.summary
    assert "never drilled yet: monthly" in first.summary

    whole_dump = classes.read(keys[1])
    classes.write(keys[1], whole_dump[:-1] + b"?")
    second = drilled(classes, "next")
    assert (second.verdict, second.failures[0].target) == (Verdict.FAIL, keys[1])
    assert "not the file its manifest speaks of" in second.failures[0].what

    described = classes.read(manifest.beside(keys[1]))
    classes.write(manifest.beside(keys[1]), described + b" ")
    third = drilled(classes, "monthly")
    assert "not the one that the ledger speaks of" in third.failures[0].what
    with pytest.raises(InputError, match="no such class"):
        drill_kept.job(classes.system, "yearly")


def test_the_copy_is_a_dump_of_its_own_and_says_of_which_it_is_one(classes: World):
    daily = dumped(classes, 1)
    assert kept(classes, 1).verdict is Verdict.PASS
    weekly = slots.kinds(classes.system.policy.backups.dumps)[1]  # type: ignore[attr-defined]
    (copy,) = shelf.look(classes.system, of=weekly).dumps
    assert (copy.copy_of, copy.sha256, copy.slot) == (daily.key, daily.sha256, daily.slot)
    listed = classes.client.list_objects_v2(Bucket=f"{classes.bucket}-weeks")["Contents"]
    assert {one["Key"].rpartition("/")[2] for one in listed} == {
        *("data.dump", "manifest.json", "roles.json")
    }
    assert shelf.get_globals(classes.system, copy) is not None
    outcome = kept(classes, 1)
    assert (outcome.counts["copied"], outcome.counts["expired"]) == (0, 0)


def test_a_day_a_week_and_a_month_without_a_dump_are_named(classes: World):
    for day in (0, 2, 3):
        dumped(classes, day)
    outcome = kept(classes, 3)
    assert [(f.target, f.what) for f in outcome.failures] == [
        ("daily/2026-11-22", "there is no daily dump of it")
    ]
    assert labels(classes, 1) == ["2026-W47"]  # Saturday's, in the place of Sunday's


def test_what_somebody_else_deletes_is_found(classes: World):
    dumped(classes, 0)
    dumped(classes, 1)
    assert kept(classes, 1).verdict is Verdict.PASS
    for key in tuple(classes.keys()):
        if key.startswith("daily/2026-11-21"):
            classes.client.delete_object(Bucket=classes.bucket, Key=key)
    outcome = kept(classes, 1)
    assert [f.what for f in outcome.failures] == ["it is gone before its time"]


def test_the_newest_is_never_deleted_whatever_its_age(classes: World):
    dumped(classes, 0)
    kept(classes, 0)
    kept(classes, 200)
    assert labels(classes, 0) == ["2026-11-21"]
    assert labels(classes, 2) == ["2026-11"]


def test_while_a_legal_hold_stands_no_dump_ends_and_the_plan_says_so(classes: World):
    for day in range(8):
        dumped(classes, day)
    with psycopg.connect(classes.admin, autocommit=True) as admin:
        admin.execute(
            "insert into lifecycle.hold (covers, table_name, because, placed_by)"
            " values ('table', 'people', 'a court asks', 'counsel')"
        )
    outcome = kept(classes, 7)
    assert outcome.counts["expired"] == 0
    assert "kept while a legal hold stands" in outcome.summary
    assert len(labels(classes, 0)) == 8


def test_an_object_that_is_locked_stays_and_its_date_is_told(classes: World) -> None:
    locked = f"{classes.bucket}-weeks"
    classes.client.delete_bucket(Bucket=locked)
    classes.client.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    dumped(classes, 0)
    dumped(classes, 1)
    kept(classes, 1)
    (first, *_) = [
        o["Key"]
        for o in classes.client.list_objects_v2(Bucket=locked)["Contents"]
        if o["Key"].endswith("data.dump")
    ]
    until = datetime.now(UTC) + 30 * DAY
    classes.client.put_object_retention(
        Bucket=locked, Key=first, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
    )
    dumped(classes, 8)
    kept(classes, 8)
    outcome = kept(classes, 30)
    assert any("locked until" in failure.what for failure in outcome.failures)
    assert "2026-W47" in labels(classes, 1)


@pytest.mark.parametrize("at", ["put_bytes", "delete_versions"])
def test_killed_while_it_copies_or_deletes_the_next_run_ends_it(
    classes: World, monkeypatch: pytest.MonkeyPatch, at: str
):
    for day in range(8):
        dumped(classes, day)
    real: Callable[..., Any] = getattr(objects.Objects, at)
    calls: list[int] = []

    def at_the_second(*given: Any) -> Any:
        calls.append(1)
        return die() if len(calls) == 2 else real(*given)

    with monkeypatch.context() as fault:
        fault.setattr(objects.Objects, at, at_the_second)
        in_a_killed_process(lambda: kept(classes, 7))
    outcome = kept(classes, 7)
    assert (outcome.verdict, outcome.failures) == (Verdict.PASS, ())
    assert labels(classes, 1) == ["2026-W47"]
    assert "2026-11-23" not in labels(classes, 0)
    assert not any("/2026-11-23/" in key for key in set(classes.keys()))


def test_a_plan_is_the_same_twice_and_deletes_nothing_without_keep(classes: World):
    for day in range(8):
        dumped(classes, day)
    now = FIRST + 7 * DAY + timedelta(hours=10)
    one, two = (apply.plan(PROMISE, classes.system, now, None) for _ in range(2))
    assert one.hash == two.hash
    assert [step.verb for step in one.decision.steps] == ["copy dump"] * 2 + ["delete dump"]


@pytest.mark.parametrize(
    ("name", "since", "wanted"),
    [
        ("daily", date(2026, 11, 25), ("2026-11-25", "2026-11-26", "2026-11-27")),
        ("weekly", date(2026, 11, 12), ("2026-W46", "2026-W47")),
        ("monthly", date(2026, 9, 30), ("2026-09", "2026-10")),
    ],
)
def test_slots_are_due_when_they_are_over_by_the_policys_own_calendar(
    name: Any, since: date, wanted: tuple[str, ...]
):
    now = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)  # in Vienna it is the 28th
    kind = Kind(name, "b", "p/", Span(12, "month"))
    assert slots.due(kind, since, now, "Europe/Vienna") == wanted
