"""S3 as the product uses it, against a real server on loopback."""

import contextlib
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from botocore import session

from lifecycle import clock
from lifecycle.errors import AccessDenied, InputError, NotFound, Refused, Unproven, Unreachable
from lifecycle.outside import objects, versions
from lifecycle.outside.at_rest import at_rest
from lifecycle.outside.head import Head
from lifecycle.outside.object_lock import Lock
from lifecycle.outside.objects import Objects
from lifecycle.policy import whole
from lifecycle.sandbox import s3
from lifecycle.system import System
from tests import build

NOT_IN_A_MESSAGE = "jane.roe@example.org/scan.pdf"


def system_at(url: str | None, monkeypatch: pytest.MonkeyPatch, **buckets: str) -> System:
    """Return a system whose object store is at `url`."""
    monkeypatch.setenv("TEST_S3_KEY", s3.ACCESS_KEY)
    key = {"env": "TEST_S3_KEY"}
    store = {"endpoint": url, "access_key": key, "secret_key": key} if url else None
    policy = whole.model()(system="vitalis", database="none", tables={})
    return build.system("dbname=none", policy, buckets=buckets, s3=store)


@pytest.fixture
def server(outside: tuple[str, str]) -> str:
    return outside[0]


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    """A store with a bucket that keeps versions, one that does not, and one that can lock."""
    objects.kept.cache_clear()  # what a test has done around its client's calls is its own
    names = {"papers": "real-papers", "plain": "real-plain", "locked": "real-locked"}
    found = objects.store(system_at(server, monkeypatch, nowhere="real-nowhere", **names))
    with contextlib.closing(found):
        client = found.client
        client.create_bucket(Bucket="real-papers")
        client.create_bucket(Bucket="real-plain")
        client.create_bucket(Bucket="real-locked", ObjectLockEnabledForBucket=True)
        client.put_bucket_versioning(
            Bucket="real-papers", VersioningConfiguration={"Status": "Enabled"}
        )
        yield found
        for name in names.values():
            empty(found, name)


def empty(store: Objects, name: str) -> None:
    """Leave nothing for the next test."""
    for page in store.client.get_paginator("list_object_versions").paginate(Bucket=name):
        for one in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
            key, version = str(one.get("Key")), str(one.get("VersionId"))
            store.client.put_object_legal_hold(
                Bucket=name, Key=key, VersionId=version, LegalHold={"Status": "OFF"}
            ) if name == "real-locked" else None
            store.client.delete_object(
                Bucket=name, Key=key, VersionId=version, BypassGovernanceRetention=True
            )


def test_every_version_and_delete_marker_goes_and_the_neighbours_stay(store: Objects) -> None:
    for _ in range(3):
        store.put_bytes("papers", "scan-1", b"mine")
    store.client.delete_object(Bucket="real-papers", Key="scan-1")
    for neighbour in ("scan-10", "scan-1/2", "scan-0"):
        store.put_bytes("papers", neighbour, b"a neighbour's")
    found = store.versions("papers", "scan-1")
    assert len(found) == 4
    assert store.delete_versions("papers", "scan-1", found) == 4
    assert store.versions("papers", "scan-1") == ()
    assert all(store.exists("papers", key) for key in ("scan-10", "scan-1/2", "scan-0"))


def test_deleting_what_is_gone_already_is_no_error(store: Objects) -> None:
    store.put_bytes("papers", "scan-1", b"mine")
    found = store.versions("papers", "scan-1")
    store.delete_versions("papers", "scan-1", found)
    store.delete_versions("papers", "scan-1", found)
    assert store.delete_versions("papers", "never-there", ()) == 0


def test_an_unversioned_bucket_has_one_version_and_it_goes(store: Objects) -> None:
    store.put_bytes("plain", "scan-1", b"mine")
    store.put_bytes("plain", "scan-10", b"a neighbour's")
    found = store.versions("plain", "scan-1")
    assert len(found) == 1
    store.delete_versions("plain", "scan-1", found)
    assert not store.exists("plain", "scan-1")
    assert store.exists("plain", "scan-10")


def test_uploads_of_this_key_that_never_ended_are_aborted_and_no_others(store: Objects) -> None:
    for key in ("scan-1", "scan-10"):
        upload = store.client.create_multipart_upload(Bucket="real-papers", Key=key)["UploadId"]
        store.client.upload_part(
            Bucket="real-papers", Key=key, UploadId=upload, PartNumber=1, Body=b"half"
        )
    store.delete_versions("papers", "scan-1", ())
    left = store.client.list_multipart_uploads(Bucket="real-papers").get("Uploads", [])
    assert [one.get("Key") for one in left] == ["scan-10"]
    store.delete_versions("papers", "scan-10", ())


