"""The record of a restore point in the store: a drill needs no ledger, and what somebody put there himself is found."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backups.wal_g import drill, program, record
from backups.wal_g.record import Recorded
from lifecycle.coverage import conclude
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.signing import SigningKey
from lifecycle.settings.model import SystemSettings
from lifecycle.system import System
from tests import build
from tests.database.test_records import private_pem
from tests.wal_g.clinic import Clinic, now, told, unseen
from tests.wal_g.source import Archive, give

NOWHERE = "host=127.0.0.1 port=1 user=lifecycle dbname=clinic connect_timeout=2"


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate())


@pytest.fixture
def signed(clinic: Clinic, archive: Archive, key: SigningKey, tmp_path: Path) -> System:
    """The system as it is after its database was lost, and a key that signed the newest record in its archive."""
    system = clinic.system(archive)
    secret = build.secret(tmp_path, "signing.pem", private_pem(key.key))
    settings = system.settings.model_dump() | {"signing_key": secret, "dsn": NOWHERE}
    lost = replace(system, settings=SystemSettings.model_validate(settings))
    written = clinic.newest().model_copy(update={"signed_by": key.public.fingerprint})
    record.put(program.find(lost), lost, written)
    return lost


def drilled(system: System, hours: int = 0) -> Outcome:
    judged, _ = drill.judge(system, now() + timedelta(hours=hours))
    return conclude(judged)


def newest(archive: Archive) -> Path:
    return max((archive.store / record.FOLDER / "clinic").glob("*.json"))


def test_a_drill_needs_the_policy_the_settings_and_the_store_and_no_database(
    signed: System, clinic: Clinic
) -> None:
    outcome = drilled(signed)

    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
    assert outcome.counts["rows"] == clinic.newest().rows
    assert clinic.left() == []


def test_without_a_key_and_without_a_ledger_nobody_can_tell_whose_a_record_is(
    signed: System,
) -> None:
    outcome = drilled(
        replace(signed, settings=signed.settings.model_copy(update={"signing_key": None}))
    )

    assert outcome.verdict is Verdict.UNVERIFIED, told(outcome)
    assert "nobody can tell whose" in unseen(outcome)


def changed(file: Path, key: SigningKey | None, **to: object) -> None:
    """Change what a record says, and sign it, where whoever does so has the key."""
    written = Recorded.model_validate_json(file.read_bytes()).model_copy(update=to)
    file.write_bytes(written.to_json())
    if key is not None:
        Path(f"{file}.sig").write_text(key.sign(written.to_json()).hex())


def forged(archive: Archive, _: SigningKey) -> None:
    changed(newest(archive), None, tables={})


def signed_by_another(archive: Archive, _: SigningKey) -> None:
    changed(newest(archive), SigningKey(Ed25519PrivateKey.generate()), tables={})


def unsigned(archive: Archive, _: SigningKey) -> None:
    Path(f"{newest(archive)}.sig").unlink()


def garbage_for_a_signature(archive: Archive, _: SigningKey) -> None:
    Path(f"{newest(archive)}.sig").write_text("no hex")


def moved(archive: Archive, _: SigningKey) -> None:
    file = newest(archive)
    for end in ("", ".sig"):
        to = file.with_name(f"20991231T000000Z_moved.json{end}")
        shutil.copy(f"{file}{end}", to)


def of_another_system(archive: Archive, key: SigningKey) -> None:
    changed(newest(archive), key, system="pharmacy")


def of_the_future(archive: Archive, key: SigningKey) -> None:
    changed(newest(archive), key, at=now() + timedelta(days=1))


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (forged, "signed by no key that counts here"),
        (signed_by_another, "signed by no key that counts here"),
        (unsigned, "is not signed"),
        (garbage_for_a_signature, "signed by no key that counts here"),
        (moved, "was written for another place"),
        (of_another_system, "was written for another place"),
        (of_the_future, "which is still to come"),
    ],
)
def test_a_record_that_somebody_else_put_there_is_found(
    signed: System,
    archive: Archive,
    key: SigningKey,
    damage: Callable[[Archive, SigningKey], None],
    what: str,
) -> None:
    damage(archive, key)
    give(archive.place)

    outcome = drilled(signed)

    assert outcome.verdict is Verdict.FAIL, (outcome.summary, unseen(outcome))
    assert what in told(outcome)


def test_a_point_of_another_server_is_found(
    signed: System, archive: Archive, key: SigningKey
) -> None:
    file = newest(archive)
    point = Recorded.model_validate_json(file.read_bytes()).point
    changed(file, key, point=replace(point, identifier=7))

    assert "is of another server" in told(drilled(signed))


def test_an_older_record_than_the_ledger_knows_is_found(clinic: Clinic, archive: Archive) -> None:
    clinic.drill(archive)
    gone = newest(archive)
    newer = clinic.point()
    assert newer.verdict is Verdict.PASS, told(newer)

    outcome = clinic.drill(archive)

    assert outcome.verdict is Verdict.FAIL, outcome
    assert "the ledger knows of this restore point, and its record is not in the store" in told(
        outcome
    )
    assert newest(archive) == gone


def test_without_a_ledger_a_record_may_be_36_hours_old(signed: System) -> None:
    assert "the newest restore point in the archive is 38 hours old; it may be 36" in told(
        drilled(signed, hours=38)
    )


def test_without_a_key_a_record_that_the_ledger_does_not_know_is_found(
    clinic: Clinic, archive: Archive
) -> None:
    changed(newest(archive), None, tables={})
    give(archive.place)

    assert "the ledger knows of no such record" in told(clinic.drill(archive))
