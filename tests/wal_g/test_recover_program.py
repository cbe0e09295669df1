"""Drills whose program, way to the store, disk or PostgreSQL is not as it should be: could not verify, and nothing stays.

Where WAL-G must do something that the real one does not do by itself, a script in its place does that and calls it.
"""

import json
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from backups import history, scratch
from backups.timings import Timings
from backups.wal_g import drill, listing
from backups.wal_g.program import Program
from lifecycle.coverage import conclude
from lifecycle.errors import Conflict, DeadlineExceeded, NotFound
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.commands import Finished
from lifecycle.outside.digest import file_sha256
from lifecycle.postgres.server import Cluster, find_binaries
from lifecycle.sandbox import s3
from tests import build
from tests.waiting import alive, wait_until
from tests.wal_g.clinic import Clinic, now, told, unseen
from tests.wal_g.source import Archive, give, private, program


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a directory that the server's account can read programs in."""
    made = private("lifecycle-double-")
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def before(place: Path, body: str) -> str:
    """Return a program that does this and is then the real WAL-G; $* are the words it was called with."""
    script = place / "wal-g"
    script.write_text(f'#!/bin/sh\n{body}\nexec {program()} "$@"\n')
    script.chmod(0o755)
    return str(script)


def unverified(outcome: Outcome, why: str) -> None:
    assert outcome.verdict is Verdict.UNVERIFIED, (outcome.summary, told(outcome))
    assert why in unseen(outcome), unseen(outcome)


def test_35_a_program_that_is_missing_could_not_verify(clinic: Clinic) -> None:
    unverified(clinic.drill(program="/none/wal-g"), "is not there")


def test_35_another_program_than_was_pinned_is_not_run(clinic: Clinic, place: Path) -> None:
    double = before(place, f"touch {place}/ran")

    unverified(
        clinic.drill(program=double, sha256="0" * 64), "another program than the settings pin"
    )
    assert not (place / "ran").exists()


def test_a_program_that_is_the_one_that_was_pinned_is_run(clinic: Clinic) -> None:
    assert clinic.drill(sha256=file_sha256(program())).verdict is Verdict.PASS


@pytest.mark.parametrize("body", ["echo not json; exit 0", "echo '{\"a\": 1}'; exit 0", "echo '[1]'; exit 0", "kill -9 $$"])  # fmt: skip
def test_35_a_list_that_nobody_can_read_could_not_verify(
    clinic: Clinic, place: Path, body: str
) -> None:
    double = before(place, f'case "$*" in *backup-list*) {body};; esac')

    unverified(clinic.drill(program=double), "backup-list")


def test_35_a_program_that_hangs_is_ended(place: Path) -> None:
    hanging = Program(Path(before(place, f"echo $$ > {place}/pid; sleep 300")), "", (), {})
    give(place)

    with pytest.raises(DeadlineExceeded):
        hanging.ask("backup-list", limit=timedelta(seconds=1))
    wait_until(lambda: not alive(int((place / "pid").read_text())))


def test_18_credentials_that_die_while_it_recovers_are_no_end_of_the_log(
    clinic: Clinic, place: Path
) -> None:
    give(place)
    double = before(
        place,
        f'case "$*" in *wal-fetch*0000000*) echo >> {place}/asked;'
        f" if [ $(wc -l < {place}/asked) -gt 2 ]; then echo 'ERROR: AccessDenied: status code: 403' >&2; exit 1; fi;; esac",
    )

    unverified(clinic.drill(program=double), "refused WAL-G")
    assert clinic.left() == []


def test_23_a_disk_that_is_full_could_not_verify_and_leaves_nothing(
    clinic: Clinic, place: Path
) -> None:
    once = (
        "WALG_DOWNLOAD_CONCURRENCY=1; export WALG_DOWNLOAD_CONCURRENCY"  # or it tries for minutes
    )
    double = before(place, f'case "$*" in *backup-fetch*) ulimit -f 100; {once};; esac')

    outcome = clinic.drill(program=double)

    assert outcome.verdict is not Verdict.PASS
    assert clinic.left() == []


