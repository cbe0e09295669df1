"""From when on one can come back with WAL-G: base backups and log are held against the window that is promised."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backups.wal_g import listing, measured
from backups.wal_g.listing import Backup
from backups.wal_g.record import Point
from backups.wal_g.watch.known import Known
from lifecycle.coverage import Reason
from lifecycle.outcome import Failure

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
POINT = Point("p", 0, "000000010000000100000002", 7, 150018, 60, 2**24, 9, (), {})


def backup(days: int, segment: str, **other: Any) -> Backup:
    at = NOW - timedelta(days=days)
    said = {
        "backup_name": f"base_{segment}",
        "wal_file_name": segment,
        "time": at,
        "start_time": at,
        "finish_time": at,
        "pg_version": 150018,
        "start_lsn": 0,
        "finish_lsn": 100 - days,
        "system_identifier": 7,
    }
    return Backup.model_validate(said | other)


OLD, NEW = backup(8, "0000000100000000000000FE"), backup(1, "000000010000000100000001")
LOG = frozenset(
    f"00000001{name}.lz4"
    for name in ("00000000000000FE", "00000000000000FF", "0000000100000000", "0000000100000001")
) | {"000000010000000100000002.br", "0000000100000000000000FE.00000028.backup.lz4"}


def said(*backups: Backup, names: frozenset[str] = LOG, point: Point = POINT) -> str:
    return "; ".join(
        why.what if isinstance(why, Failure) else why.why
        for why in measured.too_short(backups, names, SINCE, point)
    )


def test_a_base_backup_from_before_the_window_and_all_of_its_log_are_enough() -> None:
    assert said(OLD, NEW) == ""


def test_without_a_base_backup_from_before_it_the_window_is_not_kept() -> None:
    assert said(NEW) == (
        "no base backup from before 2026-11-14 12:00:00Z is there: one can come back to 2026-11-20 12:00:00Z at most"
    )
    delta = backup(7, "0000000100000000000000FF", backup_name="base_FF_D_0000000100000000000000FE")
    assert "builds on base_0000000100000000000000FE, which is not in the store" in said(delta, NEW)


@pytest.mark.parametrize("lost", ["00000000000000FF", "0000000100000000"])
def test_a_segment_between_the_old_base_backup_and_the_new_one_is_missed(lost: str) -> None:
    """A drill recovers from the newest: it never asks for this one."""
    names = LOG - {f"00000001{lost}.lz4"}
    assert said(OLD, NEW, names=names) == (
        f"1 segment of the log since base_0000000100000000000000FE not in the archive: 00000001{lost}"
    )


def test_over_a_promotion_it_is_not_told() -> None:
    point = Point("p", 0, "000000020000000100000002", 7, 150018, 60, 2**24, 9, (), {})
    [why] = measured.too_short((OLD,), LOG, SINCE, point)
    assert isinstance(why, Reason)


def test_a_base_backup_of_another_server_in_the_same_store_is_none_of_ours() -> None:
    """The newest in the list was asked for its age: another server's hid that ours had ended."""
    other = backup(0, "000000010000000900000001", system_identifier=8, finish_lsn=1000)
    assert listing.of_server((OLD, other), 7) == (OLD,)


def test_segments_that_somebody_knows_to_be_missing_keep_the_drill_from_nothing() -> None:
    word = Known("0000000100000000000000FF", "000000010000000100000000", "lost", "ops", NOW)
    names = LOG - {"0000000100000000000000FF.lz4", "000000010000000100000000.lz4"}
    assert "2 segments of the log since" in said(OLD, NEW, names=names)
    assert list(measured.too_short([OLD, NEW], names, SINCE, POINT, [word])) == []
    lacking = names - {"000000010000000100000001.lz4"}
    assert len(list(measured.too_short([OLD, NEW], lacking, SINCE, POINT, [word]))) == 1
