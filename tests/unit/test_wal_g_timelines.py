"""Whose timelines lie in the store: a promotion of the server's own is quiet, another one is found."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from backups.wal_g.intervals import Moment
from backups.wal_g.log import Fork, Line, Segment, line
from backups.wal_g.watch.survey import Said, Server, Store
from backups.wal_g.watch.timelines import SETTLED, Lines, foreign, strangers
from lifecycle.coverage import Reason
from tests.unit.test_wal_g_lag import NOW, SERVER, SIZE, ago, base

FORK = 254 * SIZE + 8
AFTER = line(2, f"1\t0/{FORK:X}\tno recovery target specified\n")
BEFORE = {Segment(1, n): ago(hours=3) for n in range(250, 255)}
SINCE = {Segment(2, n): ago(hours=1) for n in range(254, 258)}
PROMOTED = replace(SERVER, segment=Segment(2, 258).name(SIZE))
HISTORY = {2: ago(hours=2)}


def said(
    server: Server,
    segments: Mapping[Segment, datetime],
    histories: Mapping[int, datetime] | None = None,
    lines: Mapping[int, Line | None] | None = None,
    lived: Mapping[int, int] | None = None,
) -> str:
    moments = tuple(Moment(NOW, timeline, lsn) for timeline, lsn in (lived or {}).items())
    seen = Said(server, None, moments)
    told = strangers(seen, Store(segments, histories or {}), Lines(lines or {}))
    return "; ".join(
        one.why if isinstance(one, Reason) else f"{one.target}: {one.what}" for one in told
    )


def test_a_history_says_which_timelines_were_left_and_where() -> None:
    text = "1\t0/5000160\tno recovery target specified\n\n# a note\n2\tA/B0000000\tbefore 2026\n"
    assert line(3, text) == Line(3, (Fork(1, 0x5000160), Fork(2, 0xAB0000000)))


@pytest.mark.parametrize(
    "text", ["", "1 5000160 x", "2\t0/1\tof itself", "1\t0/9\ta\n1\t0/8\tb", "{}"]
)
def test_what_is_no_history_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        line(2, text)


def test_recovery_reads_a_segment_from_the_newest_timeline_that_has_begun() -> None:
    assert AFTER.needs(253, SIZE) == Segment(1, 253)
    assert AFTER.needs(254, SIZE) == Segment(2, 254)
    assert [AFTER.has(Segment(t, n), SIZE) for t, n in ((1, 254), (1, 255), (2, 9), (3, 9))] == [
        True,
        False,
        True,
        False,
    ]


def test_a_server_that_was_never_promoted_is_alone_in_its_store() -> None:
    assert said(SERVER, BEFORE) == ""


def test_21_a_promotion_of_this_server_is_quiet_with_what_it_left() -> None:
    lived = {1: FORK - 99, 2: SERVER.lsn}
    assert said(PROMOTED, BEFORE | SINCE, HISTORY, {2: AFTER}, lived) == ""
    cut_off = {Segment(1, 255): HISTORY[2] + SETTLED}
    assert said(PROMOTED, BEFORE | SINCE | cut_off, HISTORY, {2: AFTER}) == ""


def test_21_a_copy_that_was_promoted_and_archives_is_found_with_where_it_left() -> None:
    told = said(SERVER, BEFORE | SINCE, HISTORY, {2: AFTER})
    assert told.startswith(
        "timeline 2: it is in the store, left timeline 1 at 0/FE000008, last written at "
    )
    assert "a copy was promoted and archives there" in told
    assert said(SERVER, BEFORE, HISTORY, {2: None}).startswith(
        "timeline 2: it is in the store, last"
    )


def test_22_a_server_that_was_left_and_archives_on_is_found() -> None:
    on = {Segment(1, n): ago(minutes=100) for n in (255, 256)}
    told = said(PROMOTED, BEFORE | SINCE | on, HISTORY, {2: AFTER})
    name = Segment(1, 256).name(SIZE)
    assert told == (
        f"timeline 1: timeline 1, which this server left when it was promoted, goes on: {name} was stored at "
        "2026-11-27 10:20:00Z"
    )


def test_a_branch_that_ended_before_this_timeline_began_is_quiet_until_somebody_writes_on_it() -> (
    None
):
    server = replace(SERVER, segment=Segment(3, 258).name(SIZE))
    three = line(3, f"1\t0/{FORK:X}\tback to before\n")
    there = BEFORE | SINCE | {Segment(3, 257): ago(minutes=5)}
    histories = HISTORY | {3: ago(minutes=30)}
    assert said(server, there, histories, {2: AFTER, 3: three}) == ""
    again = there | {Segment(2, 258): ago(minutes=1)}
    assert said(server, again, histories, {2: AFTER, 3: three}).startswith("timeline 2: it is in")


def test_22_a_history_that_denies_what_the_server_has_lived_through_is_found() -> None:
    own = {2: AFTER}
    assert (
        "was left at 0/FE000008, and this server's own ledger was written on it at 0/FE000009"
        in said(PROMOTED, BEFORE | SINCE, HISTORY, own, {1: FORK + 1})
    )
    three = replace(SERVER, segment=Segment(3, 258).name(SIZE))
    from_one = {3: line(3, f"1\t0/{FORK:X}\tx\n")}
    assert "does not know of timeline 2" in said(three, BEFORE, {3: NOW}, from_one, {2: FORK})
    later = {2: line(2, "1\t2/0\tx\n")}
    assert "begins at 2/0, and the server is at 1/2000028" in said(PROMOTED, {}, HISTORY, later)
    two = {2: AFTER, 3: line(3, "1\t0/5\tx\n2\t0/FF000000\ty\n")}
    assert "00000003.history: it and 00000002.history are not of one line" in said(
        three, {}, {2: NOW, 3: NOW}, two
    )


def test_a_promoted_server_whose_history_is_not_in_the_store_is_found_once_its_segments_are() -> (
    None
):
    assert "has archived nothing of its timeline yet" in said(PROMOTED, BEFORE)
    assert said(PROMOTED, BEFORE | SINCE).startswith(
        "00000002.history: segments of the server's timeline are in the store, and its history is not"
    )
    assert "is no history of the server's timeline" in said(PROMOTED, BEFORE, HISTORY, {2: None})


def test_a_base_backup_of_another_server_is_found_and_one_from_before_this_server_is_not() -> None:
    ours = base(Segment(1, 250)).model_copy(update={"system_identifier": 7})
    other = {"system_identifier": 8, "backup_name": "base_other"}
    later = ours.model_copy(update=other)
    earlier = later.model_copy(update={"finish_time": NOW - timedelta(days=1)})
    assert list(foreign([ours, earlier], 7)) == []
    assert [one.target for one in foreign([ours, later], 7)] == ["base_other"]
