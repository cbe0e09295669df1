"""What `doctor` says about buckets: each answers, and keeps versions. Reads only."""

from collections.abc import Iterable, Iterator

from lifecycle.admin.finding import Finding, bad, fine, not_asked, refused, unknown
from lifecycle.errors import LifecycleError
from lifecycle.outside import objects
from lifecycle.system import System


def look_at(system: System, label: str, names: Iterable[str]) -> Iterator[Finding]:
    """Look at the buckets that the policy calls `names`."""
    used = sorted(set(names))
    if not used:
        yield not_asked(label, "the policy names none")
        return
    store = objects.store(system)
    for bucket in used:
        try:
            store.exists(bucket, ".lifecycle-doctor")
        except LifecycleError as error:
            yield refused(label, error, "Objects of a person, or dumps, could not be reached.")
            continue
        yield _versioning(label, store, bucket)


def _versioning(label: str, store: objects.Objects, bucket: str) -> Finding:
    real = store.buckets[bucket]
    why = "Without versions an object that somebody overwrites or deletes by mistake is gone."
    try:
        status = store.client.get_bucket_versioning(Bucket=real).get("Status", "Off")
    except Exception as error:  # noqa: BLE001 - a right that only this question needs
        what = (
            f"{real} answers, but does not say whether it keeps versions ({type(error).__name__})"
        )
        return unknown(label, what, why, "Allow s3:GetBucketVersioning, or look yourself.")
    if status != "Enabled":
        fix = f"aws s3api put-bucket-versioning --bucket {real} --versioning-configuration Status=Enabled"
        return bad(label, f"{real} keeps no versions ({status.lower()})", why, fix)
    return fine(label, f"{real} answers and keeps versions")
