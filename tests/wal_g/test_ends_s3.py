"""Base backups and their log end in a real S3 server: with versions, under Object Lock, where it refuses, and killed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backups.wal_g.ends import bucket, delete
from backups.wal_g.ends.promise import PROMISE
from backups.wal_g.ends.survey import survey_store
from backups.wal_g.program import Program
from gdpr import horizon
from lifecycle.errors import AccessDenied, Refused
from lifecycle.outcome import Outcome, Verdict
from lifecycle.system import System
from tests.keep import keep, plan
from tests.wal_g import aged, gateway
from tests.wal_g.aged import AGED, PROMISED, dies, names, ran
from tests.wal_g.clinic import Clinic, now, told, unseen
from tests.wal_g.gateway import CLERK, FOLDER, Gateway
from tests.wal_g.source import Archive

WALG = {"window": "1 second", "base": "1 day"}


@pytest.fixture(scope="module")
def kept() -> Iterator[Clinic]:
    with aged.three() as made:
        yield made


@pytest.fixture(scope="module")
def store() -> Iterator[Gateway]:
    with gateway.started() as made:
        yield made


@pytest.fixture
def archive(kept: Clinic) -> Iterator[Archive]:
    with aged.copy(kept) as made:
        yield made


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Return a bucket of the test's own."""
    return f"wal-{abs(hash(request.node.name)) % 10**9}"


def filled(store: Gateway, name: str, archive: Archive, kind: str) -> Any:
    """Return a client, once a bucket has the archive, days old: `plain`, with `versions`, or with a `lock`."""
    client = store.client()
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=kind == "lock")
    if kind == "versions":
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    gateway.store_in(client, name, archive)
    store.age(AGED)
    return client


def system(
    kept: Clinic, store: Gateway, name: str, tmp_path: Path, *, named: bool = True, key: str = ""
) -> System:
    """Return the system whose store that bucket is; `named`: the settings say so, too."""
    keys = {"key": key} if key else {}
    walg: dict[str, Any] = {"config": None, "environment": store.settings(tmp_path, name, **keys)}
    made = kept.system(None, PROMISED, **walg, **({"objects": f"wal/{FOLDER}"} if named else {}))
    own = made.settings.model_dump() | {"buckets": {"wal": name}} | store.ours(tmp_path, **keys)
    settings = type(made.settings).model_validate(own)
    return System(made.policy, made.policy_digest, settings, made.machine)


def drilled(kept: Clinic, store: Gateway, name: str, tmp_path: Path) -> Outcome:
    environment = store.settings(tmp_path, name)
    return kept.drill(None, promised=WALG, config=None, environment=environment)


def only(third: str, store: Gateway, name: str) -> None:
    """Assert that nothing is left in any version but of that base backup, and of the log from its beginning on."""
    left = {key for key, _ in store.versions(name)}
    assert {key.split("/")[1][: len(third)] for key in left if key.startswith("base")} == {third}
    assert min(key[16:32] for key in left if key.startswith("wal_005/")) == third[-16:]


@pytest.mark.parametrize("kind", ["plain", "versions", "lock"])
def test_what_ends_is_gone_with_all_its_versions_and_what_stays_brings_everything_back(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path, kind: str
) -> None:
    client = filled(store, name, archive, kind)
    again = f"{FOLDER}/wal_005/{archive.wal[0].name}"
    client.put_object(Bucket=name, Key=again, Body=b"once more")
    store.age(AGED)
    at = system(kept, store, name, tmp_path)
    first, second, third = names(at)
    shown = plan(PROMISE, at, now())
    assert [step.target for step in shown.decision.steps[:2]] == [second, first]

    outcome = ran(kept, delete.JOB, at)

    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
    only(third, store, name)
    assert drilled(kept, store, name, tmp_path).verdict is Verdict.PASS
    assert ran(kept, delete.JOB, at).counts["ended"] == 0


