"""Writes a certificate down and signs it, and checks one. A signature is over every byte but its own.

The file is the one spelling of what it says, so that nothing can stand in it twice or beside it.
"""

import base64
import binascii
import contextlib
import json
from pathlib import Path
from typing import Any, cast

from audit.render import number, together, when, words
from audit.report import digest as sha256
from backups import seal
from gdpr.certificate import SCHEMA
from lifecycle.errors import InputError, Refused, Unproven
from lifecycle.outside import signing
from lifecycle.system import System

FILES = ("certificate.json", "certificate.html")


def spelled(document: dict[str, Any]) -> bytes:
    """Return the one way to write a certificate: its own order of keys, the first lines first."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def sign(system: System, document: dict[str, Any]) -> dict[str, Any]:
    """Return the certificate with the key's fingerprint and the signature. Raise InputError where there is no key."""
    key = signing.signing_key(system.settings.signing_key)
    whole = document | {"key": key.public.fingerprint}
    return whole | {"signature": base64.b64encode(key.sign(spelled(whole))).decode()}


def write(directory: Path, document: dict[str, Any]) -> str:
    """Write both files into the new `directory`, together; return the SHA-256 of the JSON. Raise Refused."""
    body = spelled(document)
    try:
        together(directory, {FILES[0]: body, FILES[1]: page(document).encode()})
    except OSError as error:
        raise Refused(
            f"the certificate cannot be written to {directory}: {error.strerror}",
            hint="Name another directory with `-o DIR`, or see whose that is.",
        ) from None
    return sha256(body)


def page(document: dict[str, Any]) -> str:
    """Return the certificate as a page that needs nothing from anywhere; it names the JSON by its digest."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("gdpr"), PackageLoader("audit")]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "when": when, "words": words}
    template = environment.get_template("certificate.html")
    return template.render(of=document, digest=sha256(spelled(document)))


def check(system: System, file: Path) -> dict[str, Any]:
    """Return the certificate in this file. Raise Unproven unless a key that counts here signed exactly this.

    Raise InputError where it cannot be read, or the settings name no key.
    """
    known = seal.of(system).known
    if not known:
        signing.signing_key(None)
    try:
        body = file.read_bytes()
    except OSError as error:
        hint = "Name the JSON of a certificate: the page has no signature of its own."
        raise InputError(f"{file} cannot be read: {error.strerror}", hint=hint) from None
    document, signature = _parsed(file, body)
    unsigned = spelled({name: said for name, said in document.items() if name != "signature"})
    for key in known:
        try:
            key.must_have_signed(unsigned, signature)
        except Unproven:
            continue
        return document
    raise Unproven(
        f"{file} is signed by no key that counts here",
        hint="Somebody changed it, or it was signed with an earlier key: name that one's public half under "
        "`public_keys:` in the settings.",
    )


def _parsed(file: Path, body: bytes) -> tuple[dict[str, Any], bytes]:
    ours, document, signature = False, cast("dict[str, Any]", {}), b""
    with contextlib.suppress(
        ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error
    ):
        document = json.loads(body)
        signature = base64.b64decode(document["signature"], validate=True)
        # A text of base64 has bits that decoding leaves out: of one signature several texts could be made.
        one = base64.b64encode(signature).decode() == document["signature"]
        ours = one and document["schema"] == SCHEMA and spelled(document) == body
    if not ours:
        raise Unproven(
            f"{file} is no certificate as one is written",
            hint="Somebody changed it, or it is another file. Take the JSON as it was written, byte for byte.",
        )
    return document, signature
