"""Objects in S3, or in a store that speaks its language. The only module of the product that imports boto3.

Knows buckets by the name the policy gives them; the settings say which real bucket that is. Every call has
a time limit and a bounded number of tries, and ends in our own error classes. No key of an object enters a
message: a key often holds a person's name. Never decides what is deleted.
"""

import contextlib
import functools
import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedRandom
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.errors import (
    AccessDenied,
    InputError,
    NotFound,
    Unproven,
    Unreachable,
)
from lifecycle.outside import object_lock, quick_session, versions
from lifecycle.outside.at_rest import at_rest
from lifecycle.outside.digest import file_sha256
from lifecycle.outside.head import Head
from lifecycle.outside.object_lock import Lock
from lifecycle.outside.store_error import store_error
from lifecycle.outside.versions import Refusal, Version
from lifecycle.system import System

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 30, 4


@dataclass(frozen=True, slots=True)
class Objects:
    """The object store of one system. `buckets` maps the policy's names to real ones."""

    client: "S3Client" = field(repr=False)
    buckets: Mapping[str, str]

    def versions(self, bucket: str, key: str) -> tuple[str, ...]:
        """Return the ids of all versions of exactly this key, delete markers included.

        A bucket without versioning has one version of an object, called `null`.
        """
        found: list[str] = []
        with _classified(bucket):
            pages = self.client.get_paginator("list_object_versions").paginate(
                Bucket=self._real(bucket), Prefix=key
            )
            for page in pages:
                listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                # `scan-1` is also the prefix of `scan-10`, and a neighbour's would be gone for ever.
                found += [str(v.get("VersionId")) for v in listed if v.get("Key") == key]
                if page.get("NextKeyMarker", key) != key:
                    break
        return tuple(found)

    def delete_versions(self, bucket: str, key: str, these: Sequence[str]) -> int:
        """Delete these versions for ever, abort this key's unfinished uploads, return how many versions.

        A version that is gone already is no error. Raise Refused with the date when one is locked.
        """
        self._abort_uploads(bucket, key)
        for refused in self.delete_all(bucket, [(key, one) for one in these]):
            # Not every store says which version it was.
            for lock in self.locks(bucket, key, (refused.id,) if refused.id else these):
                raise lock.refused(bucket)
            raise store_error(bucket, refused.code)
        return len(these)

    def put_file(self, bucket: str, key: str, path: Path, sha256: str) -> None:
        """Put a file of any size and note its SHA-256 (hex) beside it; the store checks each part.

        Raise Unproven when the file is not what `sha256` says, or its size in the store differs.
        """
        from boto3.exceptions import S3UploadFailedError

        if file_sha256(path) != sha256:
            raise Unproven(f"{path.name} has changed since it was counted", hint="Make it again.")
        extra = {"Metadata": {"sha256": sha256}, "ChecksumAlgorithm": "SHA256"}
        with _classified(bucket):
            extra |= at_rest(self.client, self._real(bucket))
            try:
                self.client.upload_file(str(path), self._real(bucket), key, ExtraArgs=extra)
            except S3UploadFailedError as error:
                raise error.__context__ or error from None
        if self.head(bucket, key).size != path.stat().st_size:
            raise Unproven(
                f"an object in bucket {bucket!r} is not as long as the file that was put",
                hint="Somebody else writes this key, or the store is broken. Run it again.",
            )

    def put_bytes(
        self, bucket: str, key: str, body: bytes, *, locked_until: datetime | None = None
    ) -> None:
        """Put a small object; `locked_until`: nobody without a right of its own may end this version before."""
        lock: dict[str, Any] = {}
        if locked_until is not None:
            lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": locked_until}
        with _classified(bucket):
            self.client.put_object(
                Bucket=self._real(bucket), Key=key, Body=body, ChecksumAlgorithm="SHA256", **lock
            )

    def can_lock(self, bucket: str) -> bool:
        """Say whether versions in this bucket can be locked. A store that cannot tell has no Object Lock."""
        with _classified(bucket):
            return object_lock.enabled(self.client, self._real(bucket))

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str, sha256: str) -> Head:
        """Copy an object of any size within the store, note its SHA-256 (hex), return its head. Raise NotFound."""
        extra = {"Metadata": {"sha256": sha256}, "MetadataDirective": "REPLACE"}
        with _classified(bucket):
            extra |= at_rest(self.client, self._real(to_bucket))
            source = {"Bucket": self._real(bucket), "Key": key}
            self.client.copy(source, self._real(to_bucket), to_key, ExtraArgs=extra)  # type: ignore[arg-type]
        return self.head(to_bucket, to_key)

    def get_file(self, bucket: str, key: str, path: Path) -> str:
        """Fetch the newest version into `path`; return the SHA-256 (hex) of what came."""
        with _classified(bucket):
            self.client.download_file(self._real(bucket), key, str(path))
        return file_sha256(path)

    def get_into(self, bucket: str, key: str, file: BufferedRandom) -> str:
        """Fetch the newest version into an open file in the place of what it holds; return its SHA-256 (hex)."""
        file.seek(0)
        file.truncate()
        with _classified(bucket):
            self.client.download_fileobj(self._real(bucket), key, file)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()

    def get_bytes(self, bucket: str, key: str) -> bytes:
        """Return the newest version of a small object. Raise NotFound."""
        with _classified(bucket):
            return self.client.get_object(Bucket=self._real(bucket), Key=key)["Body"].read()

    def head(self, bucket: str, key: str) -> Head:
        """Return what the store says of the newest version. Raise NotFound."""
        with _classified(bucket):
            answer = self.client.head_object(Bucket=self._real(bucket), Key=key)
        return Head(
            answer["ContentLength"], answer["Metadata"].get("sha256"), answer["LastModified"]
        )

    def exists(self, bucket: str, key: str) -> bool:
        """Say whether the newest version of this key is an object. Raise NotFound for a missing bucket."""
        try:
            self.head(bucket, key)
        except NotFound:
            with _classified(bucket):  # HEAD does not say which of the two is missing
                self.client.head_bucket(Bucket=self._real(bucket))
            return False
        return True

    def close(self) -> None:
        """Close the connections to the store."""
        self.client.close()

    def keys(self, bucket: str, prefix: str, after: str = "") -> tuple[str, ...]:
        """Return the keys of all present objects that begin with `prefix`, in order, from behind `after` on."""
        found: list[str] = []
        with _classified(bucket):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self._real(bucket), Prefix=prefix, StartAfter=after
            )
            for page in pages:
                found += [str(listed.get("Key")) for listed in page.get("Contents", ())]
        return tuple(found)

    def keys_of_versions(self, bucket: str, prefix: str) -> frozenset[str]:
        """Return the keys that begin with `prefix` of which a version holds something, the newest or an earlier one."""
        return frozenset(one.key for one in self.all_versions(bucket, prefix) if one.holds)

    def all_versions(self, bucket: str, prefix: str) -> tuple[Version, ...]:
        """Return every version of every key that begins with `prefix`, delete markers included."""
        with _classified(bucket):
            return tuple(versions.below(self.client, self._real(bucket), prefix))

    def delete_all(self, bucket: str, these: Sequence[tuple[str, str]]) -> tuple[Refusal, ...]:
        """Delete exactly these keys' versions for ever; return those that the store refused, each by itself."""
        with _classified(bucket):
            return tuple(versions.delete(self.client, self._real(bucket), these))

    def _abort_uploads(self, bucket: str, key: str) -> None:
        with _classified(bucket):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._real(bucket), Prefix=key
            )
            for upload in (u for page in pages for u in page.get("Uploads", ())):
                if upload.get("Key") == key:
                    with contextlib.suppress(self.client.exceptions.NoSuchUpload):
                        self.client.abort_multipart_upload(
                            Bucket=self._real(bucket), Key=key, UploadId=str(upload.get("UploadId"))
                        )

    def locks(self, bucket: str, key: str, these: Sequence[str]) -> tuple[Lock, ...]:
        """Return what holds these versions, for each that something holds. One call for each of them."""
        with _classified(bucket):
            real = self._real(bucket)
            found = (object_lock.of_version(self.client, real, key, one) for one in these)
            return tuple(lock for lock in found if lock is not None)

    def must_know(self, bucket: str) -> None:
        """Raise InputError when the settings do not say which real bucket this is. Asks no store."""
        self._real(bucket)

    def _real(self, bucket: str) -> str:
        if bucket not in self.buckets:
            raise InputError(
                f"the settings do not say which bucket {bucket!r} is",
                hint=f"Add `buckets: {{{bucket}: REAL-NAME}}` to the system's settings.",
            )
        return self.buckets[bucket]


