"""What a dump says about itself: where it comes from, its bytes, and what every table held in its snapshot.

Pure. Written beside the dump as `manifest.json`, after it. Holds names of tables and roles, counts and digests,
never a row.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, ValidationError

from backups.part import Part
from backups.structure import HINT, Structure
from lifecycle.errors import Unproven
from lifecycle.outcome import Failure
from lifecycle.words import counted

NAME = "manifest.json"
DATA = "data.dump"


class Content(Part):
    """What one table held: rows, and the sum of a 64-bit hash over each row's text, whatever their order."""

    rows: Annotated[int, Field(ge=0)]
    digest: str


class Locale(Part):
    """What orders and folds the text of a database: PostgreSQL's provider (`c` libc, `i` ICU, `b` built in) and names.

    Checks, generated columns and bounds of partitions depend on it: restored under another one, a sound dump fails.
    """

    provider: str
    collate: str
    ctype: str
    name: str | None
    rules: str | None
    version: str | None = None


class Source(Part):
    """The database that was dumped, as it was in the snapshot. Older dumps do not know their `locale` or `timeline`."""

    database: str
    system_identifier: str
    server_version: str
    major: int
    encoding: str
    locale: Locale | None = None
    extensions: dict[str, str]
    extension_schemas: dict[str, str] = Field(default_factory=dict[str, str])
    roles: tuple[str, ...]
    database_bytes: Annotated[int, Field(ge=0)]
    snapshot_lsn: Annotated[str, Field(pattern=r"^[0-9A-F]{1,8}/[0-9A-F]{1,8}$")]
    timeline: int | None = None


class Encryption(Part):
    """For whom a dump was encrypted with age, and the bytes it was before. What lies beside it is likewise."""

    recipients: tuple[str, ...]
    size: Annotated[int, Field(ge=1, description="bytes")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Part):
    """One complete dump. `of_extensions` are tables of extensions that held rows: counted is none of them.

    A manifest of the first format has no `structure`. `signed_by` is the fingerprint of the key whose signature lies
    beside it, `roles_sha256` the sum of what the server had beside the database, which lies there too.
    `size` and `sha256` are those of the file as it is stored.
    `copy_of` is the daily dump that a weekly or monthly one was copied from. `keyed`: its digests are (`keyed.py`).
    """

    format: Literal[
        "lifecycle.dump.v1", "lifecycle.dump.v2", "lifecycle.dump.v3", "lifecycle.dump.v4"
    ] = "lifecycle.dump.v4"
    system: str
    run: int
    attempt: int
    slot: AwareDatetime
    started_at: AwareDatetime
    finished_at: AwareDatetime
    tool: str
    key: str
    size: Annotated[int, Field(ge=1, description="bytes")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    source: Source
    tables: dict[str, Content]
    of_extensions: tuple[str, ...] = ()
    structure: Structure | None = None
    signed_by: str | None = None
    roles_sha256: str | None = None
    copy_of: str | None = None
    encryption: Encryption | None = None
    keyed: bool = False

    @property
    def rows(self) -> int:
        """Return how many rows the dump holds in all."""
        return sum(content.rows for content in self.tables.values())

    def to_json(self) -> bytes:
        """Return the manifest as it is stored."""
        return self.model_dump_json(indent=1).encode()


def parse(text: bytes, key: str) -> Manifest:
    """Return the manifest stored under `key`. Raise Unproven when it is torn, altered or of another format."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError:
        raise Unproven(
            f"{key} is not a manifest of ours, or it is damaged",
            hint="The dump beside it proves nothing without it. Look who wrote to the bucket; take a new dump.",
        ) from None


def beside(key: str, name: str = NAME) -> str:
    """Return where what is called `name` lies of the dump that this object is a part of: its manifest, if not said."""
    return key.rpartition("/")[0] + "/" + name


def folder(prefix: str, slot: datetime, zone: str, run: int, attempt: int) -> str:
    """Return where a dump lies. Each attempt has a place of its own, so a late one overwrites nothing."""
    return f"{slot_prefix(prefix, slot, zone, run)}{attempt}/"


def slot_prefix(prefix: str, slot: datetime, zone: str, run: int) -> str:
    """Return what the places of all attempts of one run begin with; the day is the policy's local one."""
    return f"{prefix}{slot.astimezone(ZoneInfo(zone)):%Y-%m-%d}/{run}-"


def differences(
    expected: Mapping[str, Content], found: Mapping[str, Content]
) -> tuple[Failure, ...]:
    """Return one failure per table that is not what the manifest says, in the order of their names."""
    return tuple(
        Failure(
            table,
            _difference(expected.get(table), found.get(table)),
            HINT,
        )
        for table in sorted(expected.keys() | found.keys())
        if expected.get(table) != found.get(table)
    )


def _difference(expected: Content | None, found: Content | None) -> str:
    if found is None:
        return "is in the manifest and was not restored"
    if expected is None:
        return "was restored and is not in the manifest"
    if expected.rows != found.rows:
        return f"{counted(found.rows, 'row')} restored, {expected.rows:,} dumped"
    return "as many rows as dumped, with other content"
