"""Keeps a restore point's record beside the backups, signed: who comes back to it needs nothing of its database.

What lies in the store may have been put there by anybody who may write to it. A record counts once it bears the
signature that is asked for here; where no key is set, once the ledger knows it. It says where it was written for, so
that one of another place or system is found; and the newest must be the newest that the ledger knows.
`ends/` removes those that nobody can come back to any more.
"""

from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import AwareDatetime, ValidationError

from backups import scratch, seal
from backups.manifest import Content
from backups.order import SKEW
from backups.part import Part
from backups.wal_g import segment, statements
from backups.wal_g.program import Program
from lifecycle.coverage import Looks
from lifecycle.errors import CommandFailed, LifecycleError, Refused, Unproven
from lifecycle.ledger import evidence
from lifecycle.outcome import Failure
from lifecycle.system import System
from lifecycle.words import moment

JOB, POINTED = "backups.point", "backups.pointed"

FOLDER = "restore_points"
"""Where they lie in WAL-G's store, a folder for each system. WAL-G itself lists and deletes nothing there."""

RECENT = 14
"""How many of the newest records are read until one counts."""

_TAKE = f"Run `lifecycle run {JOB}` and look into why the nightly one leaves none."
_WHO = "See who may write to WAL-G's store. The next `backups.point` writes a good one."


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the source's log to come back to. `xmax` and `in_progress` are of the snapshot that was counted."""

    name: str
    lsn: int
    segment: str
    identifier: int
    version: int
    archive_timeout: int
    segment_size: int
    xmax: int
    in_progress: tuple[int, ...]
    limits: Mapping[str, int]

    @property
    def timeline(self) -> int:
        """Return the timeline it was written on."""
        return int(self.segment[:8], 16)


@dataclass(frozen=True, slots=True)
class Source:
    """What of the source a copy needs: its first superuser, its database, its extensions."""

    superuser: str
    database: str
    extensions: tuple[str, ...]


class Recorded(Part):
    """A point that the archive has: when it was written, what each table held, what a copy needs. `since`: the first.

    Holds names of tables and roles, counts and digests, never a row.
    """

    format: Literal["lifecycle.point.v1"] = "lifecycle.point.v1"
    system: str
    key: str
    at: AwareDatetime
    since: AwareDatetime
    archived_ms: int
    point: Point
    source: Source
    tables: dict[str, Content]
    signed_by: str | None = None

    @property
    def rows(self) -> int:
        """Return how many rows it holds in all."""
        return sum(held.rows for held in self.tables.values())

    def to_json(self) -> bytes:
        """Return the record as it is stored."""
        return self.model_dump_json(indent=1).encode()

    def digest(self) -> str:
        """Return the SHA-256 of what is stored, in hex."""
        return sha256(self.to_json()).hexdigest()


def place(system: str, at: datetime, point: Point) -> str:
    """Return where the record of this point lies: the order of the names is that of their times."""
    return f"{FOLDER}/{system}/{at:%Y%m%dT%H%M%SZ}_{point.name}.json"


def put(walg: Program, system: System, recorded: Recorded) -> None:
    """Store it, its signature last, and read both back. Raise Unproven where they are others; as `Program.run`."""
    signs, text = seal.of(system).signs, recorded.to_json()
    with scratch.directory(system.machine) as ours, segment.place(ours) as directory:
        _put(walg, directory / "record", recorded.key, text)
        if signs is not None:
            _put(walg, directory / "signature", f"{recorded.key}.sig", signs.sign(text))
    if read(walg, system, recorded.key) != recorded:
        raise Unproven(
            f"what the store holds under {recorded.key} is not what was sent",
            hint="Somebody else writes there, or the store is broken. Run it again.",
        )


def _put(walg: Program, file: Path, key: str, content: bytes) -> None:
    file.write_bytes(content.hex().encode() if key.endswith(".sig") else content)
    file.chmod(0o644)
    walg.run("st", "put", "--no-compress", "--no-encrypt", str(file), key)


def keys(walg: Program, system: str) -> list[str]:
    """Return where this system's records lie, the oldest first. Raise as `Program.run`."""
    return sorted(key for key in files(walg, system) if key.endswith(".json"))


