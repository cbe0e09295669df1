"""Knows what dumps lie in the bucket, by their manifests; puts one there and fetches one back.

An object's date is never asked: a copy or a storage class change renews it. What counts is the manifest's word, and for
the newest dump the ledger's.
Deletes nothing but what `remove` is told.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backups import manifest, roles, seal, secrecy
from backups.manifest import Manifest
from backups.roles import Globals
from backups.section import SECTION, Dumps
from backups.slots import Kind, kinds
from lifecycle.errors import InputError, NotFound, Refused, Unproven
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure
from lifecycle.outside import objects
from lifecycle.outside.objects import Objects
from lifecycle.system import System

RECENT_DAYS = 14
"""How many days of dumps are read to find the newest one: the shelf may hold years."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The dumps that count, what is damaged, and the dumps that never got a manifest.

    `unsigned` are those that would count, had they the signature that is asked for here; `keys` is all that lies there.
    """

    dumps: tuple[Manifest, ...]
    damaged: tuple[Failure, ...]
    unfinished: tuple[str, ...]
    unsigned: tuple[Manifest, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def whole(self) -> tuple[Manifest, ...]:
        """Return the dumps whose file lies there, and not their manifest alone."""
        there = frozenset(self.keys)
        return tuple(dumped for dumped in self.dumps if dumped.key in there)


def folder(system: System, claim: Claim) -> str:
    """Return where this attempt's dump goes."""
    return manifest.folder(
        _dumps(system).prefix,
        claim.scheduled_for,
        system.policy.timezone,
        claim.id,
        claim.attempt,
    )


def of_slot(system: System, claim: Claim) -> Manifest | None:
    """Return the complete dump that an earlier attempt of this run left, or None.

    One in clear is none where the policy wants dumps encrypted.
    Raise Unreachable, AccessDenied or NotFound when the bucket cannot be asked.
    """
    dumps, store, keys = _dumps(system), objects.store(system), seal.of(system)
    prefix = manifest.slot_prefix(
        dumps.prefix, claim.scheduled_for, system.policy.timezone, claim.id
    )
    for key in _manifest_keys(store.keys(dumps.bucket, prefix)):
        try:
            text, signature = _told(store, dumps.bucket, key)
            written = manifest.parse(text, key)
            keys.must_be_on(text, signature, written.key)
            stored = store.head(dumps.bucket, written.key)
        except (Unproven, NotFound):
            continue
        if written.encryption is None and secrecy.asked(system):
            continue
        same_slot = (written.system, written.slot) == (system.name, claim.scheduled_for)
        if same_slot and (stored.size, stored.sha256) == (written.size, written.sha256):
            return written
    return None


def put(system: System, written: Manifest, file: Path, beside: Globals) -> None:
    """Store a dump, compare what the store has with what was sent, and only then store its manifest and signature.

    Raise Unproven when they differ, and as `objects` does.
    """
    dumps, store, signs = _dumps(system), objects.store(system), seal.of(system).signs
    store.put_file(dumps.bucket, written.key, file, written.sha256)
    stored = store.head(dumps.bucket, written.key)
    if (stored.size, stored.sha256) != (written.size, written.sha256):
        raise Unproven(
            f"what the bucket holds under {written.key} is not what was sent",
            hint="Somebody else writes there, or the store is broken. No manifest was written; run it again.",
        )
    text = secrecy.writer(system)(beside.to_json())
    store.put_bytes(dumps.bucket, manifest.beside(written.key, roles.NAME), text)
    store.put_bytes(dumps.bucket, manifest.beside(written.key), written.to_json())
    if signs is not None:
        place = manifest.beside(written.key, seal.NAME)
        store.put_bytes(dumps.bucket, place, signs.sign(written.to_json()))


