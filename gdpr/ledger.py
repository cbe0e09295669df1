"""The ledger of erasures outside the database, in the bucket `erasure-ledger`: a line for each that was proven.

A line has a number, the request's reference and keyed digests of the person and of what they went by; it names nobody.
It outlives whatever puts the database back, which knows the highest number it has seen (`lifecycle.erasure_seen`). So a
line behind that, of an erasure that this database does not remember, says that it is older than the ledger. Lines are
written in the order of their numbers by the one run that erases, each when its erasure has been committed.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from gdpr.notes import Entry
from lifecycle.errors import AccessDenied, NotFound
from lifecycle.ledger.claims import Claim
from lifecycle.ledger.effect import effect
from lifecycle.outside import objects
from lifecycle.outside.keys import ReferenceKey, reference_key
from lifecycle.outside.objects import Objects
from lifecycle.system import System

LEDGER = "erasure-ledger"
"""The bucket, by its name in the settings."""

LOCKED = timedelta(days=3653)
"""For how long a line is locked where the bucket offers Object Lock: ten years, as nobody keeps longer what brings
people back. In governance mode, as a line names nobody."""

Conn = Connection[TupleRow]

_SEEN = "select max(number) from lifecycle.erasure_seen"
_MARK = "insert into lifecycle.erasure_seen (number, how) values (%(number)s, %(how)s)"
_KNOWN = """
    select exists (select from lifecycle.erasure
                    where reference = %(reference)s and person = %(whose)s
                      and (line = %(number)s or state = 'proven' and erased_at >= %(erased_at)s))
"""
_ANNOUNCE = """
    update lifecycle.erasure set line = coalesce(line, %(number)s)
     where reference = %(reference)s and person = %(whose)s and state <> 'proven'
 returning line