def test_more_versions_than_one_call_takes_go_in_batches(
    store: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert versions.BATCH == 1000  # the most that S3 takes; the stand-in takes any number
    monkeypatch.setattr(versions, "BATCH", 10)
    calls: list[object] = []

    def heard(**call: object) -> None:
        calls.append(call["params"])

    store.client.meta.events.register("before-call.s3.DeleteObjects", heard)
    for _ in range(23):
        store.put_bytes("papers", "scan-1", b"")
    found = store.versions("papers", "scan-1")
    assert store.delete_versions("papers", "scan-1", found) == 23
    assert len(calls) == 3
    assert store.versions("papers", "scan-1") == ()


def test_more_versions_than_one_answer_lists_are_all_found(store: Objects) -> None:
    def ten_at_a_time(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 10

    store.client.meta.events.register("before-parameter-build.s3.ListObjectVersions", ten_at_a_time)
    for _ in range(23):
        store.put_bytes("papers", "scan-1", b"")
    assert len(store.versions("papers", "scan-1")) == 23


def test_a_process_has_one_client_for_a_store_and_it_answers_when_it_was_closed(
    store: Objects, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = objects.store(system_at(server, monkeypatch, papers="real-papers"))
    assert again.client is store.client
    again.close()
    store.put_bytes("papers", "scan-1", b"here")
    assert again.get_bytes("papers", "scan-1") == b"here"


def test_a_key_that_was_changed_is_used_and_the_earlier_one_no_more(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, asked = system_at(server, monkeypatch, papers="real-papers"), list[str]()

    def note(request: Any, **_: object) -> None:
        asked.append(str(request.headers["Authorization"]))

    for key in ("before", "after"):
        monkeypatch.setenv("TEST_S3_KEY", key)
        now = objects.store(system).client
        now.meta.events.register("before-send.s3", note)
        now.list_buckets()
    assert ["Credential=before/" in asked[0], "Credential=after/" in asked[1]] == [True, True]


def test_without_keys_of_our_own_the_chain_of_boto3_is_asked_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = whole.model()(system="vitalis", database="none", tables={})
    system = build.system("dbname=none", policy, s3={"endpoint": "http://127.0.0.1:9"})
    found = list[str]()
    for key in ("before", "after"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key)
        client = objects.store(system).client
        url = client.generate_presigned_url("get_object", Params={"Bucket": "one", "Key": "two"})
        found.append(re.findall("(?:AccessKeyId=|Credential=)(before|after)", url)[0])
    assert found == ["before", "after"]


@pytest.fixture
def each_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every store have a client of its own, as where boto3's chain of keys is asked."""
    monkeypatch.setattr(objects, "kept", objects.kept.__wrapped__)


@pytest.mark.usefixtures("each_anew")
def test_how_s3_is_spoken_is_read_once_for_all_stores_of_a_process(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (objects.store(system_at(server, monkeypatch)).client for _ in range(2))
    assert one is not other
    assert vars(one)["_loader"] is vars(other)["_loader"]


@pytest.mark.usefixtures("each_anew")
def test_what_is_done_around_the_calls_of_one_store_is_collected_once_and_reaches_no_other(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = objects.store(system_at(server, monkeypatch))
    monkeypatch.setattr(
        session.Session, "_register_builtin_handlers", None
    )  # a second time is an error
    again = objects.store(system_at(server, monkeypatch))
    seen = list[Objects]()

    def note(**_: object) -> None:
        seen.append(once)

    once.client.meta.events.register("before-call.s3", note)
    again.client.list_buckets()
    assert not seen
    once.client.list_buckets()
    assert seen == [once]


def test_a_locked_version_is_refused_with_its_date_and_without_its_key(store: Objects) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    store.client.put_object(
        Bucket="real-locked", Key=NOT_IN_A_MESSAGE, Body=b"x",
        ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until,
    )  # fmt: skip
    with pytest.raises(Refused, match=f"locked until {until:%Y-%m-%d}") as refused:
        store.delete_versions(
            "locked", NOT_IN_A_MESSAGE, store.versions("locked", NOT_IN_A_MESSAGE)
        )
    assert "jane" not in refused.value.what + refused.value.hint


def test_what_holds_a_version_is_told_for_each_and_a_delete_marker_is_held_by_nothing(
    store: Objects,
) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    store.put_bytes("locked", "a", b"free")
    store.put_bytes("locked", "a", b"dated", locked_until=until)
    store.put_bytes("locked", "a", b"held")
    store.client.put_object_legal_hold(Bucket="real-locked", Key="a", LegalHold={"Status": "ON"})
    store.client.delete_object(Bucket="real-locked", Key="a")
    found = store.locks("locked", "a", (*store.versions("locked", "a"), "0" * 26))
    assert set(found) == {Lock(until, legal_hold=False), Lock(None, legal_hold=True)}
    assert {lock.holds(until) for lock in found} == {False, True}  # whose date has come is free
    assert (store.can_lock("locked"), store.can_lock("papers")) == (True, False)
    with pytest.raises(NotFound):
        store.can_lock("nowhere")
    for marker in store.client.list_object_versions(Bucket="real-locked")["DeleteMarkers"]:
        store.client.delete_object(
            Bucket="real-locked", Key="a", VersionId=marker.get("VersionId", "")
        )  # the stand-in fails when one is asked for its hold


def test_a_file_comes_back_as_it_was_put(store: Objects, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b"0123456789" * 2_000_000)  # two parts
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    store.put_file("papers", "daily/dump", path, digest)
    assert store.head("papers", "daily/dump") == Head(20_000_000, digest)
    assert store.get_file("papers", "daily/dump", tmp_path / "back") == digest
    assert store.get_bytes("papers", "daily/dump") == path.read_bytes()


def test_a_file_that_changed_since_it_was_counted_is_not_put(
    store: Objects, tmp_path: Path
) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b"other")
    with pytest.raises(Unproven, match="has changed"):
        store.put_file("papers", "daily/dump", path, "0" * 64)
    assert not store.exists("papers", "daily/dump")


def test_missing_buckets_and_objects_are_named_without_the_key(
    store: Objects, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="which bucket 'unknown' is"):
        store.versions("unknown", NOT_IN_A_MESSAGE)
    for call in (
        lambda: store.versions("nowhere", NOT_IN_A_MESSAGE),
        lambda: store.exists("nowhere", NOT_IN_A_MESSAGE),
        lambda: store.head("papers", NOT_IN_A_MESSAGE),
        lambda: store.get_bytes("papers", NOT_IN_A_MESSAGE),
        lambda: store.get_file("papers", NOT_IN_A_MESSAGE, tmp_path / "x"),
    ):
        with pytest.raises(NotFound) as missing:
            call()
        assert "jane" not in missing.value.what + missing.value.hint


def test_without_settings_there_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no object store"):
        objects.store(system_at(None, monkeypatch))


def test_a_closed_port_is_unreachable_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound and not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        system = system_at(url, monkeypatch, papers="real-papers")
        with contextlib.closing(objects.store(system)) as store:
            started = clock.monotonic()
            with pytest.raises(Unreachable):
                store.versions("papers", NOT_IN_A_MESSAGE)
    assert clock.monotonic() - started < 30


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AccessDenied), (503, Unreachable), (404, NotFound)]
)
def test_what_the_store_answers_becomes_one_of_our_errors(
    status: int, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.command)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *said: object) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as answering:
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{answering.server_address[1]}"
        system = system_at(url, monkeypatch, papers="real-papers")
        with contextlib.closing(objects.store(system)) as store, pytest.raises(kind) as raised:
            store.versions("papers", NOT_IN_A_MESSAGE)
        answering.shutdown()
    assert "jane" not in str(raised.value)
    assert len(calls) == (objects.TRIES if status == 503 else 1)


KMS = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:us-east-1:1:key/of-the-owner"}


@pytest.mark.parametrize("way", ["put", "copied"])
@pytest.mark.parametrize("default", [None, KMS])
def test_an_object_is_encrypted_as_its_bucket_says_and_by_the_store_where_it_says_nothing(
    store: Objects, tmp_path: Path, default: Any, way: str
) -> None:
    client, path = store.client, tmp_path / "dump"
    path.write_bytes(b"x" * 100)
    sha256 = hashlib.sha256(b"x" * 100).hexdigest()
    if default:
        rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
        client.put_bucket_encryption(
            Bucket="real-plain", ServerSideEncryptionConfiguration=cast(Any, rule)
        )
    if way == "put":
        store.put_file("plain", "dump", path, sha256)
    else:
        store.put_file("papers", "dump", path, sha256)
        store.copy("papers", "dump", "plain", "dump", sha256)

    head = client.head_object(Bucket="real-plain", Key="dump")

    client.delete_bucket_encryption(Bucket="real-plain")
    assert head.get("ServerSideEncryption") == ("aws:kms" if default else "AES256")
    assert head.get("SSEKMSKeyId") == (KMS["KMSMasterKeyID"] if default else None)


def test_nothing_is_asked_of_aws_where_every_bucket_has_a_default() -> None:
    policy = whole.model()(system="vitalis", database="none", tables={})
    built = build.system("dbname=none", policy, s3={"region": "eu-central-1"})
    with contextlib.closing(objects.store(built)) as aws:
        assert at_rest(aws.client, "nobody-asks-for-it") == {}
