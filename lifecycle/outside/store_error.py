"""What the codes of an object store mean: one of our own errors for each. Pure; no key of an object is in them."""

from lifecycle.errors import AccessDenied, LifecycleError, NotFound, Unreachable

_DENIED = (
    *("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"),
    *("InvalidToken", "AllAccessDisabled", "AccountProblem", "RequestTimeTooSkewed", "401", "403"),
)
MISSING = ("NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404")
_BUSY = (
    *("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling"),
    *("ThrottlingException", "OperationAborted", "500", "502", "503", "504"),
)


def store_error(bucket: str, code: str) -> LifecycleError:
    """Return what a code of S3 means for who called, and what to do about it."""
    if code in _DENIED:
        return AccessDenied(
            f"the object store refused access to bucket {bucket!r} ({code})",
            hint="Check the keys under `s3:` and the bucket's policy: list and delete versions, get, put.",
        )
    if code in MISSING:
        return NotFound(
            f"bucket {bucket!r} or an object in it does not exist ({code})",
            hint="Check `buckets:` in the settings.",
        )
    if code in _BUSY:
        return Unreachable(f"the object store is busy ({code})", hint="The run is tried again.")
    return LifecycleError(
        f"the object store refused a call on bucket {bucket!r} ({code or 'no code'})",
        hint="The store's documentation explains the code.",
    )