def test_over_wal_g_alone_nobody_can_tell_whether_versions_are_gone_until_the_bucket_is_named(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path
) -> None:
    filled(store, name, archive, "versions")
    at = system(kept, store, name, tmp_path, named=False)
    begins, third = store.versions(name), names(at)[-1]

    outcome = ran(kept, delete.JOB, at)

    assert outcome.verdict is Verdict.UNVERIFIED, told(outcome)
    assert "cannot be told over WAL-G" in unseen(outcome)
    assert names(at) == [third]
    assert store.versions(name) == begins
    [copies] = horizon.copies(at, (), now())
    assert copies.endless

    at = system(kept, store, name, tmp_path)
    [copies] = horizon.copies(at, (), now())
    assert "objects out of WAL-G's list, kept as versions" in copies.note
    assert not copies.endless
    assert [step.verb for step in plan(PROMISE, at, now()).decision.steps] == ["delete versions"]
    outcome = ran(kept, delete.JOB, at)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    only(third, store, name)
    [copies] = horizon.copies(at, (), now())
    assert "versions" not in copies.note


def test_what_somebody_deleted_of_what_is_kept_stays_as_versions_and_is_counted(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path
) -> None:
    client = filled(store, name, archive, "versions")
    last = f"wal_005/{archive.wal[-1].name}"
    client.delete_object(Bucket=name, Key=f"{FOLDER}/{last}")
    at = system(kept, store, name, tmp_path)
    outcome = ran(kept, delete.JOB, at)
    assert "1 object that WAL-G does not list any more, kept as versions" in outcome.summary
    assert last in {key for key, _ in store.versions(name)}


def test_32_killed_between_any_two_calls_of_wal_g_one_can_come_back_and_the_next_run_ends_the_rest(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path
) -> None:
    filled(store, name, archive, "plain")
    at = system(kept, store, name, tmp_path, named=False)
    third, number = names(at)[-1], 0
    while dies(kept, at, Program, "remove", 1):
        number += 1
        still_whole(at, third)
    assert number > 10
    only(third, store, name)
    assert drilled(kept, store, name, tmp_path).verdict is Verdict.PASS


def test_32_killed_between_any_two_calls_of_the_bucket_one_can_come_back_and_the_next_run_ends_the_rest(
    kept: Clinic,
    archive: Archive,
    store: Gateway,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delete, "CALL", 1)
    filled(store, name, archive, "versions")
    at = system(kept, store, name, tmp_path)
    third, number = names(at)[-1], 0
    while dies(kept, at, bucket, "delete", 1):
        number += 1
        still_whole(at, third)
    assert number > 10
    only(third, store, name)
    assert drilled(kept, store, name, tmp_path).verdict is Verdict.PASS


def still_whole(at: System, third: str) -> None:
    """Assert that the newest is listed, and all times from it on can be come back to."""
    seen = survey_store(at, now(), None)
    assert seen.there.backups[-1].backup_name == third
    assert seen.there.reach is not None
    assert seen.there.reach.holes == ()
    assert len(seen.there.reach.intervals) == 1


@pytest.mark.parametrize("named", [False, True])
def test_33_a_base_backup_that_the_store_refuses_to_delete_is_told_and_its_log_stays(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path, named: bool
) -> None:
    """Of a call for several keys S3 answers 200 and names each that it refused: WAL-G does not read that."""
    filled(store, name, archive, "plain")
    at = system(kept, store, name, tmp_path, named=named, key=CLERK)
    store.policy(name)
    second, begins = names(at)[1], store.versions(name)
    store.policy(name, *((f"s3:{word}", f"{FOLDER}/basebackups_005/{second}*") for word in ("DeleteObject", "DeleteObjectVersion")))  # fmt: skip

    if named:
        claim = kept.claim(delete.JOB)
        with pytest.raises(AccessDenied, match="refused access"):
            keep(PROMISE, at, claim, now())
        kept.end(claim)
    else:
        outcome = ran(kept, delete.JOB, at)
        assert outcome.verdict is Verdict.FAIL
        assert second in {failure.target for failure in outcome.failures}
        assert "WAL-G said that it deleted" in told(outcome)
    assert store.versions(name) == begins


