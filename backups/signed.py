"""Signs a document and checks one: a signature over every byte but its own, by a key that the settings name.

A file is the one spelling of what it says, so that nothing can stand in it twice or beside it.
"""

import base64
import binascii
import contextlib
import json
from pathlib import Path
from typing import Any, cast

from backups import seal
from lifecycle.errors import InputError, Unproven
from lifecycle.outside import signing
from lifecycle.system import System


def spelled(document: dict[str, Any]) -> bytes:
    """Return the one way to write a document: its own order of keys, the first lines first."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def sign(system: System, document: dict[str, Any]) -> dict[str, Any]:
    """Return it with the key's fingerprint and the signature. Raise InputError where there is no key."""
    key = signing.signing_key(system.settings.signing_key)
    whole = document | {"key": key.public.fingerprint}
    return whole | {"signature": base64.b64encode(key.sign(spelled(whole))).decode()}


def check(system: System, file: Path, schema: str, what: str) -> dict[str, Any]:
    """Return the document in this file. Raise Unproven unless a key that counts here signed exactly this.

    `what` is the word for such a document. Raise InputError where it cannot be read, or the settings name no key.
    """
    known = seal.of(system).known
    if not known:
        signing.signing_key(None)
    try:
        body = file.read_bytes()
    except OSError as error:
        hint = f"Name the JSON of a {what}: nothing else has a signature of its own."
        raise InputError(f"{file} cannot be read: {error.strerror}", hint=hint) from None
    document, signature = _parsed(file, body, schema, what)
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


def _parsed(file: Path, body: bytes, schema: str, what: str) -> tuple[dict[str, Any], bytes]:
    ours, document, signature = False, cast("dict[str, Any]", {}), b""
    with contextlib.suppress(
        ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error
    ):
        document = json.loads(body)
        signature = base64.b64decode(document["signature"], validate=True)
        # A text of base64 has bits that decoding leaves out: of one signature several texts could be made.
        one = base64.b64encode(signature).decode() == document["signature"]
        ours = one and document["schema"] == schema and spelled(document) == body
    if not ours:
        raise Unproven(
            f"{file} is no {what} as one is written",
            hint="Somebody changed it, or it is another file. Take the JSON as it was written, byte for byte.",
        )
    return document, signature