def test_24_a_directory_that_is_there_is_not_unpacked_into(place: Path) -> None:
    (place / "somebodys").mkdir()

    with pytest.raises(Conflict):
        Cluster.empty(place / "somebodys", find_binaries())
    assert list((place / "somebodys").iterdir()) == []


def test_26_another_major_version_of_postgresql_could_not_verify(
    clinic: Clinic, place: Path
) -> None:
    with pytest.raises(NotFound):
        find_binaries(clinic.source.cluster.binaries.bindir, at_least=99, at_most=99)
    system = clinic.system()
    (place / "bin").mkdir()
    machine = system.machine.model_copy(update={"postgres_binaries": str(place / "bin")})
    judged, _ = drill.judge(replace(system, machine=machine), now())

    unverified(conclude(judged), "no PostgreSQL")


def store_in(bucket: Any, archive: Archive) -> None:
    for file in archive.store.rglob("*"):
        if file.is_file():
            bucket.upload_file(str(file), f"walg/{file.relative_to(archive.store)}")


def in_s3(url: str, directory: Path, bucket: str) -> dict[str, Any]:
    """Return the settings of WAL-G whose store is a bucket, by its own variables and no configuration file."""
    plain = {
        "WALG_S3_PREFIX": f"s3://{bucket}/walg",
        "AWS_ENDPOINT": url,
        "AWS_S3_FORCE_PATH_STYLE": "true",
        "AWS_REGION": s3.REGION,
        "WALG_COMPRESSION_METHOD": "lz4",
        "AWS_ACCESS_KEY_ID": s3.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": s3.SECRET_KEY,
        "WALG_S3_MAX_RETRIES": "1",
    }
    return {name: build.secret(directory, name, value) for name, value in plain.items()}


def test_a_store_in_s3_is_come_back_from_by_variables_alone(
    clinic: Clinic, archive: Archive, outside: tuple[str, str], tmp_path: Path
) -> None:
    resource: Any = boto3.resource(  # pyright: ignore[reportUnknownMemberType]
        "s3", endpoint_url=outside[0], region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY, aws_secret_access_key=s3.SECRET_KEY,
    )  # fmt: skip
    bucket = resource.create_bucket(Bucket="wal-g-drill")
    store_in(bucket, archive)

    outcome = clinic.drill(config=None, environment=in_s3(outside[0], tmp_path, "wal-g-drill"))

    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))


@pytest.mark.parametrize(
    ("url", "bucket"), [("http://127.0.0.1:9", "wal-g-drill"), (None, "no-such-bucket")]
)
def test_17_an_endpoint_or_a_bucket_that_is_not_there_could_not_verify(
    clinic: Clinic, outside: tuple[str, str], tmp_path: Path, url: str | None, bucket: str
) -> None:
    settings = in_s3(url or outside[0], tmp_path, bucket)

    outcome = clinic.drill(config=None, environment=settings)

    assert outcome.verdict is Verdict.UNVERIFIED, (outcome.summary, told(outcome))


@pytest.mark.parametrize("word", ["backup-fetch", "wal-fetch"])
def test_38_a_drill_that_is_killed_is_cleaned_up_by_the_next(
    clinic: Clinic, place: Path, word: str
) -> None:
    give(place)
    double = before(place, f'case "$*" in *{word}*) echo $$ >> {place}/pid; sleep 120;; esac')
    child = os.fork()
    if child == 0:
        clinic.drill(program=double)
        os._exit(0)
    wait_until((place / "pid").exists)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert clinic.left() != []

    assert clinic.drill().verdict is Verdict.PASS
    assert clinic.left() == []
    pids = (place / "pid").read_text().split()
    wait_until(lambda: not any(alive(int(pid)) for pid in pids))


def test_a_copy_whose_server_ends_while_it_is_looked_at_could_not_verify(clinic: Clinic) -> None:
    if (child := os.fork()) == 0:
        wait_until(lambda: list(clinic.scratch.glob("*/data/pg_wal/00000002.history")))
        [pid] = clinic.scratch.glob("*/data/postmaster.pid")
        os.kill(int(pid.read_text().split()[0]), signal.SIGKILL)
        os._exit(0)

    outcome = clinic.drill()

    os.waitpid(child, 0)
    assert outcome.verdict is Verdict.UNVERIFIED, (outcome.summary, told(outcome))
    assert clinic.left() == []