def files(walg: Program, system: str) -> list[str]:
    """Return everything that lies in this system's folder of records. Raise as `Program.run`."""
    folder = f"{FOLDER}/{system}/"
    return [f"{folder}{one.name}" for one in walg.ls(folder)]


@contextmanager
def ledger(system: System) -> Generator[Connection[TupleRow] | None]:
    """Give the ledger, or None where the database is lost or has none: a drill does without."""
    try:
        conn = system.connect("backups.recover", write=False)
    except LifecycleError:
        yield None
        return
    with closing(conn):
        there = conn.execute(statements.HAS_LEDGER).fetchone()
        yield conn if there and there[0] else None


def newest(
    walg: Program,
    system: System,
    at_hand: Connection[TupleRow] | None,
    looks: Looks,
    now: datetime,
) -> Recorded:
    """Return the newest record that counts; `looks` takes down what lies above it and does not.

    Raise Unproven where none does, Refused where nobody can tell; and as `Program.run`.
    """
    there = keys(walg, system.name)
    known = evidence.newest(at_hand, system.name, JOB, POINTED) if at_hand else None
    if known and not any(key.endswith(f"_{known}.json") for key in there):
        what = "the ledger knows of this restore point, and its record is not in the store"
        looks.found(Failure(known, what, _WHO))
    for key in reversed(there[-RECENT:]):
        try:
            return counted(walg, system, key, at_hand, now)
        except (Unproven, CommandFailed) as error:
            looks.found(Failure(key, error.what, error.hint))
    raise Unproven(
        "no restore point's record is in the store, so there is nothing to come back to", hint=_TAKE
    )


def counted(
    walg: Program,
    system: System,
    key: str,
    at_hand: Connection[TupleRow] | None,
    now: datetime,
) -> Recorded:
    """Return the record that lies there, if it counts. Raise Unproven where not, Refused where nobody can tell."""
    recorded = read(walg, system, key)
    _must_be_over(recorded, now)
    if not seal.of(system).asked:
        known = evidence.newest(at_hand, system.name, JOB, POINTED) if at_hand else None
        _must_be_known(at_hand, known, recorded)
    return recorded


def read(walg: Program, system: System, key: str) -> Recorded:
    """Return the record that lies there. Raise Unproven where it is damaged, moved, or not signed as asked."""
    text, known = walg.run("st", "cat", key).encode(), seal.of(system)
    if known.asked:
        known.must_be_on(text, _signature(walg, key), key, JOB)
    try:
        recorded = Recorded.model_validate_json(text)
    except ValidationError:
        raise Unproven(
            f"{key} is no record of a restore point, or it is damaged", hint=_WHO
        ) from None
    if (recorded.system, recorded.key) != (system.name, key):
        raise Unproven("this record was written for another place", hint="See who copied it.")
    return recorded


def _signature(walg: Program, key: str) -> bytes | None:
    """Return the signature beside a record, None where there is none; what is no signature is one of nobody's."""
    try:
        return bytes.fromhex(walg.run("st", "cat", f"{key}.sig"))
    except CommandFailed:
        return None
    except ValueError:
        return b""


def _must_be_over(recorded: Recorded, now: datetime) -> None:
    if recorded.at > now + SKEW:
        raise Unproven(
            f"it says that it was written at {moment(recorded.at)}, which is still to come",
            hint="Set the clocks of the daemons' hosts, and see who may write to the store.",
        )


def _must_be_known(
    at_hand: Connection[TupleRow] | None, known: str | None, recorded: Recorded
) -> None:
    """Raise Unproven where the ledger knows of other points and not of this; Refused where it knows of none at all."""
    if at_hand is None or known is None:
        raise Refused(
            "no key signs restore points here and the ledger knows of none, so nobody can tell whose the store's are",
            hint="Name the key that signed them under `signing_key:` or `public_keys:` in the settings.",
        )
    if recorded.digest() not in evidence.digests(at_hand, POINTED, recorded.point.name):
        raise Unproven("the ledger knows of no such record", hint=_WHO)
