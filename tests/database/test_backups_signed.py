"""Manifests are signed, and their times can only grow: whoever writes to the bucket makes no dump of ours."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from backups import dump, manifest, seal, shelf
from backups.manifest import Manifest
from lifecycle.errors import InputError
from lifecycle.outcome import Verdict
from lifecycle.outside import objects
from tests import build
from tests.database.test_backups import NOW, SLOT, World, die, in_a_killed_process, world
from tests.keep import work

__all__ = ["world"]

DAY = timedelta(days=1)


def with_key(world: World, directory: Path, *public: Ed25519PrivateKey) -> World:
    """Return the world with a new signing key, and with the public halves of these."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    named = build.secret(directory, f"signing-{len(list(directory.iterdir()))}.pem", pem)
    files = list[str]()
    for number, other in enumerate(public):
        half = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (directory / f"{number}.pub").write_bytes(half)
        files.append(f"{number}.pub")
    settings = world.system.settings.model_dump() | {"signing_key": named, "public_keys": files}
    made = world.system.settings.model_validate(settings)
    return replace(world, system=replace(world.system, settings=made))


@pytest.fixture
def signed(world: World, tmp_path: Path) -> World:
    return with_key(world, tmp_path)


def test_a_manifest_whose_place_in_the_log_is_none_is_damaged_and_no_error_of_ours(world: World):
    taken = world.dump()
    world.rewrite(taken, source=taken.source.model_copy(update={"snapshot_lsn": "nowhere"}))
    outcome = world.drill()
    assert outcome.verdict is Verdict.FAIL
    assert "not a manifest of ours, or it is damaged" in str(outcome.failures)


def private(world: World) -> Ed25519PrivateKey:
    signs = seal.of(world.system).signs
    assert signs is not None
    return signs.key


def test_a_signature_lies_beside_the_manifest_and_the_dump_passes_its_drill(signed: World):
    taken = signed.dump()
    assert signed.keys() == [
        taken.key,
        manifest.beside(taken.key),
        manifest.beside(taken.key, "manifest.sig"),
        manifest.beside(taken.key, "roles.json"),
    ]
    told = signed.read(manifest.beside(taken.key))
    private(signed).public_key().verify(signed.read(manifest.beside(taken.key, seal.NAME)), told)
    assert taken.signed_by == seal.of(signed.system).fingerprint
    assert signed.drill().verdict is Verdict.PASS


def unsigned(world: World, taken: Manifest) -> None:
    world.client.delete_object(Bucket=world.bucket, Key=manifest.beside(taken.key, seal.NAME))


def foreign(world: World, taken: Manifest) -> None:
    forged = Ed25519PrivateKey.generate().sign(world.read(manifest.beside(taken.key)))
    world.write(manifest.beside(taken.key, seal.NAME), forged)


@pytest.mark.parametrize(
    ("damage", "said"),
    [(unsigned, "is not signed"), (foreign, "is signed by no key that counts here")],
)
def test_a_manifest_that_is_not_signed_by_our_key_is_no_proof_even_where_the_ledger_knows_it(
    signed: World, damage: Callable[[World, Manifest], None], said: str
):
    taken = signed.dump()
    damage(signed, taken)
    outcome = signed.drill()
    assert outcome.verdict is Verdict.FAIL
    assert any(f.what == f"the manifest of {taken.key} {said}" for f in outcome.failures)
    assert "rows" not in outcome.counts


def test_dumps_from_before_the_first_key_disturb_no_drill_and_a_key_before_counts_by_its_public_half(
    world: World, tmp_path: Path
):
    world.dump()
    first = with_key(world, tmp_path)
    assert first.drill().verdict is Verdict.FAIL  # the newest is not signed
    first.dump(SLOT + DAY, NOW + DAY)
    assert first.drill(NOW + DAY).verdict is Verdict.PASS
    second = with_key(world, tmp_path)
    assert second.drill(NOW + DAY).verdict is Verdict.FAIL
    both = with_key(world, tmp_path, private(first))
    assert both.drill(NOW + DAY).verdict is Verdict.PASS
    both.dump(SLOT + 2 * DAY, NOW + 2 * DAY)
    assert both.drill(NOW + 2 * DAY).verdict is Verdict.PASS


def test_a_host_that_only_proves_takes_no_dump_that_would_not_count(world: World, tmp_path: Path):
    proving = with_key(world, tmp_path, Ed25519PrivateKey.generate())
    settings = proving.system.settings.model_copy(update={"signing_key": None})
    with pytest.raises(InputError, match="no signing key is set"):
        work(dump.carry_out, replace(proving.system, settings=settings), world.claim(), NOW)
    assert world.keys() == []


def test_a_dump_killed_before_its_signature_is_taken_again(
    signed: World, monkeypatch: pytest.MonkeyPatch
):
    put, claim = objects.Objects.put_bytes, signed.claim()

    def put_no_signature(self: objects.Objects, bucket: str, key: str, body: bytes) -> None:
        if key.endswith(seal.NAME):
            die()
        put(self, bucket, key, body)

    with monkeypatch.context() as fault:
        fault.setattr(objects.Objects, "put_bytes", put_no_signature)
        in_a_killed_process(lambda: work(dump.carry_out, signed.system, claim, NOW))
    assert [left.attempt for left in shelf.look(signed.system).unsigned] == [1]
    assert signed.dump().attempt == 2
    assert signed.drill().verdict is Verdict.PASS


def test_a_dump_of_the_future_is_found(world: World):
    taken = world.dump()
    world.rewrite(taken, finished_at=NOW + 365 * 70 * DAY)
    outcome = world.drill(NOW + timedelta(hours=1))
    assert outcome.verdict is Verdict.FAIL
    assert [(f.target, "which is still to come" in f.what) for f in outcome.failures] == [
        (taken.key, True)
    ]


def test_an_older_dump_below_a_newer_manifest_is_found_by_the_databases_own_log(world: World):
    older = world.dump()
    newer = world.dump(SLOT + DAY, NOW + DAY)
    assert world.drill(NOW + DAY).verdict is Verdict.PASS
    world.rewrite(
        older, started_at=newer.started_at + DAY / 2, finished_at=newer.started_at + DAY / 2
    )
    outcome = world.drill(NOW + DAY)
    said = f"it says that it is older than {older.key}, and was taken later by the database's log"
    assert (newer.key, said) in [(f.target, f.what) for f in outcome.failures]
    world.rewrite(older)
    assert world.drill(NOW + DAY).verdict is Verdict.PASS
    world.write(newer.key, world.read(older.key))
    outcome = world.drill(NOW + DAY)
    assert outcome.verdict is Verdict.FAIL
    assert f"{newer.key} is not the file its manifest speaks of" in outcome.summary