"""
_STANDBY = "select pg_is_in_recovery()"


@dataclass(frozen=True, slots=True)
class Line:
    """One proven erasure. `whose`: the digest of the person; `marks`: of what they went by. `ours`: our key wrote it.

    `request` is the application's own id of the request, `asked` when it was made.
    """

    key: str = field(repr=False)
    number: int
    reference: str
    request: str = field(repr=False)
    kind: str
    whose: str
    marks: frozenset[str]
    asked: datetime
    erased_at: datetime
    ours: bool

    @property
    def name(self) -> str:
        """Return what the line is called in plans, failures and evidence."""
        return f"line {self.number} (request {self.reference})"


def kept(system: System) -> bool:
    """Say whether the settings name such a bucket."""
    return LEDGER in system.settings.buckets and system.settings.s3 is not None


def seen(conn: Conn) -> int | None:
    """Return the highest number this database has seen, None where it has never heard of the ledger."""
    row = conn.execute(_SEEN).fetchone()
    return row[0] if row else None


def mark(conn: Conn, number: int, how: str) -> None:
    """Write down that this database has followed the ledger up to this number."""
    conn.execute(_MARK, {"number": number, "how": how})


def standby(conn: Conn) -> bool:
    """Say whether this server follows another, which is asked for itself."""
    row = conn.execute(_STANDBY).fetchone()
    return bool(row and row[0])


def write(system: System, conn: Conn, claim: Claim, kind: str, entry: Entry) -> int | None:
    """Put the line of an erasure that was proven into the bucket; return its number, None where there is no bucket.

    Its number is behind every one that the bucket has: a database that was put back knows less. Written once more after
    a kill it is the same line. Raise as `objects` does, and Fenced.
    """
    if not kept(system) or entry.note is None:
        return None
    assert entry.erased_at is not None  # nothing is proven of somebody who is still there
    with contextlib.closing(objects.store(system)) as store:
        number = _last(system, store, seen(conn) or 0) + 1
        locked = store.can_lock(LEDGER)
    whose = {"number": number, "reference": entry.reference, "whose": entry.whose}
    conn.isolation_level = IsolationLevel.READ_COMMITTED
    with effect(conn, claim, None):
        row = conn.execute(_ANNOUNCE, whose).fetchone()
        assert row is not None  # nobody but this run ends the erasure
        number = int(row[0])
    name = f"{_prefix(system)}{number:012d}-{entry.reference}.json"
    text = body(system, number, kind, entry)
    with contextlib.closing(objects.store(system)) as store:
        until = entry.erased_at + LOCKED if locked else None
        try:
            store.put_bytes(LEDGER, name, text, locked_until=until)
        except AccessDenied:
            if until is None:
                raise
            store.put_bytes(LEDGER, name, text)  # a key that may write and not lock: doctor says so
    return number


def body(system: System, number: int, kind: str, entry: Entry) -> bytes:
    """Return the line of an erasure as it lies in the bucket, with the signature of the reference key."""
    assert entry.erased_at is not None  # nothing is proven of somebody who is still there
    assert entry.note is not None
    key = reference_key(system.settings.reference_key)
    said: dict[str, Any] = {
        "system": system.name,
        "number": number,
        "reference": entry.reference,
        "request": entry.request,
        "kind": kind,
        "whose": entry.whose,
        "marks": sorted(marks(key, entry.note.identifiers)),
        "asked": (entry.asked or entry.erased_at).isoformat(),
        "erased_at": entry.erased_at.isoformat(),
        "tables": dict(entry.tables),
    }
    return json.dumps(said | {"by": _by(key, said)}, sort_keys=True).encode()


def locks(system: System) -> bool:
    """Say whether the bucket locks its lines. Raise as `objects` does."""
    with contextlib.closing(objects.store(system)) as store:
        return store.can_lock(LEDGER)


def marks(key: ReferenceKey, identifiers: tuple[str, ...]) -> frozenset[str]:
    """Return what stands for values that a person goes by."""
    return frozenset(key.reference("identifier", one.casefold()) for one in identifiers)


def behind(system: System, number: int) -> Iterator[Line]:
    """Yield the lines of this system behind a number, in their order. Raise as `objects` does."""
    key = reference_key(system.settings.reference_key)
    with contextlib.closing(objects.store(system)) as store:
        for name in _behind(system, store, number):
            yield _line(system, key, name, _read(store, name))


def unknown(system: System, conn: Conn) -> Iterator[Line]:
    """Yield the lines of erasures that this database does not remember. Raise as `objects` does."""
    for line in behind(system, seen(conn) or 0):
        if not line.ours or not remembers(conn, line):
            yield line


def remembers(conn: Conn, line: Line) -> bool:
    """Say whether this database wrote that line, or that person was erased in it since and it is proven."""
    values = {"reference": line.reference, "whose": line.whose, "number": line.number}
    values |= {"erased_at": line.erased_at}
    row = conn.execute(_KNOWN, values).fetchone()
    return bool(row and row[0])


def proven_after(system: System, moment: datetime) -> tuple[str, ...]:
    """Return the erasures of this system that the bucket knows from after this moment, each in a line.

    Raise NotFound where there is no such bucket in the settings, and as `objects` does.
    """
    if LEDGER not in system.settings.buckets:
        raise NotFound(
            f"no ledger of erasures lies outside the database: no bucket `{LEDGER}`",
            hint=f"Name one under `buckets:` as `{LEDGER}`; ask for the certificates until then.",
        )
    lines = (line for line in behind(system, 0) if not line.ours or line.erased_at > moment)
    return tuple(f"{line.name}, erased at {line.erased_at.isoformat()}" for line in lines)


def proven_before(system: System, moment: datetime) -> tuple[str, ...]:
    """Return, each in a line, what an earlier release wrote down after this moment: without a digest of the person."""
    found = list[str]()
    with contextlib.closing(objects.store(system)) as store:
        for name in store.keys(LEDGER, "erasures/"):
            if name.startswith(_prefix(system)):
                continue
            said = json.loads(_read(store, name))
            at = datetime.fromisoformat(said["erased_at"]) if said.get("erased_at") else None
            if said.get("system") == system.name and (at is None or at > moment):
                found.append(f"request {said['request']}, erased at {said['erased_at']}")
    return tuple(sorted(found))


def _behind(system: System, store: Objects, number: int) -> tuple[str, ...]:
    after = f"{_prefix(system)}{number:012d}~"  # behind every line of this number
    return store.keys(LEDGER, _prefix(system), after)


def _last(system: System, store: Objects, number: int) -> int:
    """Return the highest number that the bucket has, or this one."""
    return max((_number(system, name) for name in _behind(system, store, number)), default=number)


def _number(system: System, name: str) -> int:
    digits = name.removeprefix(_prefix(system)).partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _prefix(system: System) -> str:
    return f"erasures/{system.name}/"


def _read(store: Objects, name: str) -> bytes:
    return store.get_bytes(LEDGER, name)


def _by(key: ReferenceKey, said: Mapping[str, Any]) -> str:
    return key.reference("erasure", json.dumps(said, sort_keys=True, separators=(",", ":")))


def _line(system: System, key: ReferenceKey, name: str, body: bytes) -> Line:
    """Return the line; of what our key did not write for this place, its number alone is believed."""
    try:
        said = json.loads(body)
        by = said.pop("by")
        right = by == _by(key, said) and said["system"] == system.name
        right &= name == f"{_prefix(system)}{said['number']:012d}-{said['reference']}.json"
        asked, erased = (datetime.fromisoformat(said[word]) for word in ("asked", "erased_at"))
        return Line(
            name,
            said["number"],
            said["reference"],
            said["request"],
            said["kind"],
            said["whose"],
            frozenset(said["marks"]),
            asked,
            erased,
            right,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Line(
            name, _number(system, name), "-", "", "", "", frozenset(), _NEVER, _NEVER, ours=False
        )


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
