"""Where archives lie in the bucket: puts one there and fetches one back. Never deletes, never overwrites.

The name of an archive is the SHA-256 of its bytes: whoever comes again with the same bytes finds them there, and other
bytes have another place. Its manifest is stored last, after the bucket was asked what it has.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lifecycle.errors import InputError, LifecycleError, NotFound, Refused, Unproven
from lifecycle.outside import objects
from lifecycle.outside.objects import Objects
from lifecycle.system import System
from retention.archive import manifest, parquet
from retention.archive.manifest import DATA, NAME, Manifest
from retention.archive.section import SECTION

_LOOK = (
    "See who wrote to the bucket. Where it keeps versions, the one that was stored is still there."
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The part of a bucket that one system's archives lie in."""

    store: Objects
    bucket: str
    prefix: str

    def place(self, table: str, sha256: str) -> str:
        """Return the key of an archive of this table with these bytes."""
        return f"{self.prefix}{quote(table, safe='.')}/{sha256}{DATA}"

    def put(self, written: Manifest, file: Path) -> None:
        """Store an archive and its manifest, unless they are there. Raise Unproven when the bucket has other bytes.

        What is there already may have rotted behind what the store says of it: then it is stored anew.
        """
        if not (self._has(written) and self._whole(written, file.parent)):
            self.store.put_file(self.bucket, written.key, file, written.sha256)
        if not self._has(written):
            raise Unproven(
                f"what the bucket has under {written.key} is not what was sent",
                hint="Somebody else writes there, or the store is broken. Nothing was dropped; run it again.",
            )
        beside = manifest.beside(written.key)
        # One that is there tells of the run that wrote it; a torn one has to be written anew.
        with contextlib.suppress(NotFound, Unproven):
            if self.manifest(beside).description == written.description:
                return
        self.store.put_bytes(self.bucket, beside, written.to_json())

    def fetch(self, written: Manifest, file: Path) -> None:
        """Fetch an archive and hold every byte against its name, and what it says about itself against its manifest.

        Raise Unproven when anything differs, Refused when the disk is full, and as `objects` does.
        """
        key = written.key
        try:
            came = self.store.get_file(self.bucket, key, file)
        except NotFound:
            raise Unproven(f"{key} is not in the bucket any more", hint=_LOOK) from None
        except OSError as error:
            raise no_room(file.parent, error) from None
        size = file.stat().st_size
        if size != written.size:
            what = f"{key} has {size:,} bytes, and {written.size:,} were stored"
            raise Unproven(what, hint=_LOOK)
        if came != written.sha256:
            what = f"{key} is as long as what was stored, and not the same bytes"
            raise Unproven(what, hint=_LOOK)
        if manifest.described(parquet.footer(file), key) != written.description:
            what = f"{key} is an archive of something else than its manifest says"
            raise Unproven(what, hint=_LOOK)

    def manifest(self, key: str) -> Manifest:
        """Return the manifest under this key. Raise NotFound, Unproven."""
        return manifest.parse(self.store.get_bytes(self.bucket, key), key)

    def all(self) -> Iterator[tuple[str, Manifest | LifecycleError]]:
        """Yield each archive's key with its manifest, or with why it has none that could be read."""
        keys = set(self.store.keys(self.bucket, self.prefix))
        places = {key.removesuffix(NAME) + DATA for key in keys if key.endswith(NAME)}
        places |= {key for key in keys if key.endswith(DATA)}
        for place in sorted(places):
            try:
                yield place, self.manifest(manifest.beside(place))
            except (NotFound, Unproven) as error:
                yield place, error

    def _whole(self, written: Manifest, directory: Path) -> bool:
        there = directory / "there"
        try:
            return self.store.get_file(self.bucket, written.key, there) == written.sha256
        except OSError as error:
            raise no_room(directory, error) from None
        finally:
            there.unlink(missing_ok=True)

    def _has(self, written: Manifest) -> bool:
        try:
            stored = self.store.head(self.bucket, written.key)
        except NotFound:
            return False
        return (stored.size, stored.sha256) == (written.size, written.sha256)


def shelf(system: System) -> Shelf:
    """Return the shelf of a system; its store is the caller's to close. Raise InputError without a bucket."""
    archives = SECTION.of(system.policy)
    if archives.bucket is None:
        raise InputError(
            "the policy names no bucket for archives",
            hint="Add `archives: {bucket: NAME}` to the policy.",
        )
    store = objects.store(system)
    store.must_know(archives.bucket)
    return Shelf(store, archives.bucket, f"{archives.prefix}{system.name}/")


def no_room(directory: Path, error: OSError) -> Refused:
    """Return what is said when an archive cannot be written to this machine's disk."""
    return Refused(
        f"the archive cannot be written to {directory.parent}: {error.strerror}",
        hint="Free space, or name another directory under `scratch:` in the settings.",
    )


def must_fit(directory: Path, size: int) -> None:
    """Raise Refused when so many bytes may not fit on the disk. An archive is packed: its table's size is enough."""
    free = shutil.disk_usage(directory).free
    if free < size:
        raise Refused(
            f"an archive of up to {size:,} bytes may not fit: {free:,} bytes are free in {directory.parent}",
            hint="Free space, or name another directory under `scratch:` in the settings.",
        )