def test_33_what_is_locked_stays_whole_with_its_log_until_a_date_that_is_told(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path
) -> None:
    client = filled(store, name, archive, "lock")
    at = system(kept, store, name, tmp_path)
    first, second, third = names(at)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
    part = next(one for one in store.versions(name) if one[0].startswith(f"basebackups_005/{first}/tar"))  # fmt: skip
    chosen = {"Bucket": name, "Key": f"{FOLDER}/{part[0]}", "VersionId": part[1]}
    client.put_object_retention(
        **chosen, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until}
    )
    begins = {one for one in store.versions(name) if first in one[0] and second not in one[0]}
    [refused] = plan(PROMISE, at, now()).decision.refusals
    assert (refused.target, refused.what) == (first, f"it is over age and locked until {until:%Y-%m-%d %H:%M:%S}Z: it stays")  # fmt: skip

    outcome = ran(kept, delete.JOB, at)

    assert outcome.verdict is Verdict.FAIL
    assert [failure.target for failure in outcome.failures] == [first]
    assert "set `keep` at least as long as the lock" in outcome.failures[0].hint
    assert names(at) == [first, third]
    assert begins <= set(store.versions(name))
    seen = survey_store(at, now(), None)
    size = seen.said.server.segment_size
    one = seen.there.backups[0]
    assert {segment.number for segment in seen.log} >= set(range(one.start_lsn // size, one.finish_lsn // size + 1))  # fmt: skip

    client.put_object_retention(
        **chosen,
        Retention={
            "Mode": "GOVERNANCE",
            "RetainUntilDate": datetime.now(UTC) + timedelta(seconds=1),
        },
        BypassGovernanceRetention=True,
    )
    client.put_object_legal_hold(**chosen, LegalHold={"Status": "ON"})
    assert "under a legal hold of the store" in told(ran(kept, delete.JOB, at))
    client.put_object_legal_hold(**chosen, LegalHold={"Status": "OFF"})
    outcome = ran(kept, delete.JOB, at)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    only(third, store, name)


def test_a_segment_that_is_locked_keeps_no_other_and_its_date_is_told(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path
) -> None:
    client = filled(store, name, archive, "lock")
    at = system(kept, store, name, tmp_path)
    third = names(at)[-1]
    [locked] = [one for one in store.versions(name) if one[0].endswith(archive.wal[1].name)]
    until = datetime.now(UTC) + timedelta(days=5)
    client.put_object_retention(
        Bucket=name, Key=f"{FOLDER}/{locked[0]}", VersionId=locked[1],
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
    )  # fmt: skip
    outcome = ran(kept, delete.JOB, at)
    assert outcome.verdict is Verdict.FAIL
    assert f"locked until {until:%Y-%m-%d}" in told(outcome)
    older = {key for key, _ in store.versions(name) if key.startswith("wal_005/") and key[16:32] < third[-16:]}  # fmt: skip
    assert older == {locked[0]}


def test_another_bucket_than_wal_gs_is_refused_before_anything_is_deleted(
    kept: Clinic, archive: Archive, store: Gateway, name: str, tmp_path: Path
) -> None:
    filled(store, name, archive, "versions")
    at = system(kept, store, name, tmp_path)
    store.client().create_bucket(Bucket=f"{name}-2")
    moved = at.settings.model_copy(update={"buckets": {"wal": f"{name}-2"}})
    begins = store.versions(name)
    with pytest.raises(Refused, match="is not where WAL-G's store lies"):
        survey_store(System(at.policy, at.policy_digest, moved, at.machine), now(), None)
    assert store.versions(name) == begins
