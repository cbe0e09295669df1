"""Which dump is drilled next, and why."""

from datetime import UTC, datetime, timedelta

from backups.manifest import Manifest
from backups.rotation import choose
from backups.slots import Kind

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAILY, WEEKLY, MONTHLY = (
    Kind(name, "b", f"{name}/", None) for name in ("daily", "weekly", "monthly")
)  # type: ignore[arg-type]


def dumped(kind: Kind, days_ago: int) -> Manifest:
    slot = NOW - timedelta(days=days_ago)
    return Manifest.model_construct(key=f"{kind.prefix}{slot:%Y-%m-%d}/1-1/data.dump", slot=slot)


OLD, NEW = dumped(DAILY, 9), dumped(DAILY, 1)
WEEK, MONTH = dumped(WEEKLY, 6), dumped(MONTHLY, 27)
ALL = [(DAILY, [NEW, OLD]), (WEEKLY, [WEEK]), (MONTHLY, [MONTH])]


def test_a_class_that_was_never_drilled_comes_first_and_the_others_are_named() -> None:
    choice = choose(ALL, {NEW.key: NOW - timedelta(days=90)})
    assert choice is not None
    assert (choice.dumped, choice.never) == (WEEK, ("monthly",))
    assert choice.why == "no weekly dump was ever drilled, and it is the oldest"


def test_then_the_class_that_was_drilled_longest_ago_comes() -> None:
    seen = {NEW.key: NOW, WEEK.key: NOW - timedelta(days=2), MONTH.key: NOW - timedelta(days=3)}
    choice = choose(ALL, seen)
    assert choice is not None
    assert (choice.dumped, choice.never) == (MONTH, ())
    assert "2026-11-25 00:00:00Z, and it was drilled itself" in choice.why


def test_of_a_class_the_oldest_that_never_was_comes_and_then_the_one_longest_ago() -> None:
    daily = [(DAILY, [NEW, OLD])]
    picked = [choose(daily, {}), choose(daily, {OLD.key: NOW - timedelta(days=1)})]
    picked.append(choose(daily, {OLD.key: NOW, NEW.key: NOW - timedelta(days=1)}))
    assert [one.dumped if one else None for one in picked] == [OLD, NEW, NEW]


def test_a_drill_of_a_dump_that_is_gone_counts_for_its_class() -> None:
    seen = {"weekly/2026-W01/1-1/data.dump": NOW, NEW.key: NOW - timedelta(days=1)}
    choice = choose(ALL[:2], seen)
    assert choice is not None
    assert choice.dumped == OLD


def test_a_class_without_a_dump_holds_nothing_up() -> None:
    assert choose([(WEEKLY, [])], {}) is None
    choice = choose([(DAILY, [NEW]), (WEEKLY, [])], {NEW.key: NOW})
    assert choice is not None
    assert (choice.dumped, choice.never) == (NEW, ())
