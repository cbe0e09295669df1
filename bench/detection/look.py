"""Who looks: this service, WAL-G's wal-verify, pg_verifybackup, Barman's check-backup, a restore that is asked once.

Each returns one cell: `quiet`, `found`, `could not verify`, `cannot` with why, or `not run`.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from backups.wal_g import drill as ours
from backups.wal_g import listing
from backups.wal_g.watch import survey
from backups.wal_g.watch import watch as looking
from lifecycle.coverage import conclude
from lifecycle.errors import LifecycleError
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.commands import Finished
from lifecycle.postgres.server import Cluster
from tests.keep import work
from tests.waiting import wait_until
from tests.wal_g.clinic import Clinic, told, unseen
from tests.wal_g.source import Archive, give, private, program, wal_g

BARMAN = "LIFECYCLE_BENCH_BARMAN"
QUIET, FOUND, UNVERIFIED, NOT_RUN = "quiet", "**found**", "could not verify", "not run"
_CELLS = {Verdict.PASS: QUIET, Verdict.FAIL: FOUND, Verdict.UNVERIFIED: UNVERIFIED}


def drill(clinic: Clinic, archive: Archive) -> tuple[str, str]:
    """Return the cell of `lifecycle backups recover`, and what it said."""
    judged, _ = ours.judge(clinic.system(archive), datetime.now(UTC))
    return _cell(conclude(judged))


def point(clinic: Clinic) -> tuple[str, str]:
    """Return the cell of `lifecycle backups point`, with an rpo of two minutes: that is how long it waits."""
    try:
        return _cell(clinic.point(clinic.system(promised={"rpo": "2 minutes"})))
    except LifecycleError as error:
        return FOUND, error.what


def watch(clinic: Clinic, archive: Archive) -> str:
    """Return the cell of the look at the archive that the daemon takes every few minutes."""
    claim = clinic.claim(survey.JOB)
    outcome = work(looking.carry_out, clinic.system(archive), claim, datetime.now(UTC))
    clinic.end(claim)
    return _cell(outcome)[0]


def _cell(outcome: Outcome) -> tuple[str, str]:
    said = told(outcome) or unseen(outcome) or outcome.summary
    return _CELLS.get(outcome.verdict, outcome.verdict.value), said


def verify(clinic: Clinic, archive: Archive) -> str:
    """Return what `wal-g wal-verify integrity timeline` says: its report, for its exit code is 0 whatever it found."""
    host = str((clinic.source.cluster.directory / "socket").resolve())
    # As of the last so many it says no more than that they may still be on their way, and this archive is short.
    env = {"PGHOST": host, "PGUSER": "postgres", "WALG_UPLOAD_CONCURRENCY": "1"}
    ended = wal_g(archive.config, "wal-verify", "integrity", "timeline", "--json", env=env)
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        return f"could not verify (exit code {ended.returncode})"
    bad = [f"{name} {one['status']}" for name, one in report.items() if one["status"] != "OK"]
    worst = FOUND if any("FAILURE" in one for one in bad) else "warns"
    return f"{worst}: {', '.join(bad)}" if bad else QUIET


def select_1(clinic: Clinic, archive: Archive) -> str:
    """Restore as is done by hand, to the end of the archive, and ask `select 1`. Say also how many rows came back."""
    place = private("lifecycle-detection-")
    copy = Cluster(place, clinic.source.cluster.binaries)
    copy.data.mkdir(mode=0o700)
    give(place)
    try:
        if wal_g(archive.config, "backup-fetch", str(copy.data), "LATEST").returncode:
            return f"{FOUND}: not fetched"
        (copy.data / "recovery.signal").touch()
        give(copy.data)
        fetch = f"{program()} --config {archive.config} wal-fetch %f %p"
        copy.start(settings={"archive_mode": "off", "restore_command": fetch})
        with psycopg.connect(copy.dsn("clinic"), autocommit=True) as conn:
            wait_until(lambda: conn.execute("select not pg_is_in_recovery()").fetchone() == (True,))
            conn.execute("select 1")
        return f"{QUIET}, {_rows(copy)} rows of {_rows(clinic.source.cluster)}"
    except (LifecycleError, psycopg.Error, AssertionError):
        return f"{FOUND}: no server came up"
    finally:
        copy.stop("immediate")
        shutil.rmtree(place)


def _rows(cluster: Cluster) -> str:
    with psycopg.connect(cluster.dsn("clinic"), autocommit=True) as conn:
        try:
            row = conn.execute("select count(*) from visits").fetchone()
        except psycopg.Error:
            return "no"
    assert row is not None
    return f"{row[0]:,}"


def manifest(clinic: Clinic, files: Callable[[Path], None] | None) -> str:
    """Return what pg_verifybackup says of a pg_basebackup of the same server that was damaged in the same way."""
    if files is None:
        return "cannot: WAL-G writes no manifest"
    place = private("lifecycle-detection-")
    cluster = clinic.source.cluster
    try:
        base = place / "base"
        socket = str((cluster.directory / "socket").resolve())
        cluster.run("pg_basebackup", "-D", str(base), "-h", socket, "-U", "postgres")
        files(base)
        cluster.run("pg_verifybackup", str(base))
    except LifecycleError:
        return FOUND
    else:
        return QUIET
    finally:
        shutil.rmtree(place)


def barman(archive: Archive) -> str:
    """Return what Barman's check-backup says of the newest base backup, in a catalog made of WAL-G's names."""
    called = os.environ.get(BARMAN)
    if not called:
        return NOT_RUN
    listed = wal_g(archive.config, "backup-list", "--detail", "--json")
    try:
        found = listing.parse(Finished("wal-g", listed.returncode, listed.stdout, listed.stderr, 0))
    except LifecycleError:
        return "cannot: WAL-G lists none"
    if not found:
        return "cannot: WAL-G lists none"
    newest = found[-1]
    place = private("lifecycle-barman-")
    try:
        _catalog(place, newest, archive)
        words = ["-c", str(place / "barman.conf"), "check-backup", "clinic", "20260101T000000"]
        ended = subprocess.run(  # noqa: S603 - named by who runs this
            [called, *words], capture_output=True, text=True, check=False
        )
        return FOUND if ended.returncode else QUIET
    finally:
        shutil.rmtree(place)


def _catalog(place: Path, newest: listing.Backup, archive: Archive) -> None:
    """Lay out as Barman does what its check-backup reads: one backup, and the names of the log's segments."""
    base = place / "clinic/base/20260101T000000"
    (base / "data").mkdir(parents=True)
    begin, segment = newest.wal_file_name, 16 << 20
    last = newest.finish_lsn // segment
    end = f"{begin[:8]}{last >> 8:08X}{last & 0xFF:08X}"
    facts = {
        "begin_wal": begin, "end_wal": end, "begin_xlog": _lsn(newest.start_lsn), "end_xlog": _lsn(newest.finish_lsn),
        "begin_time": newest.start_time, "end_time": newest.finish_time, "begin_offset": newest.start_lsn % segment,
        "end_offset": newest.finish_lsn % segment, "mode": "rsync-concurrent", "pgdata": "/data", "size": 1,
        "server_name": "clinic", "status": "DONE", "tablespaces": None, "timeline": newest.timeline, "error": None,
        "version": newest.pg_version, "xlog_segment_size": segment, "systemid": newest.system_identifier,
    }  # fmt: skip
    (base / "backup.info").write_text("".join(f"{name}={value}\n" for name, value in facts.items()))
    for stored in archive.wal:
        name = stored.name.split(".")[0]
        if ".backup" not in stored.name and len(name) == len(begin):
            folder = place / "clinic/wals" / name[:16]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(stored, folder / name)
    (place / "barman.conf").write_text(
        f"[barman]\nbarman_home = {place}\nbarman_user = {os.environ.get('USER', 'root')}\nlog_file = {place}/log\n"
        "[clinic]\ndescription = clinic\nconninfo = host=/nowhere\nssh_command = /bin/false\n"
        "backup_method = rsync\narchiver = on\n"
    )


def _lsn(number: int) -> str:
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"
