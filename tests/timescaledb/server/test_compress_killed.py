"""Compression is killed at any instant, ours or the server's side of it, and is run by the daemon; what it did is told."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.ledger.claims import Claim
from lifecycle.postgres import waits
from lifecycle.timescale import figures
from lifecycle.timescale.promise import PROMISE
from tests import forked
from tests.house import NOW, OWNER, House
from tests.keep import keep
from tests.timescaledb.server.test_compress import promise, run
from tests.waiting import wait_until

pytestmark = pytest.mark.parametrize("cluster", ["timescale"], indirect=True)

# Three chunks that are due, of 300,000 rows each: compressing one takes a while.
MARKS = """
    create table marks (device int not null, at timestamptz not null, value text not null);
    select from public.create_hypertable('marks', 'at', chunk_time_interval => interval '30 days');
    insert into marks select n % 5, timestamptz '2026-07-08Z' + n * interval '8.6 seconds', md5(n::text)
      from generate_series(0, 899999) n;
    reset role;
"""
BUSY = """
    select a.pid from pg_stat_activity a join pg_locks l on l.pid = a.pid join pg_class c on c.oid = l.relation
     where a.application_name like 'lifecycle timescale%' and l.granted and l.mode ~ 'Exclusive'
       and c.relname like '\\_hyper\\_%\\_chunk' and l.mode <> 'RowExclusiveLock'
"""
PACKED = "select count(*) from _timescaledb_catalog.chunk where status = 1"
EVIDENCE = "select count(*) from lifecycle.evidence where event = 'timescale.compressed'"
CONTENT = "select count(*), sum(hashtext(value)), min(at), max(at), sum(device) from marks"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(waits, "PATIENCE", timedelta(seconds=0.4))
    yield


def _run_in_a_process(house: House, claim: Claim) -> None:
    keep(PROMISE, house.system(), claim, NOW)


def busy(house: House) -> Any:
    try:
        return house.ask(BUSY)
    except psycopg.OperationalError:
        return None


@pytest.mark.parametrize("who", ["ours", "the server's"])
def test_killed_while_a_chunk_is_compressed_nothing_is_lost_and_the_next_run_goes_on(
    house: House, who: str
) -> None:
    house.say(OWNER + MARKS)
    promise(house)
    before = house.ask(CONTENT)
    claim = house.claim(PROMISE.job)
    child = get_context("fork").Process(target=_run_in_a_process, args=(house, claim))
    child.start()
    [(backend,), *_] = wait_until(lambda: busy(house))
    assert child.pid is not None
    os.kill(child.pid if who == "ours" else backend, signal.SIGKILL)
    child.join()
    wait_until(
        lambda: house.ask(
            "select 1 where not exists (select from pg_stat_activity where application_name like 'lifecycle time%')"
        ),
        forgive=psycopg.OperationalError,
    )
    assert house.ask(CONTENT) == before
    assert house.number(PACKED) == house.number(EVIDENCE) < 3
    house.end(claim)
    outcome = run(house)
    assert outcome.failures == ()
    assert house.ask(CONTENT) == before
    assert house.number(PACKED) == house.number(EVIDENCE) == outcome.counts["packed"] == 3
    assert (
        house.number(
            "select count(*) from _timescaledb_catalog.chunk where compressed_chunk_id is not null"
        )
        == 3
    )


YOUNG = """
    create table marks (device int not null, at timestamptz not null, value float not null);
    select from public.create_hypertable('marks', 'at', chunk_time_interval => interval '30 days');
    insert into marks select n % 5, now() - n * interval '12 hours', n from generate_series(0, 300) n;
    reset role;
"""
POLICY = """
system: house
database: {database}
tables:
  marks: {{personal: none, because: devices of a house}}
timescale:
  marks: {{compress: 30 days, segment_by: [device], order_by: [at desc]}}
"""


def test_the_daemon_runs_it_at_its_time_and_the_monitors_are_told(
    house: House, tmp_path: Path
) -> None:
    house.say(OWNER + YOUNG)
    promise(house, chunks=None)
    info = conninfo_to_dict(house.admin)
    (tmp_path / "policy.yaml").write_text(POLICY.format(database=info["dbname"]))
    settings = {
        "systems": {
            "house": {
                "policy": "policy.yaml",
                "dsn": make_conninfo(house.admin, user="lifecycle"),
            }
        },
        "daemon": {"listen": None, "tick": "1 second"},
    }
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    house.say(
        "insert into lifecycle.schedule (system, job, cron, timezone, covered_until)"
        " values ('house', 'timescale.compress', '30 3 * * *', 'UTC', now() - interval '1 day')"
    )
    env = {"PATH": os.environ["PATH"], "LIFECYCLE_SETTINGS": str(tmp_path / "settings.yaml")}
    done = forked.run(("daemon", "--until-idle"), env, tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    [ran] = house.ask("select job, state, verdict from lifecycle.run where job like 'timescale%'")
    assert ran == ("timescale.compress", "finished", "pass"), done.stderr
    with house.system().snapshot("test") as conn:
        told = {value.name: value.value for value in figures.read(house.system(), conn, NOW)}
    assert told.pop("timescale_counted_timestamp_seconds")
    packed = house.number(PACKED)
    chunks = house.number("select count(*) from timescaledb_information.chunks")
    assert packed > 2
    assert told == {
        "timescale_chunks": chunks,
        "timescale_chunks_compressed": packed,
        "timescale_chunks_due": 0,
    }
