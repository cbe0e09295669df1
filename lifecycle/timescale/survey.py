"""Reads what the extension can do here, and how hypertables of the policy are cut and compressed, in one snapshot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.postgres import catalog
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.system import System
from lifecycle.timescale import statements
from lifecycle.timescale.section import EXTENSION, SECTION

COMPRESSED, SET = "timescale.compressed", "timescale.set"
"""What the ledger calls a chunk that was compressed, and a table whose settings were set."""

_TYPES = "regclass,boolean,boolean"
"""The arguments of compress_chunk that are known: those from 2.22 on, of which 2.23 and 2.28 are tried."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a table or a chunk is compressed: `order_by` has column, whether it falls, whether NULL comes first."""

    segment_by: tuple[str, ...]
    order_by: tuple[tuple[str, bool, bool], ...]

    def __str__(self) -> str:
        """Return it for a person."""
        ordered = (name + (" desc" if falls else "") for name, falls, _ in self.order_by)
        return f"segments [{', '.join(self.segment_by)}], order [{', '.join(ordered)}]"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of time. `packed`: compressed, by `settings`. `partial`: rows have come since."""

    name: str
    lower: datetime
    upper: datetime
    packed: bool
    partial: bool
    settings: Settings | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the extension's that compresses the table. `after` is None where it counts from no chunk's end."""

    number: int
    said: str
    after: timedelta | None


@dataclass(frozen=True, slots=True)
class Cut:
    """How a hypertable is cut and compressed: the length of a new chunk, its settings if any, chunks by time, jobs."""

    width: timedelta | None
    settings: Settings | None
    chunks: tuple[Chunk, ...]
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Engine:
    """What the extension can do here. `place` is the schema of its function, where that is known."""

    licence: str
    place: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The catalog, and hypertables of the policy by name; `engine` is None without the extension."""

    catalog: Catalog
    engine: Engine | None
    cuts: Mapping[str, Cut] = field(default_factory=dict[str, Cut])
    only: str | None = None


def survey(system: System, _now: datetime, only: str | None) -> Seen:
    """Return what is there now. Raise Unreachable, AccessDenied."""
    with system.snapshot("timescale survey") as conn:
        return read(conn, SECTION.of(system.policy), only)


def read(conn: Connection[TupleRow], names: Iterable[str], only: str | None) -> Seen:
    """Read it in the caller's snapshot."""
    seen = catalog.read(conn)
    if EXTENSION not in seen.extensions:
        return Seen(seen, None, {}, only)
    engine = look(conn)
    return Seen(seen, engine, cuts(conn, names) if engine.place else {}, only)


def look(conn: Connection[TupleRow]) -> Engine:
    """Return what the extension, which is there, can do here. Raise psycopg.Error as it comes."""
    licence, known, found = conn.execute(statements.ENGINE).fetchone() or (None, False, None)
    places = [schema for schema, types in found or () if types == _TYPES]
    return Engine(licence or "", places[0] if known and len(places) == 1 else None)


def cuts(conn: Connection[TupleRow], names: Iterable[str]) -> dict[str, Cut]:
    """Return those of these tables that are hypertables."""
    parts = [sql_parts(name) for name in names]
    asked = {"schemas": [schema for schema, _ in parts], "tables": [name for _, name in parts]}
    chunks: dict[str, list[Chunk]] = {}
    for schema, table, *row in conn.execute(statements.CHUNKS, asked):
        chunks.setdefault(policy_name(schema, table), []).append(_chunk(row))
    jobs: dict[str, list[Job]] = {}
    for schema, table, number, said, seconds in conn.execute(statements.JOBS, asked):
        after = None if seconds is None else timedelta(seconds=seconds)
        jobs.setdefault(policy_name(schema, table), []).append(Job(number, said or "", after))
    found: dict[str, Cut] = {}
    for schema, table, seconds, compressed, *settings in conn.execute(statements.TABLES, asked):
        name = policy_name(schema, table)
        found[name] = Cut(
            None if seconds is None else timedelta(seconds=seconds),
            _settings(settings) if compressed else None,
            tuple(chunks.get(name, ())),
            tuple(jobs.get(name, ())),
        )
    return found


def _chunk(row: list[Any]) -> Chunk:
    schema, name, lower, upper, packed, partial, *settings = row
    kept = _settings(settings) if packed else None
    return Chunk(policy_name(schema, name), lower, upper, packed, partial, kept)


def _settings(row: list[Any]) -> Settings:
    segments, columns, falls, nulls = row
    order = zip(columns or (), falls or (), nulls or (), strict=True)
    return Settings(tuple(segments or ()), tuple(order))
