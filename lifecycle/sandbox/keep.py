"""Puts away what the stand-ins hold in memory, and gives it back, for a demo that goes on another time.

Objects come back with all their versions and delete markers, under new version ids and new dates.
"""

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_TIME_LIMIT = 30
"""Seconds."""


def put_away(objects: "S3Client", stripe: str, directory: Path) -> None:
    """Write every object version and Stripe's state into `directory`, in place of what is there."""
    directory.mkdir(mode=0o700, exist_ok=True)
    index: list[dict[str, Any]] = []
    for bucket in objects.list_buckets().get("Buckets", []):
        name = bucket.get("Name", "")
        for page in objects.get_paginator("list_object_versions").paginate(Bucket=name):
            # S3 lists the newest version of a key first.
            for version in reversed(page.get("Versions", [])):
                file = f"object-{len(index):06}"
                key, number = version.get("Key", ""), version.get("VersionId", "")
                got = objects.get_object(Bucket=name, Key=key, VersionId=number)
                (directory / file).write_bytes(got["Body"].read())
                noted = got.get("Metadata", {})
                index.append({"bucket": name, "key": key, "file": file, "metadata": noted})
            index.extend(
                {"bucket": name, "key": marker.get("Key", ""), "file": ""}
                for marker in page.get("DeleteMarkers", [])
            )
    (directory / "index.json").write_text(json.dumps(index), encoding="utf-8")
    with urllib.request.urlopen(f"{stripe}/_double/state", timeout=_TIME_LIMIT) as answer:  # noqa: S310 - loopback
        (directory / "stripe.json").write_bytes(answer.read())


def give_back(objects: "S3Client", stripe: str, directory: Path) -> None:
    """Put everything that `put_away` wrote into stand-ins that are empty but for their buckets."""
    for entry in json.loads((directory / "index.json").read_text(encoding="utf-8")):
        bucket, key = entry["bucket"], entry["key"]
        if entry["file"]:
            body = (directory / entry["file"]).read_bytes()
            noted = entry["metadata"]
            objects.put_object(Bucket=bucket, Key=key, Body=body, Metadata=noted)
        else:
            objects.delete_object(Bucket=bucket, Key=key)
    state = (directory / "stripe.json").read_bytes()
    request = urllib.request.Request(f"{stripe}/_double/state", data=state, method="POST")  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=_TIME_LIMIT):  # noqa: S310 - loopback
        pass
