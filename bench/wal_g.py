"""What the watch of an archive asks of a large store, and what a drill takes beside coming back by hand.

The store is versitygw, a real S3 server, with names only: 10,000 segments, 100 base backups with their lists. What goes
over the line is counted by a relay before it, in another look than the one that is timed. Aims: a LIST for each 1,000
keys, a look of the store below 2 s, flat memory; a drill without its checks at most 1.10x of `wal-g backup-fetch` and a
recovery by hand.
"""

# ruff: noqa: S608 - the bench's own words

import json
import os
import re
import shutil
import socket
import tempfile
import threading
import tracemalloc
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from backups.wal_g import program as our_program
from backups.wal_g.log import Segment
from backups.wal_g.watch import looked
from bench.timing import Pair
from lifecycle import clock
from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import s3
from tests import build
from tests.unit.test_wal_g_lag import SERVER
from tests.waiting import wait_until
from tests.wal_g import gateway
from tests.wal_g.clinic import Clinic, policy
from tests.wal_g.source import Source, give, private, program, wal_g

SEGMENTS, BACKUPS = 10_000, 100
SIZE = 2**24
ROWS = int(os.environ.get("LIFECYCLE_BENCH_ROWS", "6000000"))
"""About 150 bytes of the cluster each; a tenth as many before the base backup are written again after it."""

RUNS = 5


