"""Proves the newest dump: fetch it, read all of it, restore it, compare every table with its own snapshot.

The copy lives in a scratch server on a socket that only its account can enter, and is gone at the end,
whatever happens. Which dump is the newest, and that its manifest is as it was stored, says the ledger; the bucket must
have it. It needs nothing else from the managed database, so it proves what a person would have after losing that.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from backups import covering, keyed, manifest, order, scratch, secrecy, shelf
from backups.in_parts import pg_restore
from backups.manifest import Manifest
from backups.restore import restore_into_scratch
from backups.section import SECTION
from backups.timings import Timings
from lifecycle import scratch as machine
from lifecycle.coverage import NOTHING_ASKED, Judgement, Looks, Place, Reason
from lifecycle.errors import (
    AccessDenied,
    CommandFailed,
    DeadlineExceeded,
    InputError,
    LifecycleError,
    NotFound,
    Refused,
    Unproven,
    Unreachable,
)
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure, headline
from lifecycle.outside.digest import file_sha256
from lifecycle.postgres.server import Binaries
from lifecycle.promise import Task
from lifecycle.system import System
from lifecycle.words import counted

STALE = timedelta(hours=36)
"""The newest dump may not be older: one daily dump missed, and half a day to notice."""

_WHO_WRITES = "See who may write to the bucket; after a restore of an older database the next dump is known again."

UNVERIFIABLE = (Unreachable, AccessDenied, NotFound, Refused, DeadlineExceeded, InputError)
"""What says something about this machine or the way to the bucket, and nothing about the dump."""


def carry_out(task: Task) -> Judgement:
    """Drill the newest dump. Raise only what concerns the ledger itself."""
    judged, drilled = judge(task.system, task.now, restore=True)
    if drilled is not None:
        with task.system.connect("backups.drill") as conn:
            evidence.record(
                conn,
                task.claim,
                "finding",
                "backups.drilled",
                drilled.key,
                counts=judged.told,
                digest=drilled.sha256,
            )
    return judged


def judge(system: System, now: datetime, *, restore: bool) -> tuple[Judgement, Manifest | None]:
    """Return what is known of the newest dump, and its manifest; without `restore` it is only read.

    Never raises for what a drill is there to find out.
    """
    if SECTION.of(system.policy).dumps is None:
        return Judgement(NOTHING_ASKED, "the policy asks for no dumps"), None
    timings, looks = Timings(), Looks()
    newest: Manifest | None = None
    failures: tuple[Failure, ...] = ()
    reason: Reason | None = None
    try:
        with timings.phase("select"):
            found = shelf.recent(system)
            failures = (*found.damaged, *order.failures(found.dumps, now))
            with system.connect("backups.drill", write=False) as ledger:
                newest = _newest(system, ledger, found.dumps)
                failures += (*_stale(newest, now), *_unknown(ledger, newest, found.dumps))
        failures += prove(system, newest, looks, timings, restore=restore)
    except (Unproven, CommandFailed) as error:
        failures += (_failure(newest, error),)
        reason = Reason(error.what, error.hint)
    except UNVERIFIABLE as error:
        reason = Reason(error.what, error.hint)
    if newest is not None:
        timings.counts["age_minutes"] = round((now - newest.finished_at) / timedelta(minutes=1))
    looks.found(*failures)
    coverage = covering.cover(looks, newest, reason, restore=restore)
    return Judgement(coverage, _summary(newest, failures, reason, timings), timings.counts), newest


def _newest(system: System, ledger: Connection[TupleRow], dumps: tuple[Manifest, ...]) -> Manifest:
    """Return the dump that the ledger speaks of last. The bucket says nothing of it: who writes there may say anything.

    Raise Unproven where there is none, or its manifest is gone, is not the one that was stored, or lacks the signature
    that is asked for here.
    """
    key = evidence.newest(ledger, system.name, "backups.dump", "backups.dumped")
    if key is None:
        youngest = max(dumps, key=lambda dumped: dumped.finished_at, default=None)
        raise Unproven(
            f"the ledger knows of no dump {youngest.key}"
            if youngest
            else "there is no dump with a manifest",
            hint="Run `lifecycle run backups.dump` and look into why the nightly one leaves none.",
        )
    text = shelf.described(system, key)
    if sha256(text).hexdigest() not in evidence.digests(ledger, "backups.described", key):
        raise Unproven(
            f"the manifest of {key} is not the one that the ledger speaks of", hint=_WHO_WRITES
        )
    return manifest.parse(text, key)


def _stale(newest: Manifest, now: datetime) -> Iterator[Failure]:
    age, hour = now - newest.finished_at, timedelta(hours=1)
    if age > STALE:
        yield Failure(
            newest.key,
            f"the newest dump is {round(age / hour)} hours old; it may be {STALE // hour}",
            "Look at the latest runs of backups.dump with `lifecycle runs list`.",
        )


def _unknown(
    ledger: Connection[TupleRow], newest: Manifest, dumps: tuple[Manifest, ...]
) -> Iterator[Failure]:
    """Yield what says that it is newer, and no run of ours took."""
    for dumped in dumps:
        younger = dumped.finished_at > newest.finished_at
        if younger and not evidence.digests(ledger, "backups.dumped", dumped.key):
            yield Failure(dumped.key, "the ledger knows of no such dump", _WHO_WRITES)


def prove(
    system: System, dumped: Manifest, looks: Looks, timings: Timings, *, restore: bool
) -> tuple[Failure, ...]:
    """Fetch the dump, read it whole and, with `restore`, restore and compare it; return what differs.

    `looks` takes down the dump that was read and each table that was measured in what was restored of it.

    Raise Unproven or CommandFailed when the dump is bad, one of UNVERIFIABLE when this could not be found out.
    """
    binaries = programs(system, dumped)
    scratch.sweep(system.machine, binaries)
    with scratch.directory(system.machine) as directory:
        scratch.must_fit(directory, needed(dumped, restore=restore))
        file = directory / manifest.DATA
        with timings.phase("download"):
            shelf.get(system, dumped, file)
        with looks.at(covering.dump_of(dumped)):
            with timings.phase("checksum"):
                same_bytes(dumped, file)
                bare = secrecy.failures(system, dumped, file)
            with timings.phase("decrypt"):
                secrecy.open_file(system, dumped, file)
                beside = shelf.get_globals(system, dumped)
            with timings.phase("read"):
                # The table of contents stands at the front: only reading to the end notices a torn dump.
                pg_restore(binaries, "--file=/dev/null", str(file))
        if not restore:
            return bare
        restored = restore_into_scratch(dumped, beside, binaries, directory, timings)
        restored = keyed.as_of(dumped, beside, restored)
        timings.counts["tables"] = len(restored.tables)
        timings.counts["rows"] = sum(content.rows for content in restored.tables.values())
        with looks.at(*(Place("table", name) for name in restored.tables)):
            differ = manifest.differences(dumped.tables, restored.tables)
        return bare + differ + covering.compare(looks, dumped, beside, restored)


def programs(system: System, dumped: Manifest) -> Binaries:
    """Return programs that can restore the dump. Raise NotFound when there are none."""
    return machine.programs(system.machine, at_least=dumped.source.major)


def same_bytes(dumped: Manifest, file: Path) -> None:
    """Raise Unproven unless this is the file that the manifest speaks of."""
    found = file.stat().st_size
    if found != dumped.size or file_sha256(file) != dumped.sha256:
        raise Unproven(
            f"{dumped.key} is not the file its manifest speaks of ({found:,} bytes, {dumped.size:,} expected)",
            hint="It was altered or damaged in the bucket: take a new dump, and see who may write there.",
        )


def needed(dumped: Manifest, *, restore: bool) -> int:
    """Return the bytes a drill takes: the dump, and the database with a third more for its log and indexes."""
    twice = 2 if dumped.encryption else 1
    return twice * dumped.size + (
        dumped.source.database_bytes * 4 // 3 + 200 * 2**20 if restore else 0
    )


def _failure(newest: Manifest | None, error: LifecycleError) -> Failure:
    return Failure(newest.key if newest else "the bucket of dumps", error.what, error.hint)


def _summary(
    newest: Manifest | None, failures: tuple[Failure, ...], reason: Reason | None, timings: Timings
) -> str:
    if failures:
        return headline(failures)
    key = newest.key if newest else "the newest dump"
    if reason is not None or newest is None:
        return f"{key}: {reason.why if reason else 'not found'}"
    if "rows" in timings.counts:
        return (
            f"{key} was restored: {counted(len(newest.tables), 'table')} with {counted(newest.rows, 'row')} "
            "equal the snapshot they were dumped from"
        )
    return f"{key} is complete and readable; it was not restored"