def test_38_a_drill_that_is_killed_while_it_compares_is_cleaned_up_by_the_next(
    clinic: Clinic,
) -> None:
    child = os.fork()
    if child == 0:
        clinic.drill()
        os._exit(0)
    wait_until(lambda: list(clinic.scratch.glob("*/data/pg_wal/00000002.history")))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    assert clinic.drill().verdict is Verdict.PASS
    assert clinic.left() == []


def test_38_a_drill_that_is_killed_in_whichever_phase_leaves_nothing_after_the_next(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins by removing what the one before it left, so the walk ends with one that is let be."""
    phases, phase = list[str](), Timings.phase

    @contextmanager
    def noted(self: Timings, name: str) -> Generator[None]:
        with phase(self, name):
            phases.append(name)
            yield
            if name == ends[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    ends = [""]
    monkeypatch.setattr(Timings, "phase", noted)
    assert clinic.drill().verdict is Verdict.PASS
    walked = tuple(phases)
    assert walked == history.PHASES_OF["WAL-G"]

    for ends[0] in walked:
        if (child := os.fork()) == 0:
            clinic.drill()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, ends[0]
        left = [one for one in clinic.left() if one.startswith(scratch.PREFIX)]
        assert len({one.partition(".")[0] for one in left}) == (
            ends[0] not in ("preflight", "select")
        )
    ends[0] = ""
    assert clinic.drill().verdict is Verdict.PASS
    assert clinic.left() == []
    wait_until(lambda: not working_in(clinic.scratch))


def working_in(directory: Path) -> list[str]:
    """Return the processes that work in a directory: servers, and whatever WAL-G left behind."""
    found = list[str]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(directory):
                found.append(process.name)
        except OSError:
            continue
    return found


def test_37_a_base_backup_with_tablespaces_is_not_unpacked_where_the_source_has_them(
    clinic: Clinic, archive: Archive
) -> None:
    spec = {
        "tablespaces": ["16385"],
        "16385": {"loc": "/var/lib/elsewhere", "link": "pg_tblspc/16385"},
    }
    for sentinel in archive.base.glob("*_backup_stop_sentinel.json"):
        sentinel.write_text(json.dumps(json.loads(sentinel.read_text()) | {"Spec": spec}))
    unverified(clinic.drill(archive), "WAL-G would unpack them where the source has them")
    assert clinic.left() == []


V3 = """[{"backup_name":"base_0000004300000388000000AC_D_000000430000038500000003","time":"2025-12-30T10:07:00.807Z",
  "wal_file_name":"0000004300000388000000AC","storage_name":"default","start_time":"2025-12-30T10:06:51.293562Z",
  "finish_time":"2025-12-30T10:07:00.682024Z","date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ","hostname":"superpg",
  "data_dir":"/pgroot/data","pg_version":150015,"start_lsn":3885536116952,"finish_lsn":3885536563600,
  "is_permanent":false,"system_identifier":7507672962298572862,"uncompressed_size":928772120,
  "compressed_size":386034756}]"""


def test_what_version_3_lists_is_read_whichever_way_it_calls_its_times() -> None:
    for text in (V3, V3.replace('"time"', '"modification_time"')):
        [found] = listing.parse(Finished("wal-g", 0, text, "", 0))
        assert (found.timeline, found.major, found.is_delta) == (0x43, 15, True)


@pytest.mark.parametrize(
    ("code", "said", "complaint"),
    [(0, "", ""), (0, "[]", ""), (0, "null", ""), (1, "", "INFO: No backups found"), (0, "", "No backups found")],
)  # fmt: skip
def test_an_empty_store_is_empty_in_each_of_the_ways_it_is_said(
    code: int, said: str, complaint: str
) -> None:
    assert listing.parse(Finished("wal-g", code, said, complaint, 0)) == ()
