"""Writes the person's rows of one table as JSON and as CSV, a few at a time, and knows which rows these were."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote
from zipfile import ZipFile

from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr.export import spell, statements
from gdpr.export.pointers import Pointer, pointers
from gdpr.person import about
from gdpr.reach import Reach
from lifecycle.errors import Unproven
from lifecycle.postgres.catalog import Column

_REPORT = "This is a mistake: report it. Nothing was given away."


@dataclass(frozen=True, slots=True)
class Written:
    """Rows of a table in the file. `files`: name -> SHA-256. `others`: columns with pseudonyms of other people in them.

    `keys` is the count and the digest of which rows these are, as `statements.count` makes it.
    """

    table: str
    rows: int
    keys: str
    files: Mapping[str, str]
    others: tuple[str, ...]


@dataclass(slots=True)
class _Rows:
    """One table's rows as they come from the server."""

    conn: Connection[TupleRow]
    reach: Reach
    table: str
    person: str
    stands_for: Callable[[str], str]
    columns: tuple[Column, ...]
    leading: tuple[Pointer, ...]
    rows: int = 0
    hashes: int = 0
    others: set[str] = field(default_factory=set[str])

    def __iter__(self) -> Iterator[list[str | None]]:
        self.conn.execute(statements.rows(self.reach, self.table, self.leading), about(self.person))
        while found := self.conn.execute(statements.FETCH).fetchall():
            for hashed, theirs, *values in found:
                self.rows += 1
                self.hashes += hashed
                yield self._given(values, theirs)
        self.conn.execute(statements.CLOSE)

    def _given(self, values: list[str | None], theirs: list[bool]) -> list[str | None]:
        """Return the values of a row, with a pseudonym where one leads to somebody else. Raise Unproven."""
        place = {column.name: number for number, column in enumerate(self.columns)}
        owner = self.reach.owner(self.table)
        if isinstance(owner, str) and not _same(values[place[owner]], self.person):
            raise Unproven(f"a row of {self.table} would be somebody else's", hint=_REPORT)
        for pointer, own in zip(self.leading, theirs, strict=True):
            value = values[place[pointer.column]]
            if value is not None and not own:
                stand = self.stands_for(f"{pointer.end}\0{value}")
                column = self.columns[place[pointer.column]]
                values[place[pointer.column]] = (
                    json.dumps(stand) if column.type in ("json", "jsonb") else stand
                )
                self.others.add(pointer.column)
        return values


def _same(value: str | None, person: str) -> bool:
    """Say whether an owner's column names the person, as a collation or a padded type may compare it."""
    return value is not None and value.strip().casefold() == person.strip().casefold()


class _Counted:
    """A file that knows the digest of what was written into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256 = file, hashlib.sha256()

    def write(self, text: str) -> None:
        data = text.encode()
        self.sha256.update(data)
        self.file.write(data)


def write(
    conn: Connection[TupleRow],
    reach: Reach,
    table: str,
    person: str,
    into: ZipFile,
    beside: Path,
    stands_for: Callable[[str], str],
) -> Written:
    """Write them. `beside` is a file for what cannot be written into the archive at once; it is left empty.

    Raise Unproven when a row is somebody else's, and psycopg.Error and OSError as they come.
    """
    columns = reach.table(table).columns
    found = _Rows(conn, reach, table, person, stands_for, columns, pointers(reach, table))
    name = f"tables/{quote(table, safe='')}"
    with beside.open("w+b") as spare:
        of_json, of_csv = _both(found, into, f"{name}.json", spare)
        spare.flush()
        into.write(beside, f"{name}.csv")
        spare.truncate(0)
    files = {f"{name}.json": of_json, f"{name}.csv": of_csv}
    others = tuple(sorted(found.others))
    return Written(table, found.rows, f"{found.rows} {found.hashes}", files, others)


def _both(found: _Rows, into: ZipFile, name: str, spare: IO[bytes]) -> tuple[str, str]:
    """Write rows as JSON into the archive and as CSV into the spare file; return both digests."""
    names = [column.name for column in found.columns]
    types = [column.type for column in found.columns]
    with into.open(name, "w", force_zip64=True) as entry:
        as_json, as_csv = _Counted(entry), _Counted(spare)
        as_csv.write(_line([spell.in_csv(name, "text") for name in names]))
        before = "["
        for row in found:
            spelled = [spell.in_json(v, t) for v, t in zip(row, types, strict=True)]
            as_json.write(f"{before}\n{spell.row_in_json(names, spelled)}")
            as_csv.write(_line([spell.in_csv(v, t) for v, t in zip(row, types, strict=True)]))
            before = ","
        as_json.write("[]\n" if before == "[" else "\n]\n")
    return as_json.sha256.hexdigest(), as_csv.sha256.hexdigest()


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()
