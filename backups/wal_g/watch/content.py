"""What lies under the names: the newest segments and some older ones by chance are fetched and looked at, page by page.

A name says nothing of what it names: a segment that was cut, exchanged, overwritten by another cluster or filled with
zeros is listed like any other. How many are fetched is bounded, so that a look takes seconds whatever the store holds;
which older ones, the number of the run says, so that all of them come up in time and a look can be repeated.

Where the policy or WAL-G's own settings want what is stored encrypted, its first bytes must not be those of the log or
of a program that only compresses. (Of WAL-G 3.0 versions forgot a key that was set, its change 1832.)
"""

import re
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random

from backups import scratch
from backups.wal_g import listing, segment
from backups.wal_g.listing import Backup
from backups.wal_g.log import Segment
from backups.wal_g.program import Program
from backups.wal_g.watch.looked import Looked
from backups.wal_g.watch.survey import Said
from backups.wal_g.words import WalG
from lifecycle import clock
from lifecycle.coverage import Reason
from lifecycle.errors import CommandFailed, DeadlineExceeded, LifecycleError, Unproven, Unreachable
from lifecycle.outcome import Failure
from lifecycle.system import System

NEWEST, OLDER = 2, 2
"""How many segments are fetched in one look: of the newest, and of all others."""

PATIENCE = timedelta(seconds=90)
"""After which no other is fetched: the look has four minutes in all."""

_CLEAR = {
    b"\x04\x22\x4d\x18": "compressed by lz4",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\x5d\x00\x00": "compressed by lzma",
    b"\x1f\x8b": "compressed by gzip",
    b"\x89LZO": "compressed by lzo",
}
_ENCRYPTS = re.compile(r"WALG_(LIBSODIUM_KEY|PGP_KEY|ENVELOPE_PGP|CSE_KMS)\w*")
_SLOW = Reason(
    "fetching took so long that the rest of the segments was left for another look",
    "See how far the store is: `wal-g wal-fetch` of one segment should take a second.",
)
_BROTLI = Reason(
    "nothing in its first bytes tells what brotli compresses from what is encrypted",
    "Set another `WALG_COMPRESSION_METHOD`, or look whether the key is needed to fetch it.",
    "limit",
)


def chosen(segments: Sequence[Segment], seed: int) -> list[Segment]:
    """Return which are fetched: the newest, and as many of the others by chance, the same for the same seed."""
    ordered = sorted(segments, key=lambda one: (one.number, one.timeline))
    newest, others = ordered[-NEWEST:], ordered[:-NEWEST]
    older = Random(seed).sample(others, min(OLDER, len(others)))  # noqa: S311 - nobody is kept out by it
    return [*reversed(newest), *older]


def wrong(
    system: System, walg: Program, said: Said, there: Looked, seed: int
) -> Iterator[Failure | Reason]:
    """Yield each segment that is not what its name says, or why nobody can tell."""
    size, began = said.server.segment_size, clock.monotonic()
    with scratch.directory(system.machine) as ours, segment.place(ours) as into:
        for one in chosen(list(there.ours), seed):
            if clock.monotonic() - began > PATIENCE.total_seconds():
                yield _SLOW
                return
            told = list(_of(walg, one.name(size), said.server.identifier, size, into))
            if told:  # a folder has a part of a segment while it is stored
                time.sleep(2)
                told = list(_of(walg, one.name(size), said.server.identifier, size, into))
            yield from told


def _of(
    walg: Program, name: str, identifier: int, size: int, into: Path
) -> Iterator[Failure | Reason]:
    try:
        # One that is not there any more has ended since it was listed.
        if segment.fetched(walg, name, into):
            segment.must_be(into / name, name, identifier, size)
    except Unproven as error:
        yield Failure(name, error.what, error.hint)
    except (CommandFailed, DeadlineExceeded, Unreachable) as error:
        yield _unread(walg, name, error)
    except LifecycleError as error:
        yield Reason(error.what, error.hint)
    finally:
        (into / name).unlink(missing_ok=True)


def _unread(walg: Program, name: str, error: LifecycleError) -> Failure | Reason:
    """Return what it is of that one cannot be read: the way to the store, where that does not answer; else the file."""
    try:
        walg.run("st", "ls", "wal_005/")
    except LifecycleError as gone:
        return Reason(gone.what, gone.hint)
    if isinstance(error, DeadlineExceeded):
        return Reason(error.what, error.hint)
    hint = "No moment after it can be come back to, unless by a later base backup: take one, then see who changed it."
    return Failure(name, "it lies in the archive and cannot be read: it is damaged", hint)


def promised(asked: WalG, walg: Program) -> bool:
    """Say whether what is stored has to be encrypted, by the policy or by WAL-G's own settings."""
    return asked.encrypt or any(_ENCRYPTS.search(line) for line in walg.configured())


def in_clear(system: System, walg: Program, there: Looked) -> Iterator[Failure | Reason]:
    """Yield what is stored so that anybody who gets at the store can read it: a segment, a part of a base backup."""
    with scratch.directory(system.machine) as ours, segment.place(ours) as into:
        try:
            for name in _objects(walg, there):
                walg.run("st", "get", "--no-decompress", "--no-decrypt", name, str(into / "raw"))
                with (into / "raw").open("rb") as file:
                    told = judged(file.read(8), name)
                (into / "raw").unlink()
                if told is not None:
                    yield told
        except LifecycleError as error:
            yield Reason(error.what, error.hint)


def _objects(walg: Program, there: Looked) -> Iterator[str]:
    """Yield the newest segment, and the smallest part of the newest base backup."""
    if there.ours:
        newest = max(there.ours, key=lambda one: (one.number, one.timeline))
        yield f"wal_005/{there.store.objects[newest]}"
    if there.backups:
        parts = f"basebackups_005/{there.backups[-1].backup_name}/tar_partitions/"
        smallest = min(walg.ls(parts), key=lambda one: one.size, default=None)
        if smallest is not None:
            yield parts + smallest.name


def judged(head: bytes, name: str) -> Failure | Reason | None:
    """Return what an object with these first bytes is: in clear, not to be told, or encrypted."""
    kind = next((kind for magic, kind in _CLEAR.items() if head.startswith(magic)), None)
    if kind is None and head[1:2] == b"\xd1":
        kind = "the log as it is"
    if kind is not None:
        what = f"it is not encrypted: its first bytes are those of what is {kind}"
        hint = (
            "Whoever gets at the store reads it. Look into WAL-G's settings and its version; then take a full base "
            "backup, and end what lies there in clear."
        )
        return Failure(name, what, hint)
    return _BROTLI if name.endswith(".br") and not _is_pgp(head) else None


def _is_pgp(head: bytes) -> bool:
    """Say whether a message of OpenPGP begins here, with a key that is encrypted (RFC 4880, 4.2 and 5.1)."""
    return head[:1] in (b"\xc1", b"\x84", b"\x85") and b"\x03" in head[1:4]


def another(backups: Sequence[Backup]) -> Iterator[Failure]:
    """Yield that WAL-G's LATEST is not the newest of these, which stand by their place in the log."""
    latest = listing.latest(backups)
    if latest is None or latest.modified <= backups[-1].modified:
        return
    yield Failure(
        latest.backup_name,
        f"WAL-G takes it for its LATEST, and the newest base backup is {backups[-1].backup_name}: a way back by hand "
        "begins at the older one, and the next delta builds on it",
        "Name the base backup wherever you fetch one. A bucket that was copied, or a sentinel that somebody touched, "
        "does this; the next base backup ends it.",
    )
