"""Coming back to a named point from what the real WAL-G keeps: whole, and damaged in each way that must be noticed.

The numbers are those of the scenarios that a verifier of backups has to notice.
"""

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from backups.wal_g import program, record, recover_kept
from lifecycle.errors import InputError
from lifecycle.outcome import Outcome, Verdict
from tests.keep import work
from tests.wal_g.clinic import Clinic, now, told, unseen
from tests.wal_g.source import Archive


def failed(outcome: Outcome, what: str) -> None:
    assert outcome.verdict is Verdict.FAIL, (outcome.summary, unseen(outcome))
    assert what in told(outcome)


def unverified(outcome: Outcome, why: str) -> None:
    assert outcome.verdict is Verdict.UNVERIFIED, (outcome.summary, told(outcome))
    assert why in unseen(outcome)


def test_a_healthy_archive_brings_back_what_the_point_held_and_nothing_of_after(
    clinic: Clinic,
) -> None:
    before, recorded = clinic.source.archive.files(), clinic.newest()
    [(now_there,)] = clinic.source.ask("select count(*) from visits", "clinic")
    assert recorded.tables["visits"].rows < now_there

    outcome = clinic.drill()

    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
    assert outcome.counts["rows"] == sum(held.rows for held in recorded.tables.values())
    assert clinic.left() == []
    assert clinic.source.archive.files() == before


def of_point(clinic: Clinic, archive: Archive) -> Path:
    """Return the stored segment in which the point lies."""
    [stored] = [path for path in archive.wal if path.name.startswith(clinic.newest().point.segment)]
    return stored


def before_point(clinic: Clinic, archive: Archive) -> Path:
    """Return the stored segment before that, which the newest base backup needs too."""
    stored = [path for path in archive.wal if "." in path.name and ".backup" not in path.name]
    return stored[[path.name for path in stored].index(of_point(clinic, archive).name) - 1]


def test_1_a_lost_segment_is_found(clinic: Clinic, archive: Archive) -> None:
    before_point(clinic, archive).unlink()

    outcome = clinic.drill(archive)

    assert outcome.verdict is Verdict.FAIL, outcome
    assert "is missing" in told(outcome) or "is not in the archive" in told(outcome)
    assert clinic.left() == []


def test_29_an_archive_that_ends_before_the_point_is_found(
    clinic: Clinic, archive: Archive
) -> None:
    of_point(clinic, archive).unlink()

    failed(clinic.drill(archive), "before the point: a segment is missing")


