"""Ed25519 keys: what is signed with one half can be proven with the other, by anybody and without this machine.

A key is a PEM file as OpenSSL writes it. Never makes or keeps one.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from lifecycle.errors import InputError, Unproven
from lifecycle.settings.model import Secret

_MAKE = "Make one with `openssl genpkey -algorithm ed25519 -out FILE`, mode 600"
_PUBLIC = "Make it with `openssl pkey -in PRIVATE -pubout -out FILE`."


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half that anybody may have."""

    key: Ed25519PublicKey

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of the key in DER, as `openssl pkey -pubin -outform DER | sha256sum` has it."""
        der = self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()

    def must_have_signed(self, content: bytes, signature: bytes) -> None:
        """Raise Unproven unless this key's other half signed exactly this content."""
        try:
            self.key.verify(signature, content)
        except InvalidSignature:
            raise Unproven(
                "the signature is not one of this key over this content",
                hint="Somebody changed one of the two, or it was signed with another key.",
            ) from None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The half that signs."""

    key: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """Return the other half."""
        return PublicKey(self.key.public_key())

    def sign(self, content: bytes) -> bytes:
        """Return the 64 bytes of the signature over `content`."""
        return self.key.sign(content)


def signing_key(secret: Secret | None) -> SigningKey:
    """Read the private key. Raise InputError when none is set, others may read it, or it is no Ed25519 key."""
    if secret is None:
        raise InputError(
            "no signing key is set", hint=f"{_MAKE}, and name it under `signing_key:`."
        )
    text = secret.read("signing_key")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("the signing key is no Ed25519 private key in PEM", hint=f"{_MAKE}.")
    return SigningKey(key)


def public_key(path: Path) -> PublicKey:
    """Read a public key from a PEM file. Raise InputError when it cannot be read or is none."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint=_PUBLIC) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} is no Ed25519 public key in PEM", hint=_PUBLIC)
    return PublicKey(key)
