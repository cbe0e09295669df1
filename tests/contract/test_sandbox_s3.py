"""The S3 stand-in answers like S3, and neither stand-in outlives whoever started it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from lifecycle.errors import Unreachable
from lifecycle.sandbox import child, s3
from tests.waiting import alive, wait_until

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PARENT = """
import sys, time
from pathlib import Path
from lifecycle.sandbox import {name}
with {name}.start(Path(sys.argv[1])) as running:
    print(running.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[child.Running]:
    with s3.start(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def client(running: child.Running) -> "Iterator[S3Client]":
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=running.url,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
        region_name=s3.REGION,
    )
    with contextlib.closing(client):
        yield client


def test_versions_of_an_object_can_be_listed_and_purged(client: "S3Client"):
    client.create_bucket(Bucket="documents")
    client.put_bucket_versioning(Bucket="documents", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        client.put_object(Bucket="documents", Key="a", Body=body)
    client.delete_object(Bucket="documents", Key="a")
    found = client.list_object_versions(Bucket="documents")
    assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (2, 1)
    for version in (*found["Versions"], *found["DeleteMarkers"]):
        version_id = version.get("VersionId", "")
        client.delete_object(Bucket="documents", Key="a", VersionId=version_id)
    assert "Versions" not in client.list_object_versions(Bucket="documents")


def test_it_listens_on_loopback_only_and_says_nothing(running: child.Running):
    assert running.url.startswith("http://127.0.0.1:")
    assert running.log.read_text(encoding="utf-8") == ""


def test_it_is_gone_after_the_block(tmp_path: Path):
    with child.started("lifecycle.sandbox.stripe_double", tmp_path) as running:
        assert alive(running.pid)
    assert not alive(running.pid)


@pytest.mark.parametrize("name", ["s3", "stripe_double"])
def test_it_is_gone_after_its_parent_was_killed(tmp_path: Path, name: str):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(name=name), tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: not alive(pid))


def test_it_ends_in_order_on_sigterm(tmp_path: Path):
    with child.started("lifecycle.sandbox.stripe_double", tmp_path) as running:
        os.kill(running.pid, signal.SIGTERM)
        wait_until(lambda: not alive(running.pid))
        assert running.log.read_text(encoding="utf-8") == ""


def test_one_that_cannot_start_is_reported_with_the_end_of_its_log(tmp_path: Path):
    with (
        pytest.raises(Unreachable, match=r"No module named lifecycle\.sandbox\.nothing") as error,
        child.started("lifecycle.sandbox.nothing", tmp_path),
    ):
        pass
    assert str(tmp_path) in error.value.hint