def store(system: System) -> Objects:
    """Return the system's object store. Nothing is asked of it yet. Raise InputError without settings.

    A process has one client for each way of reaching a store, as to make one takes longer than most calls. The keys are
    read each time, for they may change under a daemon; without keys of our own boto3's chain is asked each time.
    """
    settings = system.settings.s3
    if settings is None:
        raise InputError(
            "the settings have no object store",
            hint="Add `s3:` to the system's settings; an empty mapping means AWS with its own key chain.",
        )
    access, secret = settings.access_key, settings.secret_key
    key = access.read("s3: access_key") if access else None
    way = settings.endpoint, settings.region, key, secret.read("s3: secret_key") if secret else None
    return Objects(kept(*way) if access and secret else _client(*way), system.settings.buckets)


def _client(
    endpoint: str | None, region: str, access: str | None, secret: str | None
) -> "S3Client":
    import boto3
    from botocore.config import Config

    inner = quick_session.opened()
    session = boto3.session.Session(botocore_session=inner)
    # After boto3, which adds its own place to the loader it finds, and would again for every store.
    inner.register_component("data_loader", quick_session.models())
    return session.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            s3={"addressing_style": "path"} if endpoint else {},
        ),
    )


kept = functools.lru_cache(maxsize=16)(_client)
"""The client of this process for a store that is reached so. Closed, it opens connections anew."""


@contextlib.contextmanager
def _classified(bucket: str) -> Generator[None]:
    """Turn every error of the store's client into one of ours."""
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as core

    absent = (core.NoCredentialsError, core.PartialCredentialsError, core.CredentialRetrievalError)
    try:
        yield
    except core.ClientError as error:
        raise store_error(bucket, error.response.get("Error", {}).get("Code", "")) from None
    except absent:
        raise AccessDenied(
            "there are no credentials for the object store",
            hint="Name them under `s3:` in the settings, or give this machine an instance role.",
        ) from None
    except (core.BotoCoreError, Boto3Error) as error:
        raise Unreachable(
            f"the object store did not answer ({type(error).__name__})",
            hint="Check `endpoint` in the settings and the network; the run is tried again.",
        ) from None
