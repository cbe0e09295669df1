"""Versions of objects below a prefix, and their end by exact key and version. Asks a client that it is given.

A bucket without versioning has one version of an object, called `null`. A delete marker is a version that holds
nothing: it hides those before it, which stay. Never decides what is deleted.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from lifecycle.outside.store_error import MISSING

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import (
        DeleteMarkerEntryTypeDef,
        ObjectIdentifierTypeDef,
        ObjectVersionTypeDef,
    )


BATCH = 1000
"""Most versions that one call deletes."""


class Version(NamedTuple):
    """One version: `newest` of its key or an earlier one, `holds` nothing where it is a delete marker."""

    key: str
    id: str
    size: int
    stored_at: datetime
    newest: bool
    holds: bool


class Refusal(NamedTuple):
    """A version that the store did not delete, and the code that it gave for it; `id` empty where it named none."""

    key: str
    id: str
    code: str


def below(client: "S3Client", real: str, prefix: str) -> Iterator[Version]:
    """Yield every version of every key that begins with `prefix`: one call for a thousand of them."""
    pages = client.get_paginator("list_object_versions").paginate(Bucket=real, Prefix=prefix)
    for page in pages:
        for one in page.get("Versions", ()):
            yield _version(one, one.get("Size", 0), holds=True)
        for one in page.get("DeleteMarkers", ()):
            yield _version(one, 0, holds=False)


def _version(
    one: "ObjectVersionTypeDef | DeleteMarkerEntryTypeDef", size: int, *, holds: bool
) -> Version:
    at = one.get("LastModified")
    assert at is not None
    newest = one.get("IsLatest", False)
    return Version(one.get("Key", ""), one.get("VersionId", "null"), size, at, newest, holds)


def delete(client: "S3Client", real: str, these: Sequence[tuple[str, str]]) -> Iterator[Refusal]:
    """Delete these keys' versions for ever, a thousand in a call, and yield each that was refused.

    The answer is 200 even so. One that is gone already is no refusal.
    """
    for start in range(0, len(these), BATCH):
        wanted: list[ObjectIdentifierTypeDef] = [
            {"Key": key, "VersionId": id_} for key, id_ in these[start : start + BATCH]
        ]
        answer = client.delete_objects(Bucket=real, Delete={"Objects": wanted, "Quiet": True})
        for error in answer.get("Errors", ()):
            if (code := error.get("Code", "")) not in MISSING:
                yield Refusal(error.get("Key", ""), error.get("VersionId", ""), code)


def hidden(these: Iterable[Version]) -> bool:
    """Say whether these versions of one key hold something that nobody who lists objects sees."""
    holding = [one for one in these if one.holds]
    return bool(holding) and not any(one.newest for one in holding)
