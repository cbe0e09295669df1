"""Encrypts a dump before it leaves this machine, and opens one that came back."""

from collections.abc import Callable
from pathlib import Path

from backups.manifest import Encryption, Manifest
from backups.section import SECTION
from lifecycle.errors import Unproven
from lifecycle.outcome import Failure
from lifecycle.outside import age
from lifecycle.outside.digest import file_sha256
from lifecycle.system import System

_NOT = "Look who wrote it there, and run `lifecycle run backups.dump`: what it takes is encrypted."


def asked(system: System) -> bool:
    """Say whether the policy wants dumps encrypted."""
    dumps = SECTION.of(system.policy).dumps
    return dumps is not None and dumps.encrypt


def must_be_possible(system: System) -> None:
    """Raise InputError where dumps are to be encrypted and the settings do not say for whom."""
    if asked(system):
        age.encrypt_bytes(b"", system.settings.dump_recipients)


def close(system: System, file: Path) -> tuple[Path, Encryption | None]:
    """Encrypt a dump beside itself and remove it, where the policy asks for it. Return the file to be stored.

    Raise InputError, as `must_be_possible` does.
    """
    if not asked(system):
        return file, None
    made = file.with_name(file.name + ".age")
    age.encrypt(file, made, system.settings.dump_recipients)
    told = Encryption(
        recipients=tuple(system.settings.dump_recipients),
        size=file.stat().st_size,
        sha256=file_sha256(file),
    )
    file.unlink()
    return made, told


def writer(system: System) -> Callable[[bytes], bytes]:
    """Return what makes a small text into what is stored of it."""
    if not asked(system):
        return bytes
    return lambda text: age.encrypt_bytes(text, system.settings.dump_recipients)


def open_file(system: System, dumped: Manifest, file: Path) -> None:
    """Decrypt a dump that was fetched, in its place. Raise as `age.decrypt`, or Unproven when it is another one."""
    if dumped.encryption is None:
        return
    stored = file.with_name(file.name + ".age")
    file.rename(stored)
    try:
        age.decrypt(stored, file, system.settings.dump_identity, dumped.encryption.recipients)
    finally:
        stored.unlink()
    if file_sha256(file) != dumped.encryption.sha256:
        raise Unproven(f"{dumped.key} holds another dump than its manifest speaks of", hint=_NOT)


def open_bytes(system: System, dumped: Manifest, text: bytes) -> bytes:
    """Return what a small text beside a dump is. Raise as `age.decrypt_bytes` does."""
    if dumped.encryption is None:
        return text
    return age.decrypt_bytes(text, system.settings.dump_identity, dumped.encryption.recipients)


def is_closed(system: System, dumped: Manifest) -> bool:
    """Say whether no key that is set here opens this dump, by what its manifest says; never where none is set.

    Raise InputError when what is set is no key.
    """
    secret = system.settings.dump_identity
    if dumped.encryption is None or secret is None:
        return False
    return not age.opens(secret, dumped.encryption.recipients)


def failures(system: System, dumped: Manifest, file: Path) -> tuple[Failure, ...]:
    """Say that a dump as it was stored is no ciphertext, where the policy wants one or the manifest says so."""
    if not asked(system) and dumped.encryption is None:
        return ()
    if dumped.encryption is not None and age.is_encrypted(file):
        return ()
    return (Failure(dumped.key, "it is not encrypted, and the policy says that dumps are", _NOT),)
