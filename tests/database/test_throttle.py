"""Who reads the WAL is not left behind by a run that ends many rows: a real standby, a real rate."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from lifecycle.outcome import Verdict
from lifecycle.policy.model import Limits
from lifecycle.postgres.server import Cluster
from retention import pace, throttle
from tests.house import LOG, PLAIN, House

WRITTEN = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
SLOT = "house_standby"
MUCH = (
    "insert into log select n, '2026-11-20', repeat('w', 1000) from generate_series(10001, 14000) n"
)


@pytest.fixture
def house(ledger: str) -> House:
    made = House(ledger)
    made.say(PLAIN)
    made.say(
        "insert into log select n, '2020-01-01', repeat('v', 400) from generate_series(1, 8000) n"
    )
    return made


def limited(house: House, **limits: int) -> None:
    house.promise(LOG)
    said = Limits(rows_per_run=100_000, **limits)  # pyright: ignore[reportArgumentType]
    house.policy = house.policy.model_copy(update={"limits": said})


@dataclass(frozen=True)
class Standby:
    """A standby of the test's server, which can be made to receive nothing."""

    cluster: Cluster

    def receiver(self) -> int:
        """Return the process that receives the WAL."""
        for _ in range(300):
            with psycopg.connect(self.cluster.dsn("postgres"), autocommit=True) as conn:
                row = conn.execute("select pid from pg_stat_wal_receiver").fetchone()
                if row is not None:
                    return int(row[0])
            time.sleep(0.1)
        raise AssertionError("the standby receives nothing")


@pytest.fixture
def standby(cluster: Cluster, house: House) -> Generator[Standby]:
    directory = Path(str(cluster.directory) + "-behind")
    made = Cluster.create(directory, cluster.binaries, fast=True)
    try:
        cluster.run(
            *("pg_basebackup", "-h", str(cluster.directory / "socket"), "-U", "postgres"),
            *("-D", str(directory / "copy"), "-X", "stream", "-c", "fast", "-R", "-C", "-S", SLOT),
        )
        subprocess.run(["rm", "-rf", str(made.data)], check=True)
        (directory / "copy").rename(made.data)
        made.start(settings={"max_connections": "200", "max_locks_per_transaction": "512"})
        yield Standby(made)
    finally:
        made.destroy()
        for _ in range(100):
            try:
                house.say(f"select pg_drop_replication_slot('{SLOT}')")
                break
            except psycopg.errors.ObjectInUse:
                time.sleep(0.1)


@pytest.mark.slow
def test_a_standby_that_is_behind_is_waited_for_and_one_that_stays_behind_stops_the_rule(
    house: House, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario 33."""
    monkeypatch.setattr(throttle, "_LOOK", 0.1)
    monkeypatch.setattr(throttle, "PATIENCE", 1)
    limited(house, standby_behind_mb=1)
    receiver = standby.receiver()
    os.kill(receiver, signal.SIGSTOP)
    try:
        house.say(MUCH)
        outcome = house.run()
        assert outcome.verdict is Verdict.FAIL
        [told] = [failure for failure in outcome.failures if "standby" in failure.what]
        assert told.what.startswith(f"stopped: standby {SLOT} is ")
        assert told.what.endswith("MB of WAL behind, and 1 seconds did not help")
        assert house.number("select count(*) from log where at < '2021-01-01'") == 8000
        monkeypatch.setattr(throttle, "PATIENCE", 60)
        threading.Timer(1, os.kill, (receiver, signal.SIGCONT)).start()
        began = time.monotonic()
        outcome = house.run()
        assert (outcome.verdict, outcome.counts["deleted"]) == (Verdict.PASS, 8000)
        assert time.monotonic() - began > 1
    finally:
        os.kill(receiver, signal.SIGCONT)


def test_no_more_wal_a_second_than_the_policy_says(house: House) -> None:
    limited(house, wal_mb_per_second=1)
    house.say("insert into log select n, '2020-01-01' from generate_series(10001, 40000) n")
    before, began = house.number(WRITTEN), time.monotonic()
    assert house.run().counts["deleted"] == 38_000
    took, written = time.monotonic() - began, house.number(WRITTEN) - before
    # The last of two or three batches is not waited for, nor what the ledger writes before the first.
    assert took > written / throttle.MB / 3
    assert written > throttle.MB


def test_a_slot_that_nobody_uses_holds_up_nothing(house: House) -> None:
    limited(house, standby_behind_mb=1)
    house.say("select pg_create_physical_replication_slot('nobody_uses', true)")
    try:
        house.say(MUCH)
        assert house.run().counts["deleted"] == 8000
    finally:
        house.say("select pg_drop_replication_slot('nobody_uses')")


def test_what_a_batch_waits_for_before_its_rows_makes_no_batch_smaller(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is slow for every transaction would else be given one for each row."""
    monkeypatch.setattr(pace, "LONG", timedelta(seconds=1))
    house.promise(LOG)
    with psycopg.connect(house.admin) as placing:
        placing.execute("select pg_advisory_xact_lock(7, 20190405)")  # as who places a hold
        freed = threading.Timer(2, placing.rollback)
        freed.start()
        assert house.run().counts["deleted"] == 8000
        freed.join()
    first, second = house.ask(
        "select (counts ->> 'rows')::int from lifecycle.evidence"
        " where event = 'retention.deleted' order by id limit 2"
    )
    assert second >= first
