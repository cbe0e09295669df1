"""Base backups and their log end on the real WAL-G: what stays brings back all of it, whatever is killed or locked."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backups.wal_g.ends import delete
from backups.wal_g.ends.promise import PROMISE
from backups.wal_g.ends.survey import survey_store
from backups.wal_g.program import Program
from gdpr import horizon
from lifecycle.ledger import evidence
from lifecycle.outcome import Verdict
from lifecycle.postgres.binaries import environment, rights, server_account
from lifecycle.system import System
from tests.keep import keep, plan
from tests.waiting import wait_until
from tests.wal_g import aged
from tests.wal_g.aged import PROMISED, dies, names, ran
from tests.wal_g.clinic import Clinic, now, told
from tests.wal_g.source import Archive, program


@pytest.fixture(scope="module")
def kept() -> Iterator[Clinic]:
    with aged.three() as made:
        yield made


@pytest.fixture
def archive(kept: Clinic) -> Iterator[Archive]:
    with aged.copy(kept) as made:
        yield made


def system(kept: Clinic, archive: Archive, **promised: Any) -> System:
    return kept.system(archive, PROMISED | promised)


def test_what_ends_is_gone_and_what_stays_brings_everything_back(
    kept: Clinic, archive: Archive
) -> None:
    at = system(kept, archive)
    first, second, third = names(at)
    shown = plan(PROMISE, at, now())
    assert [step.target for step in shown.decision.steps[:2]] == [second, first]
    begins = archive.files().keys()

    claim = kept.claim(delete.JOB)
    outcome = keep(PROMISE, at, claim, now(), shown)
    kept.end(claim)

    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert names(at) == [third]
    assert {path.name for path in archive.base.iterdir() if path.name.startswith(second)} <= {
        second
    }
    oldest = min(path.name[8:24] for path in archive.wal)
    assert oldest == third[-16:]
    gone = begins - archive.files().keys()
    steps: Any = shown.decision.steps
    assert gone == {key for step in steps for key in step.keys if key in begins}
    drilled = kept.drill(archive, promised={"window": "1 second", "base": "1 day"})
    assert drilled.verdict is Verdict.PASS, told(drilled)
    with kept.system().connect("test") as conn:
        assert {first, second} <= evidence.targets(conn, delete.ENDED)
    again = ran(kept, delete.JOB, at)
    assert again.verdict is Verdict.PASS, told(again)
    assert again.counts["ended"] == 0


def test_a_person_who_was_shown_another_plan_deletes_nothing(
    kept: Clinic, archive: Archive
) -> None:
    at = system(kept, archive)
    shown = plan(PROMISE, at, now())
    archive.wal[0].unlink()
    claim = kept.claim(delete.JOB)
    with pytest.raises(Exception, match="the world has changed since the plan was shown"):
        keep(PROMISE, at, claim, now(), shown)
    kept.end(claim)
    assert len(names(at)) == 3


def test_32_killed_between_any_two_objects_one_can_come_back_and_the_next_run_ends_the_rest(
    kept: Clinic, archive: Archive
) -> None:
    at = system(kept, archive)
    third = names(at)[-1]
    number = 0
    while dies(kept, at, Program, "remove", 1):
        number += 1
        seen = survey_store(at, now(), None)
        assert seen.there.backups[-1].backup_name == third
        assert seen.there.reach is not None
        assert seen.there.reach.holes == ()
        assert len(seen.there.reach.intervals) == 1
        if number == 3:  # half a base backup is there, and its sentinel is not
            drilled = kept.drill(archive, promised={"window": "1 second"})
            assert drilled.verdict is Verdict.PASS, told(drilled)
    assert number > 10
    assert names(at) == [third]
    assert {
        path.name
        for path in archive.base.iterdir()
        if any(one.is_file() for one in path.rglob("*"))
    } == {third}
    assert min(path.name[8:24] for path in archive.wal) == third[-16:]
    drilled = kept.drill(archive, promised={"window": "1 second"})
    assert drilled.verdict is Verdict.PASS, told(drilled)


def test_a_permanent_one_stays_and_comes_up(kept: Clinic, archive: Archive) -> None:
    at = system(kept, archive)
    first, second, third = names(at)
    walg = [str(program()), "--config", str(archive.config)]
    marked = subprocess.run(
        [*walg, "backup-mark", second], env=environment({}), cwd="/", capture_output=True,
        check=False, timeout=60, **rights(server_account()),
    )  # fmt: skip
    assert marked.returncode == 0, marked.stderr

    outcome = ran(kept, delete.JOB, at)

    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert names(at) == [first, second, third]
    seen = survey_store(at, now(), None)
    size = seen.said.server.segment_size
    for one in seen.there.backups[:2]:
        needed = range(one.start_lsn // size, one.finish_lsn // size + 1)
        assert {segment.number for segment in seen.log} >= set(needed)


def test_a_hold_keeps_all_of_it(kept: Clinic, archive: Archive) -> None:
    at = system(kept, archive)
    with psycopg.connect(kept.source.cluster.dsn("clinic"), autocommit=True) as admin:
        admin.execute(
            "insert into lifecycle.hold (covers, table_name, because, placed_by)"
            " values ('table', 'visits', 'a test', 'somebody')"
        )
        try:
            outcome = ran(kept, delete.JOB, at)
        finally:
            admin.execute(
                "insert into lifecycle.hold_release (hold_id, because, released_by)"
                " select hold_id, 'a test', 'somebody' from lifecycle.hold"
            )
    assert "kept while a legal hold stands" in outcome.summary
    assert len(names(at)) == 3


def test_33_what_cannot_be_deleted_is_told_and_its_log_stays(
    kept: Clinic, archive: Archive
) -> None:
    at = system(kept, archive)
    _, second, _ = names(at)
    locked = archive.base / second / "tar_partitions"
    before = [path.name for path in archive.wal]
    locked.chmod(0o500)
    try:
        outcome = ran(kept, delete.JOB, at)
    finally:
        locked.chmod(0o700)
    assert outcome.verdict is Verdict.FAIL
    assert second in {failure.target for failure in outcome.failures}
    assert [path.name for path in archive.wal] == before
    # Of what is not listed any more nobody takes it for a whole one; it goes with the next run.
    assert ran(kept, delete.JOB, at).verdict is Verdict.PASS
    assert len(names(at)) == 1


def test_until_when_somebody_erased_is_in_it_has_a_day(kept: Clinic, archive: Archive) -> None:
    at = system(kept, archive)
    [copies] = horizon.copies(at, (), now())
    assert copies.there == 3
    assert copies.until is not None
    assert not copies.endless


def test_a_base_backup_that_is_taken_meanwhile_is_whole(kept: Clinic) -> None:
    """In its own store, so it is the last test: a delta is taken while what is older than the one it builds on ends."""
    own = kept.source.archive
    at = system(kept, own)
    third = names(at)[-1]
    host = str((kept.source.cluster.directory / "socket").resolve())
    pushing = subprocess.Popen(
        [str(program()), "--config", str(own.config), "backup-push", str(kept.source.cluster.data)],
        env=environment({"PGHOST": host, "PGUSER": "postgres"}),
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **rights(server_account()),
    )
    outcome = ran(kept, delete.JOB, at)
    assert pushing.wait(timeout=240) == 0
    assert outcome.verdict is Verdict.PASS, told(outcome)
    delta = names(at)
    assert [name.split("_D_")[-1] for name in delta] == [third, third.removeprefix("base_")]
    kept.after()
    assert kept.point().verdict is Verdict.PASS
    wait_until(lambda: Path(own.place).exists())
    drilled = kept.drill(own, promised={"window": "1 second"})
    assert drilled.verdict is Verdict.PASS, told(drilled)
    assert delta[-1] in drilled.summary
