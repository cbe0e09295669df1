"""What ends of dumps, where somebody else writes into the bucket, or left half a dump there."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from backups import manifest, shelf
from backups.manifest import Manifest
from lifecycle.errors import Unreachable
from lifecycle.outcome import Verdict
from lifecycle.system import System
from tests.database.test_backups import World, world
from tests.database.test_backups_classes import FIRST, classes, dumped, kept, labels

__all__ = ["classes", "world"]

LONG_AGO = datetime(2001, 1, 1, 2, tzinfo=UTC)


def test_a_manifest_that_somebody_made_older_ends_no_dump_that_is_young_by_its_place(
    classes: World,
):
    for day in range(3):
        dumped(classes, day)
    young = shelf.look(classes.system).dumps[-1]
    for one in shelf.look(classes.system).dumps:
        if one.key != young.key:
            older = one.model_copy(update={"slot": LONG_AGO})
            classes.write(manifest.beside(one.key), older.to_json())
    outcome = kept(classes, 2)
    assert outcome.counts["expired"] == 0
    assert len(labels(classes, 0)) == 3


def test_the_newest_that_is_never_deleted_is_one_that_we_took(classes: World):
    ours = dumped(classes, 0)
    fake = ours.model_copy(
        update={"key": "daily/2027-06-01/9-1/data.dump", "slot": FIRST + timedelta(days=192)}
    )
    classes.write(fake.key, b"anything")
    classes.write(manifest.beside(fake.key), fake.to_json())
    kept(classes, 200)
    assert ours.key in classes.keys()  # noqa: SIM118 - what the bucket holds


def test_what_was_left_of_a_dump_is_not_kept_for_ever_unseen(classes: World):
    for day in range(8):
        dumped(classes, day)
    classes.write("daily/2026-10-01/3-1/data.dump", b"half of it")
    damaged = "daily/2026-10-02/4-1/data.dump"
    classes.write(damaged, b"all of it")
    classes.write(manifest.beside(damaged), b"{}")
    kept(classes, 7)
    outcome = kept(classes, 7)
    assert outcome.verdict is Verdict.FAIL
    assert [failure.target for failure in outcome.failures] == [
        "daily/2026-10-01/3-1/data.dump",
        manifest.beside(damaged),
    ]


def test_more_than_a_few_at_once_wait_for_a_person(classes: World):
    for day in range(14):
        dumped(classes, day)
    outcome = kept(classes, 30)
    assert outcome.counts["expired"] == 0
    assert [f.what for f in outcome.failures if f.target == "dumps over age"] == [
        "11 would be deleted, and an unattended run may do that to 10"
    ]
    assert not [f for f in outcome.failures if "still there" in f.what]
    assert len(labels(classes, 0)) == 14


def test_no_dump_ends_after_the_connection_is_lost_for_which_a_hold_would_wait(
    classes: World, monkeypatch: pytest.MonkeyPatch
):
    for day in range(9):
        dumped(classes, day)
    kept(classes, 6)
    removed = list[str]()
    remove = shelf.remove

    def at_the_first(system: System, dump: Manifest) -> int:
        removed.append(dump.key)
        with psycopg.connect(classes.admin, autocommit=True) as admin:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                " and (classid, objid) = (7, 20190406)"
            )
        return remove(system, dump)

    monkeypatch.setattr(shelf, "remove", at_the_first)
    with pytest.raises(Unreachable):
        kept(classes, 8)
    assert len(removed) == 1


def test_no_session_of_ours_ends_because_it_waits(world: World):
    with psycopg.connect(world.admin, autocommit=True) as admin:
        database = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("alter database {} set idle_session_timeout = '1s'").format(database))
    with world.system.connect("test") as conn:
        assert conn.execute("show idle_session_timeout").fetchone() == ("0",)
