"""Digests that tell nobody what was digested: where a dump is ciphertext, its manifest, which is not, must not either.

Whoever reads the bucket could try what a table of one row may hold, a comment or a letter, until its digest fits. So a
dump that is encrypted has a key of its own, which lies beside it, encrypted likewise. Pure, but for the key.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace

from backups.manifest import Content, Manifest
from backups.restore import Restored
from backups.roles import Globals
from backups.structure import OTHERS_GAVE, Structure
from lifecycle.errors import Unproven


def new() -> str:
    """Return a key, in hex."""
    return secrets.token_hex(32)


def tables(held: Mapping[str, Content], key: str) -> dict[str, Content]:
    """Return what tables held, with keyed digests."""
    return {
        name: content.model_copy(update={"digest": _keyed(key, "table", name, content.digest)})
        for name, content in held.items()
    }


def structure(made_of: Structure, key: str) -> Structure:
    """Return what a database is made of, with keyed digests."""
    objects = {
        kind: {
            name: digest if digest == OTHERS_GAVE else _keyed(key, kind, name, digest)
            for name, digest in every.items()
        }
        for kind, every in made_of.objects.items()
    }
    large = {
        oid: one.model_copy(update={"sha256": _keyed(key, "large object", str(oid), one.sha256)})
        for oid, one in made_of.large_objects.items()
    }
    return made_of.model_copy(update={"objects": objects, "large_objects": large})


def as_of(dumped: Manifest, beside: Globals | None, restored: Restored) -> Restored:
    """Return what was restored with digests like those of the dump. Raise Unproven where their key is not there."""
    if not dumped.keyed:
        return restored
    key = _key(dumped, beside)
    return replace(
        restored,
        tables=tables(restored.tables, key),
        structure=structure(restored.structure, key),
    )


def table_as_of(dumped: Manifest, beside: Globals | None, name: str, held: Content) -> Content:
    """Return what one table holds with a digest like the dump's. Raise as `as_of`."""
    return tables({name: held}, _key(dumped, beside))[name] if dumped.keyed else held


def _key(dumped: Manifest, beside: Globals | None) -> str:
    if beside is None or beside.key is None:
        raise Unproven(
            f"the key of {dumped.key}'s digests is not beside it, so nothing can be compared with them",
            hint="It was altered in the bucket: take a new dump, and see who may write there.",
        )
    return beside.key


def _keyed(key: str, *said: str) -> str:
    return hmac.digest(bytes.fromhex(key), "\0".join(said).encode(), "sha256").hex()
