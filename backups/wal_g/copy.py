"""Makes a private server of a base backup and the log: fetch, configure, recover to a named point, open.

Nothing that came with the data may act: no archiving, no workers of extensions, no subscriptions, no network, no
settings of the source's but those that recovery needs to have. It lies beside a scratch directory of ours, is watched,
and is gone when we are.
"""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Generator, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from backups.timings import Timings
from backups.wal_g import reasons, statements, wal_fetch
from backups.wal_g.listing import Chosen
from backups.wal_g.program import Program
from backups.wal_g.record import Point, Source
from lifecycle import clock, scratch
from lifecycle.errors import (
    CommandFailed,
    DeadlineExceeded,
    LifecycleError,
    NotFound,
    Refused,
    Unproven,
    Unreachable,
)
from lifecycle.postgres import connect, door
from lifecycle.postgres.server import Binaries, Cluster

LIMIT = timedelta(hours=12)
"""How long a drill may take in all: fetching is bound by the network, recovery by one core."""

PRELOADED = ("timescaledb",)
"""Extensions whose tables cannot be read unless their library is loaded with the server."""


def refuse_tablespaces(walg: Program, chosen: Chosen) -> None:
    """Raise Refused where a backup would be unpacked into directories of the source's. Raise as `Program.run`."""
    for backup in chosen.chain:
        sentinel = f"basebackups_005/{backup.backup_name}_backup_stop_sentinel.json"
        try:
            spec = json.loads(walg.run("st", "cat", sentinel)).get("Spec")
        except (ValueError, AttributeError):
            raise NotFound(
                f"the sentinel of {backup.backup_name} is no JSON",
                hint="See who wrote into the store: without it nothing is known of the backup.",
            ) from None
        if spec and spec.get("tablespaces", spec):
            raise Refused(
                f"{backup.backup_name} has tablespaces, and WAL-G would unpack them where the source has them",
                hint="Restore it by hand on another host, with `wal-g backup-fetch --restore-spec`.",
            )


@contextlib.contextmanager
def made(
    ours: Path, binaries: Binaries, walg: Program, chosen: Chosen, source: Source, timings: Timings
) -> Generator[Cluster]:
    """Give a stopped server with the backup's files, and remove it at the end. Raise as `Program.run`, Refused."""
    copy = Cluster(scratch.beside(ours), binaries, source.superuser)
    try:
        with timings.phase("fetch"):
            Cluster.empty(copy.directory, binaries, source.superuser)
            name = chosen.backup.backup_name
            walg.run("backup-fetch", str(copy.data), name, limit=LIMIT, directory=copy.directory)
        with timings.phase("configure"):
            _forget_settings(copy)
        yield copy
    finally:
        end_all_in(copy.directory)
        copy.destroy()


def _forget_settings(copy: Cluster) -> None:
    """Let the server have no setting but those it is started with, and know that it has to recover."""
    if any((copy.data / "pg_tblspc").iterdir()):
        raise Refused(
            "the backup has tablespaces, which lie outside of the copy",
            hint="Restore it by hand on another host, with `wal-g backup-fetch --restore-spec`.",
        )
    # Nobody may write there, the server itself neither: were the log to make a tablespace, it would take the directory
    # of the source's, which on the source's own host is the source's, and write its old pages over the new ones.
    (copy.data / "pg_tblspc").chmod(0o500)
    for name in ("postgresql.auto.conf", "standby.signal", "recovery.signal", "postmaster.pid"):
        (copy.data / name).unlink(missing_ok=True)
    for file in (copy.data / "postgresql.auto.conf", copy.data / "recovery.signal"):
        file.touch(exist_ok=False)
        door.give(file)
    for name, text in (("postgresql.conf", ""), ("wal_fetch.sh", wal_fetch.SCRIPT.read_text())):
        file = copy.directory / name
        file.write_text(text, encoding="utf-8")
        door.give(file)


def recover(copy: Cluster, walg: Program, point: Point, source: Source, timings: Timings) -> None:
    """Start the copy, recover to the point, and hold there. Raise what its log says where it did not get there."""
    with timings.phase("recover"):
        began = clock.monotonic()
        try:
            copy.start(
                settings=_settings(copy, walg, point, source),
                environment=walg.env,
                timeout=round(LIMIT.total_seconds()),
            )
            while not _there(copy, source.database):
                _in_time(began)
                time.sleep(0.1)
        except (CommandFailed, Unreachable) as error:
            log = copy.log.read_text(encoding="utf-8", errors="replace")
            raise reasons.why(log, error) from None


def _in_time(began: float) -> None:
    if clock.monotonic() - began > LIMIT.total_seconds():
        raise DeadlineExceeded(
            f"recovery took longer than {LIMIT}",
            hint="Take base backups more often: it is the log since the last that takes this long.",
        )


