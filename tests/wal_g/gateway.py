"""An S3 server over a folder, the real versitygw: versions, and an Object Lock that holds. Never moto, which knows no time.

Its root may do everything, whatever a bucket's policy says; `clerk` only what the policy lets it.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from lifecycle.sandbox import s3
from tests import build
from tests.waiting import wait_until
from tests.wal_g.source import Archive

BUILT = Path(__file__).parents[2] / ".venv/versitygw/versitygw"
CLERK = "clerk"
FOLDER = "walg/clinic"


@dataclass(frozen=True)
class Gateway:
    """A server that answers. What it stores lies below `place`."""

    url: str
    place: Path

    def age(self, seconds: int) -> None:
        """Let everything be stored so long ago, in its order, a second between any two: no more is told of it."""
        files = [
            one
            for name in ("objects", "earlier")
            for one in (self.place / name).rglob("*")
            if one.is_file()
        ]
        for after, file in enumerate(sorted(files, key=lambda one: one.stat().st_mtime_ns)):
            at = time.time() - seconds + after
            os.utime(file, (at, at))

    def versions(self, bucket: str) -> list[tuple[str, str]]:
        """Return each version in it that holds something, by its key below the folder, with its id."""
        pages = self.client().get_paginator("list_object_versions").paginate(Bucket=bucket)
        return [
            (one["Key"].removeprefix(f"{FOLDER}/"), one["VersionId"])
            for page in pages
            for one in page.get("Versions", ())
        ]

    def client(self, key: str = s3.ACCESS_KEY) -> Any:
        return boto3.client(  # pyright: ignore[reportUnknownMemberType]
            "s3", endpoint_url=self.url, region_name=s3.REGION, aws_access_key_id=key, aws_secret_access_key=key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )  # fmt: skip

    def policy(self, bucket: str, *denied: tuple[str, str]) -> None:
        """Let the clerk do everything in the bucket but these: (action, the end of the keys' pattern)."""
        told = [
            _said("Allow", "s3:*", f"{bucket}", f"{bucket}/*"),
            *(_said("Deny", action, f"{bucket}/{pattern}") for action, pattern in denied),
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": told})
        self.client().put_bucket_policy(Bucket=bucket, Policy=policy)

    def settings(self, directory: Path, bucket: str, key: str = s3.ACCESS_KEY) -> dict[str, Any]:
        """Return WAL-G's settings whose store is the bucket's folder, by its own variables and no configuration file."""
        plain = {
            "WALG_S3_PREFIX": f"s3://{bucket}/{FOLDER}",
            "AWS_ENDPOINT": self.url,
            "AWS_S3_FORCE_PATH_STYLE": "true",
            "AWS_REGION": s3.REGION,
            "WALG_COMPRESSION_METHOD": "lz4",
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": key,
            "WALG_S3_MAX_RETRIES": "1",
        }
        return {name: build.secret(directory, name, value) for name, value in plain.items()}

    def ours(self, directory: Path, key: str = s3.ACCESS_KEY) -> dict[str, Any]:
        """Return the service's own settings of the same store."""
        said = build.secret(directory, "gateway.key", key)
        return {"s3": {"endpoint": self.url, "access_key": said, "secret_key": said}}


def _said(effect: str, action: str, *resources: str) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": {"AWS": [CLERK]},
        "Action": action,
        "Resource": [f"arn:aws:s3:::{one}" for one in resources],
    }


@contextmanager
def started() -> Generator[Gateway]:
    """Run it until the end of the block."""
    assert BUILT.is_file(), "the S3 server is not built: run `make .venv/versitygw/versitygw`"
    place = Path(tempfile.mkdtemp(prefix="lifecycle-gateway-"))
    for name in ("objects", "earlier", "people"):
        (place / name).mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [BUILT, "--port", f"127.0.0.1:{port}", "--iam-dir", place / "people", "--quiet",
         "posix", "--versioning-dir", place / "earlier", place / "objects"],
        env={"ROOT_ACCESS_KEY": s3.ACCESS_KEY, "ROOT_SECRET_KEY": s3.SECRET_KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        made = Gateway(f"http://127.0.0.1:{port}", place)
        wait_until(lambda: _answers(made))
        subprocess.run(
            [BUILT, "admin", "--access", s3.ACCESS_KEY, "--secret", s3.SECRET_KEY, "--endpoint-url", made.url,
             "create-user", "--access", CLERK, "--secret", CLERK, "--role", "user"],
            check=True, capture_output=True,
        )  # fmt: skip
        yield made
    finally:
        running.kill()
        running.wait()
        shutil.rmtree(place)


def _answers(made: Gateway) -> bool:
    with suppress(Exception):
        made.client().list_buckets()
        return True
    return False


def store_in(client: Any, bucket: str, archive: Archive) -> None:
    """Put every file of an archive into the bucket, in the order in which it was written."""
    files = [file for file in archive.store.rglob("*") if file.is_file()]
    for file in sorted(files, key=lambda one: one.stat().st_mtime_ns):
        key = f"{FOLDER}/{file.relative_to(archive.store)}"
        client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