@pytest.mark.parametrize("damage", ["one byte", "truncated", "emptied"])
def test_2_and_3_a_segment_that_is_changed_or_cut_is_found(
    clinic: Clinic, archive: Archive, damage: str
) -> None:
    stored = of_point(clinic, archive)
    whole = bytearray(stored.read_bytes())
    if damage == "one byte":
        whole[len(whole) // 2] ^= 0xFF
    stored.write_bytes(
        whole
        if damage == "one byte"
        else whole[: len(whole) // 2]
        if damage == "truncated"
        else b""
    )

    failed(clinic.drill(archive), "is damaged")


def parts(archive: Archive) -> list[Path]:
    return sorted(
        archive.base.glob("*/tar_partitions/part_*"), key=lambda path: path.stat().st_size
    )


def hasty(archive: Archive) -> Archive:
    """Let WAL-G not try for a quarter of an hour whether a damaged part has mended itself."""
    settings = json.loads(archive.config.read_text())
    archive.config.write_text(json.dumps(settings | {"WALG_DOWNLOAD_CONCURRENCY": "1"}))
    return archive


def test_5_a_part_of_a_base_backup_that_is_lost_is_found(clinic: Clinic, archive: Archive) -> None:
    parts(archive)[-1].unlink()

    assert clinic.drill(hasty(archive)).verdict is Verdict.FAIL


def test_6_a_byte_of_a_base_backup_that_is_changed_is_found(
    clinic: Clinic, archive: Archive
) -> None:
    part = parts(archive)[-1]
    whole = bytearray(part.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    part.write_bytes(whole)

    outcome = clinic.drill(hasty(archive))

    assert outcome.verdict is Verdict.FAIL
    assert "key" not in told(outcome)
    assert clinic.left() == []


def sentinels(archive: Archive) -> list[Path]:
    return sorted(archive.base.glob("*_backup_stop_sentinel.json"))


def test_9_a_base_backup_that_was_never_finished_counts_for_none(
    clinic: Clinic, archive: Archive
) -> None:
    for sentinel in sentinels(archive):
        sentinel.unlink()

    failed(clinic.drill(archive), "no base backup from before the point")


def test_10_a_sentinel_that_is_no_json_could_not_be_verified(
    clinic: Clinic, archive: Archive
) -> None:
    for sentinel in sentinels(archive):
        sentinel.write_text("{")

    outcome = clinic.drill(archive)

    assert outcome.verdict is Verdict.UNVERIFIED, (outcome.summary, told(outcome))


def test_14_a_base_backup_that_is_older_than_promised_is_found(clinic: Clinic) -> None:
    failed(clinic.drill(at=now() + timedelta(days=3)), "one is promised every 1 day")


def test_14_a_point_of_days_ago_says_nothing_of_what_is_lost_today(clinic: Clinic) -> None:
    promised = {"base": "30 days", "window": "60 days"}
    failed(
        clinic.drill(at=now() + timedelta(days=5), promised=promised),
        "the newest restore point in the archive is 120 hours old",
    )


def test_15_the_newest_is_chosen_by_its_place_in_the_log_and_not_by_what_was_changed_last(
    clinic: Clinic, archive: Archive
) -> None:
    listed = sorted(sentinels(archive), key=lambda path: json.loads(path.read_text())["LSN"])
    for number, sentinel in enumerate(reversed(listed)):
        os.utime(sentinel, (1_900_000_000 + number, 1_900_000_000 + number))

    outcome = clinic.drill(archive)

    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
    assert "LATEST is another" in outcome.summary


def test_16_a_delta_without_what_it_builds_on_is_found(clinic: Clinic, archive: Archive) -> None:
    [full] = [path for path in sentinels(archive) if "_D_" not in path.name]
    full.unlink()
    shutil.rmtree(archive.base / full.name.removesuffix("_backup_stop_sentinel.json"))

    failed(clinic.drill(archive), "which is not in the store")


def test_17_a_store_that_is_not_there_could_not_be_verified(
    clinic: Clinic, archive: Archive
) -> None:
    shutil.rmtree(archive.store)

    unverified(clinic.drill(archive), "not where WAL-G's settings say")


def test_the_times_are_held_against_what_is_promised(clinic: Clinic) -> None:
    outcome = clinic.drill(promised={"rpo": "1 minute", "rto": "1 second"})

    failed(outcome, "1 second is promised")
    assert "1 minute is promised" in told(outcome)


def test_an_older_point_is_come_back_to_in_its_turn_from_the_oldest_or_a_delta_base_backup(
    clinic: Clinic,
) -> None:
    """The points differ in what their tables held: each is compared with its own."""
    system = clinic.system()
    oldest = record.keys(program.find(system), system.name)[0]
    clinic.source.say("insert into visits select max(id) + 1 from visits", "clinic")
    assert clinic.point().verdict is Verdict.PASS
    clinic.after()
    newest = clinic.newest().key
    assert newest != oldest
    for which, named in (("oldest", oldest), ("delta", newest)):
        claim = clinic.claim(recover_kept.JOB)
        job = recover_kept.job(clinic.system(), which)
        assert callable(job.work)
        outcome = work(job.work, clinic.system(), claim, now())
        clinic.end(claim)
        assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
        assert f" {named[:-5].partition('Z_')[2]} in " in outcome.summary
        assert "_D_" in outcome.summary
        assert "rpo_ms" not in outcome.counts
    with pytest.raises(InputError, match="no such drill"):
        recover_kept.job(clinic.system(), "youngest")