def _there(copy: Cluster, database: str) -> bool:
    """Say whether recovery holds at its target."""
    try:
        with connect.connect(copy.dsn(database), "backups.recover", write=False) as conn:
            row = conn.execute(statements.RECOVERED).fetchone()
    except LifecycleError:
        if copy.running():
            return False  # it takes no queries yet, or no more
        raise Unreachable("the copy's server ended", hint="Its log says why.") from None
    return row is not None and bool(row[0])


def _settings(copy: Cluster, walg: Program, point: Point, source: Source) -> Mapping[str, str]:
    limits = _limits(copy)
    preloaded = [name for name in source.extensions if name in PRELOADED]
    settings = {
        "config_file": str(copy.directory / "postgresql.conf"),
        "archive_mode": "off",
        "restore_command": wal_fetch.restore_command(copy.directory / "wal_fetch.sh", walg.argv),
        "recovery_target_name": point.name,
        "recovery_target_timeline": str(point.timeline),
        "recovery_target_action": "pause",
        "hot_standby": "on",
        "primary_conninfo": "",
        "shared_preload_libraries": ",".join(preloaded),
        "autovacuum": "off",
        "max_logical_replication_workers": "0",
        "wal_level": "replica",
        "lc_messages": "C",
        "log_line_prefix": "",
        # WAL may ask for more than the base backup had.
        **{name: str(max(value, point.limits.get(name, 0))) for name, value in limits.items()},
    }
    if copy.binaries.major >= 17:
        settings["event_triggers"] = "off"
    for name in preloaded:
        settings[f"{name}.max_background_workers"] = "0"
    return settings


@contextlib.contextmanager
def answering(copy: Cluster) -> Generator[None]:
    """Turn the end of the copy's server into what its log says of it."""
    try:
        yield
    except psycopg.OperationalError:
        log = copy.log.read_text(encoding="utf-8", errors="replace")
        ended = Unreachable("the copy's server ended", hint="Its log says why.")
        raise reasons.why(log, ended) from None


def _limits(copy: Cluster) -> dict[str, int]:
    """Return what a hot standby of this data must have at least, by the names of settings."""
    said = copy.run("pg_controldata", "-D", str(copy.data))
    found: list[tuple[str, str]] = re.findall(r"^(max_\w+) setting:\s+(\d+)$", said, re.MULTILINE)
    spelled = {
        "max_prepared_xacts": "max_prepared_transactions",
        "max_locks_per_xact": "max_locks_per_transaction",
    }
    return {spelled.get(name, name): int(value) for name, value in found}


def must_be(conn: Connection[TupleRow], point: Point) -> None:
    """Raise Unproven unless recovery holds at exactly the point, of the source's own log."""
    row = conn.execute(statements.RECOVERED).fetchone()
    assert row is not None
    _, lsn, identifier = row
    if lsn != point.lsn:
        raise Unproven(
            f"recovery holds at {lsn:X}, and {point.name} was written at {point.lsn:X}",
            hint="Two servers write into one store, or a point of another has this name.",
        )
    if identifier != point.identifier:
        raise Unproven(
            "the copy is one of another server",
            hint="Two servers write into one store: see `WALG_*_PREFIX` in WAL-G's settings.",
        )


def open_up(copy: Cluster, point: Point, database: str) -> None:
    """Let recovery end, as it would for real. Raise Unproven where it opens on another timeline than the point's."""
    with connect.connect(copy.dsn(database), "backups.recover", write=False) as conn:
        conn.execute(statements.RESUME)
        began = clock.monotonic()
        while not (row := conn.execute(statements.PROMOTED).fetchone()) or not row[0]:
            _in_time(began)
            time.sleep(0.1)
        row = conn.execute(statements.HISTORY).fetchone()
        archives = conn.execute(statements.ARCHIVES).fetchone()
        strangers = [name for (name,) in conn.execute(statements.STRANGERS)]
    assert row is not None
    came_from, switched = row[0][-1].split("\t")[:2]
    high, low = switched.split("/")
    if (int(came_from), int(high, 16) << 32 | int(low, 16)) != (point.timeline, point.lsn):
        raise Unproven(
            f"the copy came from timeline {came_from} at {switched}, the point is on {point.timeline}",
            hint="See which server was promoted when: the `.history` files in the store say so.",
        )
    if archives != ("off",) or strangers:
        raise Refused(
            f"the copy would act by itself: archive_mode {archives}, {', '.join(strangers) or 'no workers'}",
            hint="This is a mistake in the program: report it. The copy was removed.",
        )


def end_all_in(directory: Path) -> None:
    """End every process whose working directory lies there: WAL-G goes on to fetch ahead after the server is gone."""
    for pid in _within(directory):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _within(directory: Path) -> Iterable[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            place, program = (entry / "cwd").readlink(), (entry / "exe").readlink()
            # A server is stopped, not killed: it would leave shared memory behind.
            if place.is_relative_to(directory) and program.name.split(" ")[0] != "postgres":
                yield int(entry.name)