def watch() -> Iterator[str]:
    """Yield what a look of the store asks and takes, on a tenth of the segments and on all of them."""
    with tempfile.TemporaryDirectory() as directory, gateway.started() as store:
        place = private("lifecycle-bench-")
        place.chmod(0o755)
        try:
            asks = [
                _over_the_line(Path(directory), place, store.url, n)
                for n in (SEGMENTS // 10, SEGMENTS)
            ]
            folder = [_in_a_folder(Path(directory), place, n) for n in (SEGMENTS // 10, SEGMENTS)]
        finally:
            shutil.rmtree(place)
    (few, *_), (many, slow, _) = asks
    (_, small), (seconds, large) = folder
    yield (
        f"{SEGMENTS:,} segments and {BACKUPS} base backups: {many['LIST']} LIST and {many['GET']} GET "
        f"({few['LIST']} and {few['GET']} with {SEGMENTS // 10:,} segments); {slow:.1f} s of versitygw"
    )
    yield f"in a folder: {seconds:.2f} s; aim < 2 s"
    yield f"allocated at most: {large:.1f} MB, {small:.1f} MB on a tenth: {large / small:.2f}x; aim flat"


def _over_the_line(
    directory: Path, place: Path, url: str, segments: int
) -> tuple[dict[str, int], float, float]:
    bucket = f"archive-{segments}"
    _fill(url, bucket, segments)
    variables = {
        "WALG_S3_PREFIX": f"s3://{bucket}",
        "AWS_ENDPOINT": url,
        "AWS_REGION": s3.REGION,
        "AWS_S3_FORCE_PATH_STYLE": "true",
        "AWS_ACCESS_KEY_ID": s3.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": s3.SECRET_KEY,
    }
    took, peak = _looked(directory, place, variables, segments)
    with _relay(int(url.rpartition(":")[2])) as (port, asked):
        through = variables | {"AWS_ENDPOINT": f"http://127.0.0.1:{port}"}
        _looked(directory, place, through, segments)
    return {word: many // 2 for word, many in asked.items()}, took, peak


def _in_a_folder(directory: Path, place: Path, segments: int) -> tuple[float, float]:
    store = place / f"store-{segments}"
    for key, body in _things(segments).items():
        (store / key).parent.mkdir(parents=True, exist_ok=True)
        (store / key).write_bytes(body)
    give(store)
    return _looked(directory, place, {"WALG_FILE_PREFIX": str(store)}, segments)


def _looked(
    directory: Path, place: Path, variables: dict[str, str], segments: int
) -> tuple[float, float]:
    """Return the seconds of a look, and how many MB another one has allocated at most."""
    variables = variables | {"WALG_COMPRESSION_METHOD": "lz4"}
    named = {name: build.secret(directory, name, value) for name, value in variables.items()}
    system = build.system(
        "dbname=clinic",
        policy(),
        {"base": directory, "scratch": str(place)},
        wal_g={"program": str(program()), "environment": named},
    )
    last = Segment(1, segments + 1)
    server = replace(SERVER, segment_size=SIZE, lsn=last.number * SIZE, segment=last.name(SIZE))
    told, out = os.pipe()
    if (child := os.fork()) == 0:
        began = clock.monotonic()
        there = looked.look(system, our_program.find(system), looked.Said(server, {}))
        took = clock.monotonic() - began
        assert (len(there.ours), len(there.backups)) == (segments, BACKUPS)
        tracemalloc.start()
        looked.look(system, our_program.find(system), looked.Said(server, {}))
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        os.write(out, json.dumps([took, peak]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    took, peak = json.loads(os.read(told, 100))
    return took, peak


def _fill(url: str, bucket: str, segments: int) -> None:
    client: Any = boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=url,
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=4),
    )
    client.create_bucket(Bucket=bucket)

    def put(one: tuple[str, bytes]) -> None:
        client.put_object(Bucket=bucket, Key=one[0], Body=one[1])

    with ThreadPoolExecutor(4) as several:
        list(several.map(put, _things(segments).items()))


def _things(segments: int) -> dict[str, bytes]:
    """Return what lies in the store, by its keys: names of segments, and base backups among them."""
    things = {f"wal_005/{Segment(1, n).name(SIZE)}.lz4": b"-" for n in range(1, segments + 1)}
    for number in range(BACKUPS):
        first = 1 + number * (segments // BACKUPS)
        name = f"base_{Segment(1, first).name(SIZE)}"
        for key, said in _base(name, first).items():
            things[f"basebackups_005/{key}"] = json.dumps(said).encode()
    return things


def _base(name: str, first: int) -> dict[str, Any]:
    """Return the sentinel of a base backup and what its detailed list is made of."""
    at = "2026-11-21T02:00:00.000000Z"
    places = {"start_lsn": first * SIZE + 40, "finish_lsn": (first + 1) * SIZE}
    sentinel = {
        "LSN": places["start_lsn"],
        "FinishLSN": places["finish_lsn"],
        "PgVersion": 150018,
        "Spec": None,
    }
    detail = {
        "start_time": at, "finish_time": at, "date_fmt": "%Y-%m-%dT%H:%M:%S.%fZ", "hostname": "h", "data_dir": "/d",
        "pg_version": 150018, "is_permanent": False, "system_identifier": 7, "uncompressed_size": 1,
        "compressed_size": 1, "user_data": None,
    }  # fmt: skip
    return {
        f"{name}_backup_stop_sentinel.json": sentinel | {"SystemIdentifier": 7},
        f"{name}/metadata.json": detail | places,
    }


@contextmanager
def _relay(port: int) -> Generator[tuple[int, dict[str, int]]]:
    """Give a port that leads to another one, and how many LIST and GET went over it."""
    asked = {"LIST": 0, "GET": 0}
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, port, asked), daemon=True).start()
        yield server.getsockname()[1], asked


def _serve(server: socket.socket, port: int, asked: dict[str, int]) -> None:
    with suppress(OSError):  # the bench has closed it
        while True:
            ours, _ = server.accept()
            its = socket.create_connection(("127.0.0.1", port))
            for one in ((ours, its, asked), (its, ours, None)):
                threading.Thread(target=_pump, args=one, daemon=True).start()


def _pump(source: socket.socket, to: socket.socket, asked: dict[str, int] | None) -> None:
    with suppress(OSError):
        while block := source.recv(1 << 16):
            for line in re.findall(rb"(?:GET|HEAD) (\S+) HTTP/1", block) if asked else ():
                assert asked is not None
                asked["LIST" if b"prefix=" in line else "GET"] += 1
            to.sendall(block)
        to.shutdown(socket.SHUT_WR)


def drill() -> Iterator[str]:
    """Yield how long a drill takes until its copy answers, beside the same by hand; then each of its checks."""
    source, place = Source(), private("lifecycle-bench-")
    place.chmod(0o711)
    try:
        clinic = _clinic(source, place)
        [size] = source.ask("select sum(pg_database_size(oid)) from pg_database")[0]
        ours, floor, checks = list[float](), list[float](), dict[str, list[float]]()
        for number in range(RUNS + 1):
            by_hand = _by_hand(clinic)
            outcome = clinic.drill()
            assert outcome.coverage["found"] == 0, outcome
            if number == 0:
                continue
            floor.append(by_hand)
            ours.append(outcome.counts["brought_back_ms"] / 1000)
            for name in ("preflight", "compare", "checksums"):
                checks.setdefault(name, []).append(outcome.counts[f"{name}_ms"] / 1000)
    finally:
        source.end()
        shutil.rmtree(place)
    yield (
        f"{size / 2**20:,.0f} MB: until a copy answers, a drill against `backup-fetch` and recovery by hand: "
        f"{Pair(tuple(ours), tuple(floor))}; aim <= 1.10x"
    )
    told = ", ".join(f"{name} {sorted(took)[RUNS // 2]:.1f} s" for name, took in checks.items())
    yield f"its checks, medians: {told}"


def _clinic(source: Source, place: Path) -> Clinic:
    source.say("create database clinic")
    source.say("create table visits (id bigint primary key, note text)", "clinic")
    source.say(
        f"insert into visits select n, repeat(md5(n::text), 3) from generate_series(1, {ROWS}) n",
        "clinic",
    )
    source.say("vacuum analyze visits", "clinic")
    made = Clinic(source, place)
    made.install()
    source.push()
    source.say(f"update visits set note = note where id <= {ROWS // 10}", "clinic")
    made.point()
    made.after()
    return made


def _by_hand(clinic: Clinic) -> float:
    """Return how many seconds it takes to come back to the same point with WAL-G and PostgreSQL alone."""
    place, point = private("lifecycle-by-hand-"), clinic.newest().point
    config = clinic.source.archive.config
    copy = Cluster(place, clinic.source.cluster.binaries)
    copy.data.mkdir(mode=0o700)
    give(place)
    try:
        began = clock.monotonic()
        wal_g(config, "backup-fetch", str(copy.data), "LATEST").check_returncode()
        (copy.data / "postgresql.auto.conf").write_text("")
        (copy.data / "recovery.signal").touch()
        give(copy.data)
        copy.start(
            settings={
                "archive_mode": "off",
                "restore_command": f"{program()} --config {config} wal-fetch %f %p",
                "recovery_target_name": point.name,
                "recovery_target_action": "promote",
                "max_connections": "150",
                "max_worker_processes": "12",
                "max_wal_senders": "14",
                "max_prepared_transactions": "3",
                "max_locks_per_transaction": "96",
            }
        )
        asks = Source.__new__(Source)
        asks.cluster = copy
        wait_until(lambda: asks.ask("select not pg_is_in_recovery()") == [(True,)])
        return clock.monotonic() - began
    finally:
        copy.stop("immediate")
        shutil.rmtree(place)
