"""From when to when one can come back: what base backups, the log and the ledger's own looks say together."""

from datetime import datetime, timedelta

from backups.wal_g.intervals import Gap, Moment, Reach, reach
from backups.wal_g.listing import Backup
from backups.wal_g.log import Fork, Line, Segment
from backups.wal_g.watch.known import Known
from backups.wal_g.watch.survey import Said
from backups.wal_g.watch.window import broken, short
from backups.wal_g.words import WalG
from tests.unit.test_wal_g_lag import NOW, SERVER, SIZE

DAY = timedelta(days=1)
ZERO = NOW - 10 * DAY
PROMISED = WalG.model_validate({"window": "7 days", "rpo": "5 minutes", "rto": "1 hour"})


def day(number: float) -> datetime:
    """Return a time; the log of these tests grows by a hundred segments a day."""
    return ZERO + number * DAY


def base(number: float, *, parent: str = "", timeline: int = 1) -> Backup:
    """Return a base backup that was taken on that day, for an hour and three segments."""
    first = round(number * 100)
    name = f"base_{number}" + (f"_D_{parent}" if parent else "")
    return Backup.model_validate(
        {
            "backup_name": name,
            "wal_file_name": Segment(timeline, first).name(SIZE),
            "time": NOW,
            "start_time": day(number),
            "finish_time": day(number) + timedelta(hours=1),
            "pg_version": 150018,
            "start_lsn": first * SIZE + 40,
            "finish_lsn": (first + 3) * SIZE,
            "system_identifier": 7,
        }
    )


def looks(*numbers: float, timeline: int = 1) -> list[Moment]:
    return [Moment(day(n), timeline, round(n * 100) * SIZE) for n in numbers]


def log(first: int, last: int, *lacking: int, timeline: int = 1) -> set[Segment]:
    return {Segment(timeline, n) for n in range(first, last + 1) if n not in lacking}


def between(found: Reach) -> list[tuple[float, float]]:
    return [((one.since - ZERO) / DAY, (one.until - ZERO) / DAY) for one in found.intervals]


HOUR = 1 / 24


def test_one_can_come_back_to_any_time_from_the_end_of_the_oldest_to_the_last_known_look() -> None:
    found = reach([base(2), base(5)], log(200, 900), Line(1), looks(4.5, 8.99, 9.02), SIZE)
    assert between(found) == [(2 + HOUR, 8.99)]
    assert found.intervals[0].backups == ("base_2", "base_5")
    assert (found.holes, found.gaps) == ((), ())
    assert str(found) == (
        "one can come back to any time from 2026-11-19 13:00:00Z to 2026-11-26 11:45:36Z"
    )


def test_1_a_hole_has_the_times_between_which_nobody_comes_back() -> None:
    found = reach([base(2), base(5)], log(200, 900, 400, 401), Line(1), looks(3.99, 4.01, 8), SIZE)
    assert between(found) == [(2 + HOUR, 3.99), (5 + HOUR, 8)]
    [hole] = found.holes
    assert (hole.since, hole.until) == (day(3.99), day(5 + HOUR))
    assert hole.gaps == (Gap(Segment(1, 400), Segment(1, 401)),)
    assert str(found).endswith("except 2026-11-21 11:45:36Z to 2026-11-22 13:00:00Z")


def test_without_a_look_of_the_ledger_the_starts_of_base_backups_are_known() -> None:
    found = reach([base(2), base(3), base(5)], log(200, 900, 400), Line(1), [], SIZE)
    assert between(found) == [(2 + HOUR, 3 + HOUR), (5 + HOUR, 5 + HOUR)]


def test_a_base_backup_whose_own_log_is_broken_brings_nobody_back() -> None:
    found = reach([base(2), base(5)], log(200, 900, 501), Line(1), looks(4.9, 8), SIZE)
    assert between(found) == [(2 + HOUR, day_of(found))]
    assert reach([base(5)], log(200, 900, 501), Line(1), looks(8), SIZE).intervals == ()
    assert (
        str(reach([], log(200, 900), Line(1), looks(8), SIZE))
        == "one can come back to no time at all"
    )


def day_of(found: Reach) -> float:
    """Return when it ends: at the start of the second base backup, which is known to lie before the hole."""
    [(_, until)] = between(found)
    assert until == 5
    return until


def test_a_delta_whose_parent_is_gone_brings_nobody_back() -> None:
    lost = base(5, parent="0000000100000000000000AA")
    assert between(reach([base(2), lost], log(200, 900), Line(1), looks(8), SIZE)) == [
        (2 + HOUR, 8)
    ]
    assert reach([lost], log(200, 900), Line(1), looks(8), SIZE).intervals == ()


def test_21_the_log_is_followed_over_a_promotion_and_looks_at_what_was_left_count_for_nothing() -> (
    None
):
    line = Line(2, (Fork(1, 400 * SIZE + 8),))
    there = log(200, 400) | log(400, 900, timeline=2)
    known = [*looks(3.9, 4.5), *looks(8, timeline=2)]
    assert between(reach([base(2)], there, line, known, SIZE)) == [(2 + HOUR, 8)]
    torn = there - log(450, 450, timeline=2)
    assert between(reach([base(2)], torn, line, known, SIZE)) == [(2 + HOUR, 3.9)]


def test_it_does_not_depend_on_the_times_of_the_store() -> None:
    """Only names of segments go in: a bucket that was copied has other times (scenario 36)."""
    assert between(reach([base(2)], log(200, 900), Line(1), looks(8), SIZE)) == [(2 + HOUR, 8)]


def said(pointed: float | None = None, *known: Known) -> Said:
    return Said(SERVER, None, (), None if pointed is None else day(pointed), known)


def test_the_window_reaches_back_as_far_as_points_were_written_and_no_further() -> None:
    young = reach([base(8)], log(800, 900), Line(1), looks(8.9), SIZE)
    assert list(short(PROMISED, young, said())) == []
    assert list(short(PROMISED, young, said(8.5))) == []
    [found] = short(PROMISED, young, said(1))
    assert found.what.startswith(
        "one can come back to 2026-11-25 13:00:00Z at most; 7 days are promised"
    )
    [nothing] = short(PROMISED, reach([base(8)], log(850, 900), Line(1), [], SIZE), said())
    assert nothing.what == "from none of the base backups one can come back to anything"


def test_a_hole_in_the_window_is_found_by_its_times_unless_somebody_knows_of_all_of_it() -> None:
    holed = reach([base(2), base(5)], log(200, 900, 400, 401), Line(1), looks(3.99, 8), SIZE)
    first, last = Segment(1, 400).name(SIZE), Segment(1, 401).name(SIZE)
    word = Known(first, last, "a disk was full", "ops", NOW + DAY)
    [found] = broken(PROMISED, holed, said())
    assert found.target == first
    assert found.what == (
        "no time between 2026-11-21 11:45:36Z and 2026-11-22 13:00:00Z can be come back to: "
        f"2 segments of the log missing, {first} to {last}"
    )
    assert list(broken(PROMISED, holed, said(None, word))) == []
    larger = reach([base(2), base(5)], log(200, 900, 400, 401, 402), Line(1), looks(3.99, 8), SIZE)
    assert len(list(broken(PROMISED, larger, said(None, word)))) == 1
    old = WalG.model_validate({"window": "3 days", "rpo": "5 minutes", "rto": "1 hour"})
    assert list(broken(old, holed, said())) == [], "from before the window"
