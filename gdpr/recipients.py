"""Tells whoever else was given a person's data that they were erased (GDPR Art. 19), and has it acknowledged.

A recipient knows the person by a column that the policy names: this id is sealed with the note, and is all that the
message has of them. It is POSTed when the person is gone from every place of ours, signed with a key that both know,
under the same idempotency key each time. An answer of 2xx acknowledges it; until then the request stays open, and each
night tells them again. What was acknowledged is on the ledger. Never says what was erased.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import LiteralString
from urllib.parse import urlsplit

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr.desk import Desk
from gdpr.note import Note
from gdpr.notes import Entry
from gdpr.section import SECTION
from lifecycle import clock
from lifecycle.errors import InputError, Refused, Unproven, Unreachable
from lifecycle.ledger.effect import effect
from lifecycle.ledger.evidence import Kind
from lifecycle.outside import web
from lifecycle.settings.model import Recipient
from lifecycle.system import System

SCHEMA, EVENT, SHORTEST = "lifecycle.erased.v1", "gdpr.recipient_told", 32
"""`SHORTEST`: signs of a key."""
SIGNATURE = "Lifecycle-Signature"
"""`t=SECONDS,v1=HEX`: HMAC-SHA256 of the seconds since 1970, a dot and the body. Who reads it refuses old seconds."""
_HERE = ("localhost", "127.0.0.1", "::1")

_ACKNOWLEDGED: LiteralString = """
    select exists (select from lifecycle.evidence e join lifecycle.erasure n on n.reference = e.reference
                    where (e.reference, e.event, e.kind, e.target) = (%(reference)s, %(event)s, 'outcome', %(name)s)
                      and n.person = %(whose)s and n.state <> 'proven' and e.at >= n.claimed_at)
"""


def must_be_set(system: System, note: Note) -> None:
    """Raise InputError, before anything is touched, where nobody could tell a recipient of this person."""
    for name in _named(system, note):
        _where(system, name)


def must_be_known(system: System, name: str) -> None:
    """Raise InputError where the settings do not say where and with which key this recipient is told."""
    _where(system, name)


def tell(desk: Desk, conn: Connection[TupleRow], entry: Entry) -> None:
    """Tell each recipient who has not acknowledged it yet. Raise Unproven while one of them has not."""
    assert entry.note is not None  # it is emptied by the proof, which comes afterwards
    left: list[str] = []
    for name in _named(desk.system, entry.note):
        asked = {"reference": entry.reference, "event": EVENT, "name": name, "whose": entry.whose}
        if conn.execute(_ACKNOWLEDGED, asked).fetchone() == (True,):
            continue
        _say(desk, conn, entry, "intent", name)
        try:
            _post(desk, entry, name, entry.note.known_to[name])
        except (Unreachable, Refused) as error:
            _say(desk, conn, entry, "finding", name)
            left.append(f"{name} ({error.what})")
        else:
            _say(desk, conn, entry, "outcome", name)
    if left:
        raise Unproven(
            f"the person is erased, and {', '.join(left)} has not acknowledged being told so",
            hint="The request stays open, and they are told again each night. Ask them; who is no recipient any more, "
            "take out of `erasure.recipients`.",
        )


def signed(key: str, at: int, body: bytes) -> str:
    """Return the signature of a message that is sent at this second since 1970."""
    digest = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _named(system: System, note: Note) -> Iterator[str]:
    """Yield who is to be told: who knows the person, and is a recipient by the policy of today."""
    erasure = SECTION.of(system.policy)
    yield from (name for name in note.known_to if erasure and name in erasure.recipients)


def _where(system: System, name: str) -> tuple[str, str]:
    """Return (address, key) of a recipient. Raise InputError where the settings do not say them, or say odd ones."""
    setting: Recipient | None = system.settings.recipients.get(name)
    if setting is None:
        raise InputError(
            f"the settings do not say where the recipient {name} is told",
            hint=f"Set `recipients.{name}: {{url: .., key: ..}}`, each a file or a variable.",
        )
    url, key = setting.url.read(f"{name}: url"), setting.key.read(f"{name}: key")
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _HERE:
        raise InputError(
            f"the address of the recipient {name} does not begin with https://",
            hint="Whose person was erased is told over nothing that others can read.",
        )
    if len(key) < SHORTEST:
        raise InputError(
            f"the key of the recipient {name} has fewer than {SHORTEST} signs",
            hint="Make one with `openssl rand -hex 32`, and give it to them.",
        )
    return url, key


def _post(desk: Desk, entry: Entry, name: str, ids: tuple[str, ...]) -> None:
    url, key = _where(desk.system, name)
    once = desk.key.reference("recipient", f"{name}\0{entry.whose}\0{entry.reference}")
    said = {
        "schema": SCHEMA,
        "event": "erased",
        "message": once,
        "request": entry.reference,
        "known_by": list(ids),
        "erased_at": entry.erased_at.isoformat() if entry.erased_at else None,
    }
    body = json.dumps(said, sort_keys=True).encode()
    headers = {
        "Idempotency-Key": once,
        SIGNATURE: signed(key, int(clock.now().timestamp()), body),
    }
    web.post(url, body, kind="application/json", headers=headers)


def _say(desk: Desk, conn: Connection[TupleRow], entry: Entry, kind: Kind, name: str) -> None:
    with effect(conn, desk.claim, None) as change:
        change.record(kind, EVENT, name, counts={"recipients": 1}, reference=entry.reference)
