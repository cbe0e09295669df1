"""Keyed references and sealed notes, made with the system's reference key.

A reference lets two lines of evidence be recognised as speaking of the same request, and says nothing about
whose it is to anyone without the key. A sealed note keeps what a resumed run must know, unreadable in the
database and in its backups. Never keeps a key.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken

from lifecycle.errors import InputError, Unproven
from lifecycle.settings.model import Secret


@dataclass(frozen=True, slots=True)
class ReferenceKey:
    """32 secret bytes."""

    secret: bytes

    def reference(self, kind: str, value: str) -> str:
        """Return 32 hex digits that stand for `value` of this kind ("request", "person")."""
        return hmac.new(
            self.secret, f"reference\0{kind}\0{value}".encode(), hashlib.sha256
        ).hexdigest()[:32]

    def seal(self, note: dict[str, list[str]]) -> bytes:
        """Return the note encrypted and authenticated."""
        return self._fernet().encrypt(json.dumps(note).encode())

    def unseal(self, sealed: bytes) -> dict[str, list[str]]:
        """Return the note. Raise Unproven when it was sealed with another key or changed."""
        try:
            return json.loads(self._fernet().decrypt(sealed))
        except InvalidToken:
            raise Unproven(
                "a sealed note does not open with the reference key",
                hint="The key file was changed or the row was tampered with; put the former key back.",
            ) from None

    def _fernet(self) -> Fernet:
        derived = hmac.new(self.secret, b"seal", hashlib.sha256).digest()
        return Fernet(base64.urlsafe_b64encode(derived))


def reference_key(secret: Secret | None) -> ReferenceKey:
    """Read the reference key. Raise InputError when none is set or it is not 32 bytes in hex."""
    if secret is None:
        raise InputError(
            "no reference key is set",
            hint="Make one with `openssl rand -hex 32`, mode 600, and name it under `reference_key:`.",
        )
    text = secret.read("reference_key")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise InputError(
            "the reference key is not 32 bytes in hex", hint="Make one with `openssl rand -hex 32`."
        )
    return ReferenceKey(key)
