"""Base backups that the service takes with the real WAL-G: when, only of its own server, and believed of the store alone."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.wal_g import push
from backups.wal_g.listing import Backup
from gdpr import horizon
from lifecycle.errors import Conflict
from lifecycle.ledger import evidence
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.watching import Watch
from lifecycle.system import System
from tests.keep import keep
from tests.waiting import wait_until
from tests.wal_g.clinic import Clinic, now, policy, told
from tests.wal_g.source import Archive, Source, archive, give, private, program

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Clinic]:
    """A server that archives and has no base backup, with the service installed."""
    source, place = Source(), private("lifecycle-push-")
    place.chmod(0o711)
    try:
        source.say("create database clinic")
        source.say("create table visits (id bigint primary key, note text)", "clinic")
        made = Clinic(source, place)
        made.install()
        yield made
    finally:
        source.end()
        shutil.rmtree(place)


@pytest.fixture
def store(fresh: Clinic, tmp_path: Path) -> Iterator[Archive]:
    """An empty store whose settings say how WAL-G reaches the server."""
    place = private("lifecycle-store-")
    cluster = fresh.source.cluster
    host = str((cluster.directory / "socket").resolve())
    try:
        yield archive(place, {"PGHOST": host, "PGUSER": "postgres"})
    finally:
        shutil.rmtree(place)


def system(fresh: Clinic, store: Archive, **wal_g: Any) -> System:
    named: dict[str, Any] = {"pgdata": str(fresh.source.cluster.data)} | wal_g
    made = fresh.system(store, None, **named)
    promised = policy(push=True).model_copy(update={"database": made.policy.database})
    return replace(made, policy=promised)


def pushed(fresh: Clinic, at: System, when: timedelta = timedelta()) -> Outcome:
    claim = fresh.claim(push.JOB)
    try:
        return keep(push.PROMISE, at, claim, now() + when)
    finally:
        fresh.end(claim)


def listed(fresh: Clinic, store: Archive) -> list[str]:
    return [one.backup_name for one in push.survey(system(fresh, store), now(), None).backups]


def on_ledger(fresh: Clinic) -> frozenset[str]:
    with fresh.system().connect("test") as conn:
        return evidence.targets(conn, push.PUSHED)


def before(place: Path, body: str) -> str:
    """Return a program that runs `body` when a base backup is asked for, and the real WAL-G otherwise, or behind it."""
    script = place / "wal-g"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *backup-push*) {body};; esac\nexec {program()} "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


def test_the_first_is_taken_and_the_next_only_when_half_of_the_promised_time_has_passed(
    fresh: Clinic, store: Archive
) -> None:
    at = system(fresh, store)

    first = pushed(fresh, at)
    assert first.verdict is Verdict.PASS, told(first)
    [name] = listed(fresh, store)
    assert name in on_ledger(fresh)

    [copies] = horizon.copies(at, (), now())
    assert (copies.there, copies.until, copies.endless) == (1, None, True)
    [copies] = horizon.copies(at, (), now() - DAY)
    assert (copies.there, copies.until, copies.endless) == (0, None, False), copies.note

    again = pushed(fresh, at)
    assert again.verdict is Verdict.PASS, told(again)
    assert "none is due" in again.summary
    assert listed(fresh, store) == [name]

    fresh.source.say("insert into visits select n from generate_series(1, 1000) n", "clinic")
    half = pushed(fresh, at, DAY / 2 + timedelta(minutes=1))
    assert half.verdict is Verdict.PASS, told(half)
    assert len(listed(fresh, store)) == 2


@pytest.mark.parametrize("pgdata", [None, "/nowhere"])
def test_where_the_data_directory_does_not_lie_here_it_says_where_to_run_it(
    fresh: Clinic, store: Archive, pgdata: str | None
) -> None:
    outcome = pushed(fresh, system(fresh, store, pgdata=pgdata))

    assert outcome.verdict is Verdict.FAIL
    assert any("On the database's host" in failure.hint for failure in outcome.failures)
    assert listed(fresh, store) == []


def test_the_data_directory_of_another_server_is_refused(
    fresh: Clinic, store: Archive, tmp_path: Path
) -> None:
    (tmp_path / "global").mkdir()
    (tmp_path / "global/pg_control").write_bytes(bytes(8))

    outcome = pushed(fresh, system(fresh, store, pgdata=str(tmp_path)))

    assert "another server" in told(outcome)
    assert listed(fresh, store) == []


def test_a_program_that_ends_well_and_stores_nothing_is_not_believed(
    fresh: Clinic, store: Archive
) -> None:
    outcome = pushed(fresh, system(fresh, store, program=before(store.place, "exit 0")))

    assert outcome.verdict is Verdict.FAIL
    assert "lists no new one" in told(outcome)


def test_one_whose_sentinel_or_parts_are_otherwise_does_not_count(
    fresh: Clinic, store: Archive
) -> None:
    pushed(fresh, system(fresh, store))
    [name] = listed(fresh, store)
    sentinel = store.base / f"{name}_backup_stop_sentinel.json"
    good = json.loads(sentinel.read_text())
    for changed, what in (
        ({"FinishLSN": 1}, "another place in the log"),
        ({"SystemIdentifier": None}, ""),
        ({}, "a part of it is not there"),
    ):
        sentinel.write_text(json.dumps(good | changed))
        if "part" in what:
            max((store.base / name / "tar_partitions").glob("part_*")).unlink()

        outcome = pushed(fresh, system(fresh, store))

        assert outcome.verdict is (Verdict.FAIL if what else Verdict.PASS), told(outcome)
        assert what in told(outcome)
        assert name in f"{outcome.summary} {told(outcome)}"


def test_a_base_backup_of_the_future_or_of_another_server_is_none_of_ours() -> None:
    """Who may write to the store would be asked for none until the year 2099."""
    at, later = now(), now() + 999 * DAY
    one: dict[str, Any] = {
        "backup_name": "base_000000010000000000000002",
        "wal_file_name": "000000010000000000000002",
        "time": later,
        "start_time": later,
        "finish_time": later,
        "pg_version": 150018,
        "start_lsn": 1,
        "finish_lsn": 2,
    }
    newest = Backup.model_validate(one)
    promised = policy(push=True)
    decided = push.decide(promised, push.Seen(7, (newest,), ""), at)
    assert [step.reason for step in decided.steps] == ["there is none yet"]
    said = {"LSN": 1, "FinishLSN": 2, "SystemIdentifier": 8, "CompressedSize": 5}
    found = push._not_as_said(said, newest, 7, 4)  # pyright: ignore[reportPrivateUsage]
    assert list(found) == [
        "its sentinel is of another server",
        "a part of it is not there: 5 bytes were stored, and 4 are",
    ]


def test_one_that_is_silent_for_too_long_is_ended_and_its_children_with_it(
    fresh: Clinic, store: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "QUIET", timedelta(seconds=1))
    hangs = before(store.place, f"echo $$ > {store.place}/pid; sleep 300 & wait")

    outcome = pushed(fresh, system(fresh, store, program=hangs))

    assert "said nothing for" in told(outcome)
    pid = (store.place / "pid").read_text().strip()
    wait_until(lambda: not Path("/proc", pid).exists())


def test_one_that_needs_more_memory_than_it_may_is_no_base_backup_and_the_machine_lives(
    fresh: Clinic, store: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(quiet: timedelta, _: int) -> Watch:
        return Watch(quiet, 32 << 20)

    monkeypatch.setattr(push, "Watch", little)

    outcome = pushed(fresh, system(fresh, store))

    assert outcome.verdict is Verdict.FAIL
    assert "backup-push" in told(outcome)
    assert listed(fresh, store) == []


def test_two_are_never_taken_at_once(fresh: Clinic, store: Archive) -> None:
    claim = fresh.claim(push.JOB)
    with fresh.system().connect("test") as conn:
        conn.execute("select pg_advisory_lock(7, 20190407)")
        try:
            with pytest.raises(Conflict):
                keep(push.PROMISE, system(fresh, store), claim, now())
        finally:
            fresh.end(claim)
    assert listed(fresh, store) == []


@pytest.mark.parametrize("instant", ["before", "after"])
def test_9_one_that_is_killed_is_taken_by_the_next_run_or_found_whole(
    fresh: Clinic, store: Archive, instant: str
) -> None:
    give(store.place)
    real = f'{program()} "$@"' if instant == "after" else ":"
    slow = before(store.place, f"{real}; echo $$ > {store.place}/pid; sleep 300")
    claim = fresh.claim(push.JOB)
    child = os.fork()
    if child == 0:
        try:
            keep(push.PROMISE, system(fresh, store, program=slow), claim, now())
        finally:
            os._exit(0)
    wait_until((store.place / "pid").exists)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    fresh.end(claim)
    pid = (store.place / "pid").read_text().strip()
    wait_until(lambda: not Path("/proc", pid).exists())

    outcome = pushed(fresh, system(fresh, store))

    assert outcome.verdict is Verdict.PASS, told(outcome)
    [name] = listed(fresh, store)
    assert name in on_ledger(fresh)
    assert ("none is due" in outcome.summary) == (instant == "after")
