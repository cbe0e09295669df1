"""Files and small texts encrypted with age (age-encryption.org), for whoever has one of the keys named.

The only module of the product that imports pyrage. Memory stays flat. A key is a file as `age-keygen` writes it; it is
never on a command line, and never in a message. Never makes or keeps one.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from lifecycle.errors import InputError, LifecycleError, Refused, Unproven
from lifecycle.settings.model import Secret

if TYPE_CHECKING:
    import pyrage

MAGIC = b"age-encryption.org/v1\n"
"""What whatever is encrypted begins with."""

_MAKE = "`age-keygen -o FILE` makes a key, and `age-keygen -y FILE` says for whom that is."


def is_encrypted(file: Path) -> bool:
    """Say whether this file is ciphertext of age, by what it begins with."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def encrypt(source: Path, to: Path, recipients: Sequence[str]) -> None:
    """Encrypt a file for these. Raise InputError where one is no recipient, or there is none; OSError as it comes."""
    import pyrage

    pyrage.encrypt_file(str(source), str(to), _recipients(recipients))


def encrypt_bytes(text: bytes, recipients: Sequence[str]) -> bytes:
    """Return a small text encrypted for these. Raise as `encrypt` does."""
    import pyrage

    return pyrage.encrypt(text, _recipients(recipients))


def decrypt(source: Path, to: Path, secret: Secret | None, recipients: Sequence[str]) -> None:
    """Decrypt a file that was encrypted for these.

    Raise InputError when no key is set or it is none, Refused when it is none of these recipients', Unproven when it is
    and opens nothing: the file is damaged.
    """
    import pyrage

    identities = _identities(secret, recipients)
    try:
        pyrage.decrypt_file(str(source), str(to), identities)
    except pyrage.DecryptError:
        raise _not_opened(identities, recipients) from None
    except OSError:
        raise _damaged() from None


def opens(secret: Secret, recipients: Sequence[str]) -> bool:
    """Say whether one of these keys is of one of these recipients. Raise InputError when it is no key."""
    return _of_one(_identities(secret, recipients), recipients)


def _of_one(identities: "list[pyrage.x25519.Identity]", recipients: Sequence[str]) -> bool:
    return any(str(key.to_public()) in recipients for key in identities)


def decrypt_bytes(text: bytes, secret: Secret | None, recipients: Sequence[str]) -> bytes:
    """Return what a small text was. Raise as `decrypt` does."""
    import pyrage

    identities, opened = _identities(secret, recipients), BytesIO()
    try:
        pyrage.decrypt_io(BytesIO(text), opened, identities)
    except pyrage.DecryptError:
        raise _not_opened(identities, recipients) from None
    except OSError:
        raise _damaged() from None
    return opened.getvalue()


def _recipients(recipients: Sequence[str]) -> "list[pyrage.x25519.Recipient]":
    import pyrage

    if not recipients:
        raise InputError(
            "nobody is named for whom dumps are encrypted",
            hint=f"Name them under `dump_recipients:` in the settings. {_MAKE}",
        )
    try:
        return [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    except pyrage.RecipientError:
        raise InputError(
            "one of `dump_recipients` is no recipient of age",
            hint=f"It begins with `age1`. {_MAKE}",
        ) from None


def _identities(secret: Secret | None, recipients: Sequence[str]) -> "list[pyrage.x25519.Identity]":
    import pyrage

    if secret is None:
        raise InputError(
            f"no key is set that opens what was encrypted for {', '.join(recipients)}",
            hint="Name the file of its private key under `dump_identity:` in the settings.",
        )
    lines = (line.strip() for line in secret.read("dump_identity").splitlines())
    keys = [line for line in lines if line and not line.startswith("#")]
    try:
        return [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError:
        raise InputError("the key under `dump_identity` is none of age's", hint=_MAKE) from None


def _not_opened(
    identities: "list[pyrage.x25519.Identity]", recipients: Sequence[str]
) -> LifecycleError:
    if _of_one(identities, recipients):  # a header that was altered opens for nobody
        return _damaged()
    return Refused(
        f"the key under `dump_identity` does not open what was encrypted for {', '.join(recipients)}",
        hint="Name the file with the private key of one of these; several keys may stand in one file.",
    )


def _damaged() -> Unproven:
    return Unproven(
        "it cannot be decrypted: it is damaged, or no ciphertext of age",
        hint="Take a new dump, and see who may write to the bucket.",
    )