def altered(system: System, dumps: Iterable[Manifest]) -> frozenset[str]:
    """Return the keys of those that the store does not have with the size and the sum of their manifest, by its word.

    Where it has no sum, as of an object that was stored anew by other means, the size alone tells: only a drill reads
    a dump. Raise Unreachable or AccessDenied when the store cannot be asked.
    """
    store, found = objects.store(system), set[str]()
    for dumped in dumps:
        stored = None
        with suppress(NotFound):
            stored = store.head(_bucket(system, dumped.key), dumped.key)
        sums = (None, dumped.sha256)
        if stored is None or stored.size != dumped.size or stored.sha256 not in sums:
            found.add(dumped.key)
    return frozenset(found)


def get(system: System, dumped: Manifest, file: Path) -> None:
    """Fetch a dump into `file`. Raise Unproven when it is gone, Refused when the file cannot be written."""
    try:
        objects.store(system).get_file(_bucket(system, dumped.key), dumped.key, file)
    except NotFound:
        raise Unproven(
            f"{dumped.key} has a manifest, and the dump itself is gone",
            hint="Look who or which lifecycle rule deleted it; run `lifecycle run backups.dump`.",
        ) from None
    except OSError as error:
        raise Refused(
            f"the dump cannot be written to the scratch directory: {error.strerror}",
            hint="Free space, or name another directory under `scratch:` in the settings.",
        ) from None


def get_globals(system: System, dumped: Manifest) -> Globals | None:
    """Return what the server had beside the database; None of a dump from before. Raise Unproven when it is not it."""
    if dumped.roles_sha256 is None:
        return None
    key = manifest.beside(dumped.key, roles.NAME)
    try:
        text = objects.store(system).get_bytes(_bucket(system, key), key)
    except NotFound:
        return roles.parse(b"", dumped.roles_sha256, key)
    return roles.parse(secrecy.open_bytes(system, dumped, text), dumped.roles_sha256, key)


def described(system: System, key: str) -> bytes:
    """Return the manifest of this dump as it is stored. Raise Unproven when it is gone, or not signed as asked."""
    try:
        told = _told(objects.store(system), _bucket(system, key), manifest.beside(key))
    except NotFound:
        raise Unproven(
            f"{key} is the newest dump on the ledger, and its manifest is not in the bucket",
            hint="Look who or which lifecycle rule deleted it; run `lifecycle run backups.dump`.",
        ) from None
    seal.of(system).must_be_on(*told, key)
    return told[0]


def copy(system: System, dumped: Manifest, kind: Kind, label: str) -> Manifest:
    """Copy a dump within the store to another shelf, with a manifest of its own, as `put` does; return that.

    What was begun and not ended is done again at the same place. Raise as `put` does, NotFound when the dump is gone.
    """
    store, signs = objects.store(system), seal.of(system).signs
    key = f"{kind.prefix}{label}/{dumped.run}-{dumped.attempt}/{manifest.DATA}"
    bucket = _bucket(system, dumped.key)
    stored = store.copy(bucket, dumped.key, kind.bucket, key, dumped.sha256)
    if (stored.size, stored.sha256) != (dumped.size, dumped.sha256):
        raise Unproven(
            f"what was copied to {key} is not what its manifest speaks of",
            hint="The daily dump was altered, or the store is broken. No manifest was written; run it again.",
        )
    if dumped.roles_sha256 is not None:
        text = store.get_bytes(bucket, manifest.beside(dumped.key, roles.NAME))
        store.put_bytes(kind.bucket, manifest.beside(key, roles.NAME), text)
    signed_by = signs.public.fingerprint if signs else None
    written = dumped.model_copy(update={"key": key, "copy_of": dumped.key, "signed_by": signed_by})
    store.put_bytes(kind.bucket, manifest.beside(key), written.to_json())
    if signs is not None:
        place = manifest.beside(key, seal.NAME)
        store.put_bytes(kind.bucket, place, signs.sign(written.to_json()))
    return written


