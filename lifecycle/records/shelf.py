"""Where exports lie in the bucket: puts one there, and fetches one back to be proven. Never deletes.

The place of an export follows from its content. Whoever comes again with the same content asks the bucket at that place
what is there, and nobody's memory; another content of the same month has another place, and overwrites nothing.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from lifecycle.outside.objects import Objects
from lifecycle.outside.signing import PublicKey, SigningKey
from lifecycle.records import manifest, prove
from lifecycle.records.manifest import DATA, MANIFEST, SIGNATURE, Manifest


@dataclass(frozen=True, slots=True)
class Shelf:
    """The part of a bucket that one system's exports lie in."""

    store: Objects
    bucket: str
    prefix: str

    def put(self, written: Manifest, key: SigningKey, file: Path) -> None:
        """Store an export, its manifest and the signature last. Raise as `objects` does."""
        place = self._place(written.month, written.content)
        told = written.to_json()
        self.store.put_file(self.bucket, place + DATA, file, written.sha256)
        self.store.put_bytes(self.bucket, place + MANIFEST, told)
        self.store.put_bytes(self.bucket, place + SIGNATURE, key.sign(told))

    def fetch(self, month: str, content: str, key: PublicKey, directory: Path) -> Manifest:
        """Fetch the export of this content and prove it from what came.

        Raise NotFound when it is not there whole, Unproven when it is not what was signed, and as `objects` does.
        """
        place, name = self._place(month, content), manifest.name(month, content)
        with tempfile.TemporaryDirectory(dir=directory) as fetched:
            for end in (SIGNATURE, MANIFEST, DATA):  # the last one stored is the first one missing
                self.store.get_file(self.bucket, place + end, Path(fetched) / (name + end))
            return prove.prove(Path(fetched) / (name + DATA), key)

    def _place(self, month: str, content: str) -> str:
        return self.prefix + manifest.name(month, content)
