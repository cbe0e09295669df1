"""Object Lock: whether a bucket has it, and until when it holds a version. No key of an object is in what it says."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lifecycle.errors import Refused
from lifecycle.words import moment

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

_NO_LOCK = (
    *("ObjectLockConfigurationNotFoundError", "ObjectLockConfigurationNotFound"),
    *("NotImplemented", "MethodNotAllowed", "AccessDenied"),
)
"""What stores say of a bucket without Object Lock, and of one of which this key may not ask."""

_NO_HEAD = (404, 405)
"""What stores answer of a version that is gone, and of a delete marker, which no lock holds."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What holds one version: a date (`until`, which may have passed), a legal hold, or both."""

    until: datetime | None
    legal_hold: bool

    def holds(self, now: datetime) -> bool:
        """Say whether the version cannot be deleted at that moment."""
        return self.legal_hold or (self.until is not None and self.until > now)

    def refused(self, bucket: str) -> Refused:
        """Return the error of a version that was to be deleted."""
        lock = f"locked until {moment(self.until)}" if self.until else "under a legal hold"
        return Refused(
            f"a version of an object in bucket {bucket!r} is {lock}",
            hint="Object Lock holds it. Lift a legal hold or a governance lock, or wait for the date; then run it "
            "again.",
        )


def enabled(client: "S3Client", real: str) -> bool:
    """Say whether versions in this bucket can be locked. A store that cannot tell has no Object Lock."""
    from botocore.exceptions import ClientError

    try:
        found = client.get_object_lock_configuration(Bucket=real)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code", "") in _NO_LOCK:
            return False
        raise
    return found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"


def of_version(client: "S3Client", real: str, key: str, version: str) -> Lock | None:
    """Return what holds this version, None where nothing does. One call."""
    from botocore.exceptions import ClientError

    try:
        head = client.head_object(Bucket=real, Key=key, VersionId=version)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _NO_HEAD:
            return None
        raise
    return _lock(head)


def _lock(head: "HeadObjectOutputTypeDef") -> Lock | None:
    until = head.get("ObjectLockRetainUntilDate")  # absent when there is no lock
    legal_hold = head.get("ObjectLockLegalHoldStatus") == "ON"
    return Lock(until, legal_hold) if until or legal_hold else None
