"""Writes a month of the ledger down: one line of JSON a row, all of one snapshot, row by row through constant memory.

Reads only. What has left a database in this way is the same at every time: the order of the rows, of their keys and
the way of writing values are PostgreSQL's, the zone is UTC, and the digest is that of the lines, not of their packing.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import LiteralString

import psycopg

from lifecycle.errors import Refused
from lifecycle.postgres import connect
from lifecycle.records import statements
from lifecycle.records.survey import bounds
from lifecycle.system import System

AT_ONCE = 2000
"""Rows that are fetched together."""

_PARTS: Mapping[str, LiteralString] = {
    "runs": statements.RUNS,
    "attempts": statements.ATTEMPTS,
    "evidence": statements.EVIDENCE,
    "alerts": statements.ALERTS,
}


@dataclass(frozen=True, slots=True)
class Content:
    """What an export holds: rows of each kind (`survey.KINDS`), and the SHA-256 (hex) of its lines."""

    counts: Mapping[str, int]
    digest: str


def write(system: System, first: date, file: Path) -> Content:
    """Write the month into `file`, packed. Raise Refused when the disk is full, else as `connect.explain` says."""
    counts, digest = dict.fromkeys(_PARTS, 0), hashlib.sha256()
    try:
        with file.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
            for kind, line in _lines(system, first):
                counts[kind] += 1
                digest.update(line)
                packed.write(line)
    except psycopg.Error as error:
        raise connect.explain(error) from None
    except OSError as error:
        raise Refused(
            f"the export cannot be written to {file.parent}: {error.strerror}",
            hint="Free space, or name another directory under `scratch:` in the settings.",
        ) from None
    return Content(counts, digest.hexdigest())


def _lines(system: System, first: date) -> Iterator[tuple[str, bytes]]:
    with system.snapshot("records export") as conn:
        for kind, statement in _PARTS.items():
            with conn.cursor("records") as rows:
                rows.itersize = AT_ONCE
                for (line,) in rows.execute(statement, bounds(first)):
                    yield kind, f"{line}\n".encode()
