"""The bucket in which WAL-G's store lies, version by version, where the settings name it: `wal_g: objects:`.

WAL-G's `st rm` takes an object out of the list. In a bucket with versions that is a marker, and all that was stored
stays behind it; and where the store refuses one object of a call, WAL-G does not hear of it (neither v1.1 nor v3 reads
what S3 answers of single keys). Here each version is seen, held against WAL-G's own list, and ended by its exact key.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from backups.wal_g import record
from backups.wal_g.ends import files
from backups.wal_g.ends.files import BASES, LOG, Stored
from backups.wal_g.program import Program
from lifecycle.coverage import Reason
from lifecycle.errors import LifecycleError, Refused
from lifecycle.outside import objects, versions
from lifecycle.outside.object_lock import Lock
from lifecycle.outside.objects import Objects
from lifecycle.outside.store_error import store_error
from lifecycle.outside.versions import Refusal, Version
from lifecycle.system import System
from lifecycle.words import counted, moment

Kept = Mapping[str, tuple[Version, ...]]
"""Each key of the store, below WAL-G's prefix, with all its versions."""

_FOLDER = re.compile(r"WALG_(FILE|SSH)_PREFIX")
_OTHER = re.compile(r"WALG_(?!FILE|SSH)\w+_PREFIX")

UNSEEN = Reason(
    "whether the store keeps versions of what was deleted cannot be told over WAL-G",
    "Name the bucket under `wal_g: objects:` in the settings, as one of `buckets:` with WAL-G's folder in it; the key "
    "under `s3:` has to list and delete versions there.",
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One of the settings' buckets, and WAL-G's folder in it, which ends with a slash unless it is all of it."""

    name: str
    folder: str


def named(system: System) -> Bucket | None:
    """Return where the settings say that WAL-G's store lies."""
    walg = system.settings.wal_g
    if walg is None or walg.objects is None:
        return None
    name, _, folder = walg.objects.partition("/")
    return Bucket(name, f"{folder.strip('/')}/" if folder.strip("/") else "")


def forgets(walg: Program) -> bool:
    """Say whether the store is of a kind in which what is deleted is gone: a folder, here or elsewhere."""
    said = walg.configured()
    return any(map(_FOLDER.search, said)) and not any(map(_OTHER.search, said))


def versions_of(system: System, listed: Mapping[str, Stored]) -> Kept | None:
    """Return every version of the store, None where the settings name no bucket. `listed` is what WAL-G lists of bases.

    Raise Refused where that bucket is not WAL-G's store, and as `Objects.all_versions`.
    """
    bucket = named(system)
    if bucket is None:
        return None
    found = dict[str, list[Version]]()
    with closing(objects.store(system)) as store:
        for folder in (BASES, LOG, f"{record.FOLDER}/{system.name}/"):
            for one in store.all_versions(bucket.name, bucket.folder + folder):
                found.setdefault(one.key.removeprefix(bucket.folder), []).append(one)
    kept = {key: tuple(these) for key, these in found.items()}
    _must_be(bucket, kept, listed)
    return kept


def _must_be(bucket: Bucket, kept: Kept, listed: Mapping[str, Stored]) -> None:
    """Raise Refused unless what WAL-G lists lies there, as long and stored at the same second."""
    strange = [
        name
        for name, one in listed.items()
        if not any(
            v.holds and v.size == one.size and v.stored_at.replace(microsecond=0) == one.at
            for v in kept.get(f"{BASES}{name}", ())
        )
    ]
    if strange:
        raise Refused(
            f"{bucket.name}/{bucket.folder} is not where WAL-G's store lies: {len(strange)} of "
            f"{counted(len(listed), 'file')} that WAL-G lists are not there, {strange[0]} for one",
            hint="Correct `wal_g: objects:` in the settings: the bucket and the folder of WAL-G's own prefix.",
        )


def hidden(kept: Kept) -> dict[str, datetime]:
    """Return each key that no list has any more though versions hold something of it, and when the last was stored."""
    return {
        key: max(one.stored_at for one in these if one.holds)
        for key, these in kept.items()
        if versions.hidden(these)
    }


def behind(system: System, walg: Program) -> Mapping[str, datetime] | None:
    """Return as `hidden` of the whole store; None where nobody can tell. Raise as `versions_of` and `Program.run`."""
    if named(system) is None:
        return {} if forgets(walg) else None
    kept = versions_of(system, files.stored(walg.ls(BASES, below=True)))
    return hidden(kept or {})


def locked(system: System, kept: Kept, now: datetime, keys: Iterable[str]) -> Lock | None:
    """Return what holds a version of one of these keys now, the one that holds longest. A call for each version."""
    bucket = named(system)
    assert bucket is not None
    with closing(objects.store(system)) as store:
        if not store.can_lock(bucket.name):
            return None
        found = [
            lock for key in keys for lock in _locks(store, bucket, key, kept) if lock.holds(now)
        ]
    return max(found, key=_length, default=None)


def _locks(store: Objects, bucket: Bucket, key: str, kept: Kept) -> tuple[Lock, ...]:
    these = [one.id for one in kept.get(key, ()) if one.holds]
    return store.locks(bucket.name, bucket.folder + key, these)


def _length(lock: Lock) -> tuple[bool, float]:
    return lock.legal_hold, lock.until.timestamp() if lock.until else 0


def said(lock: Lock) -> str:
    """Return what holds it, for people."""
    parts = (
        f"locked until {moment(lock.until)}" if lock.until else "",
        "under a legal hold of the store" if lock.legal_hold else "",
    )
    return " and ".join(part for part in parts if part)


def delete(system: System, kept: Kept, keys: Iterable[str]) -> None:
    """Delete all versions of these keys for ever, in the order given.

    Raise Refused with the date where one is locked, AccessDenied where the store refuses another, as `Objects` else.
    """
    bucket = named(system)
    assert bucket is not None
    these = [(one.key, one.id) for key in keys for one in kept.get(key, ())]
    with closing(objects.store(system)) as store:
        refused = store.delete_all(bucket.name, these)
        if refused:
            raise _why(store, bucket, refused, len(these))


def _why(store: Objects, bucket: Bucket, refused: tuple[Refusal, ...], many: int) -> LifecycleError:
    first = refused[0]
    for lock in store.locks(bucket.name, first.key, (first.id,) if first.id else ()):
        what = f"{len(refused)} of {counted(many, 'version')} stayed: the first is {said(lock)}"
        return Refused(what, hint=HELD)
    return store_error(bucket.name, first.code)


HELD = (
    "Object Lock holds it: set `keep` at least as long as the lock, lift a legal hold or a governance lock, or wait "
    "for the date; it ends with the first run after that."
)
