"""Proves an export by itself: its signature, its bytes, every line of it. Needs a public key, and no database.

The same for the copy that was fetched back from the bucket, before its month is dropped, and for whoever has the three
files years later. Reads a line at a time; changes nothing.
"""

import gzip
import hashlib
import json
import zlib
from pathlib import Path

from lifecycle.errors import NotFound, Unproven
from lifecycle.outside.digest import file_sha256
from lifecycle.outside.signing import PublicKey
from lifecycle.records.export import Content
from lifecycle.records.manifest import DATA, MANIFEST, SIGNATURE, Manifest, parse

_KINDS = {"run": "runs", "attempt": "attempts", "evidence": "evidence", "alert": "alerts"}
_LOOK = (
    "Fetch it again, in an older version where the bucket has one; look who wrote to the bucket."
)


def prove(file: Path, key: PublicKey) -> Manifest:
    """Return the manifest of an export whose files lie side by side.

    Raise NotFound when one of them is not there, Unproven when anything is not what `key` has signed.
    """
    stem = file.with_name(file.name.removesuffix(DATA))
    try:
        told = stem.with_name(stem.name + MANIFEST).read_bytes()
        signature = stem.with_name(stem.name + SIGNATURE).read_bytes()
        digest = file_sha256(file)
    except OSError as error:
        raise NotFound(
            f"{error.filename} cannot be read: {error.strerror}",
            hint=f"An export is three files side by side: NAME{DATA}, NAME{MANIFEST} and NAME{SIGNATURE}.",
        ) from None
    key.must_have_signed(told, signature)
    signed = parse(told)
    if (signed.sha256, signed.size) != (digest, file.stat().st_size):
        raise Unproven(f"{file.name} is not the file that was signed", hint=_LOOK)
    content = read(file)
    if (dict(content.counts), content.digest) != (signed.counts, signed.content):
        raise Unproven(f"the lines of {file.name} are not those that were signed", hint=_LOOK)
    return signed


def read(file: Path) -> Content:
    """Return what a packed file of lines holds. Raise Unproven where a line is none of the ledger's, or torn."""
    counts, digest = dict.fromkeys(_KINDS.values(), 0), hashlib.sha256()
    try:
        with gzip.open(file, "rb") as lines:
            for line in lines:
                digest.update(line)
                counts[_KINDS[json.loads(line)["table"]]] += 1
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        raise Unproven(f"{file.name} is damaged, or no export of ours", hint=_LOOK) from None
    return Content(counts, digest.hexdigest())