def remove(system: System, dumped: Manifest) -> int:
    """Delete a dump, what lies beside it, its manifest and the signature last; return how many versions that were.

    Whoever is killed at it finds the manifest again. Raise Refused with the date when one is locked.
    """
    store, bucket, gone = objects.store(system), _bucket(system, dumped.key), 0
    for name in (manifest.DATA, roles.NAME, manifest.NAME, seal.NAME):
        key = manifest.beside(dumped.key, name)
        gone += store.delete_versions(bucket, key, store.versions(bucket, key))
    return gone


def recent(system: System) -> Shelf:
    """Return what lies on the shelf of the last days. Raise as `look` does."""
    return look(system, days=RECENT_DAYS)


def look(system: System, *, days: int | None = None, of: Kind | None = None) -> Shelf:
    """Return what lies on the shelf (the daily one, if not said), of the last `days` that have anything, or all of it.

    Raise Unreachable, AccessDenied or NotFound when the bucket cannot be asked.
    """
    kind, store, known = of or kinds(_dumps(system))[0], objects.store(system), seal.of(system)
    keys = _recent(store.keys(kind.bucket, kind.prefix), kind.prefix, days)
    read: list[Manifest] = []
    unsigned: list[Manifest] = []
    damaged: list[Failure] = []
    for key in _manifest_keys(keys):
        try:
            text, signature = _told(store, kind.bucket, key)
            written = manifest.parse(text, key)
            if signature is not None:
                known.must_be_on(text, signature, written.key)
        except Unproven as error:
            damaged.append(Failure(key, error.what, error.hint))
            continue
        if written.key != key.removesuffix(manifest.NAME) + manifest.DATA:
            damaged.append(
                Failure(key, "this manifest was written for another place", "See who copied it.")
            )
        elif (written.system, written.source.database) == (system.name, system.policy.database):
            (unsigned if known.asked and signature is None else read).append(written)
    return Shelf(tuple(read), tuple(damaged), _unfinished(keys), tuple(unsigned), keys)


def hidden(system: System, of: Kind) -> int:
    """Return how many dumps of a class were deleted and are kept all the same, as earlier versions of their keys."""
    store, end = objects.store(system), f"/{manifest.DATA}"
    there = frozenset(store.keys(of.bucket, of.prefix))
    kept = store.keys_of_versions(of.bucket, of.prefix)
    return sum(key.endswith(end) for key in kept - there)


def _told(store: Objects, bucket: str, key: str) -> tuple[bytes, bytes | None]:
    """Return a manifest as it is stored, and the signature beside it, if there is one. Raise NotFound."""
    text = store.get_bytes(bucket, key)
    try:
        return text, store.get_bytes(bucket, manifest.beside(key, seal.NAME))
    except NotFound:
        return text, None


def _recent(keys: tuple[str, ...], prefix: str, days: int | None) -> tuple[str, ...]:
    if days is None:
        return keys
    latest = sorted({_day(key, prefix) for key in keys}, reverse=True)[:days]
    return tuple(key for key in keys if _day(key, prefix) in latest)


def _day(key: str, prefix: str) -> str:
    return key.removeprefix(prefix).partition("/")[0]


def _manifest_keys(keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if key.endswith(f"/{manifest.NAME}")]


def _unfinished(keys: tuple[str, ...]) -> tuple[str, ...]:
    finished = {key.removesuffix(manifest.NAME) for key in _manifest_keys(keys)}
    data = [key for key in keys if key.endswith(f"/{manifest.DATA}")]
    return tuple(key for key in data if key.removesuffix(manifest.DATA) not in finished)


def _bucket(system: System, key: str) -> str:
    """Return in which bucket a dump lies, by what its key begins with."""
    dumps = _dumps(system)
    kept = (kind.bucket for kind in kinds(dumps) if key.startswith(kind.prefix))
    return next(kept, dumps.bucket)


def _dumps(system: System) -> Dumps:
    dumps = SECTION.of(system.policy).dumps
    if dumps is None:
        raise InputError(
            "the policy asks for no dumps",
            hint="Add `backups: {dumps: {bucket: NAME}}` to the policy.",
        )
    return dumps
