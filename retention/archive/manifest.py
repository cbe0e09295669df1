"""What an archive says about itself: of which table, with which columns, how many rows, by which digest.

Pure. A `Description` stands inside the archive, so it is part of what the archive's name vouches for; the `Manifest`
lies beside it and adds where and what the object is. Holds names, types, counts and digests, never a row.
"""

import re
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lifecycle.errors import Unproven

DATA, NAME = ".parquet", ".json"
"""How the two objects of an archive end; before that they have one name."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kept = Literal[
    "text", "boolean", "smallint", "integer", "bigint", "real", "double precision", "date",
    "timestamp", "timestamptz", "numeric",
]  # fmt: skip
"""How a column's values stand in the file: as PostgreSQL's own text, or as a type of Parquet's that holds them all."""


class Part(BaseModel):
    """What all parts of a manifest share."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Part):
    """One column, `type` and `default` as PostgreSQL prints them. A generated one has its expression as `default`."""

    name: str
    type: str
    not_null: bool
    default: str | None
    generated: bool
    identity: bool
    kept: Kept


Hashed = Literal["text", "binary"]
"""What each row's hash is of: its text, in archives that say nothing of it, or its `exact` columns in binary form."""


class Content(Part):
    """How many rows, and the sum of a 64-bit hash over each, in any order: equal rows count twice."""

    rows: Annotated[int, Field(ge=0)]
    digest: str
    hashed: Hashed = "text"


class Description(Part):
    """What an archive holds. `leaf` is the relation its rows lay in, with its partition's `bounds`, if it was one."""

    format: Literal["lifecycle.archive.v1"] = "lifecycle.archive.v1"
    system: str
    database: str
    system_identifier: str
    server_version: str
    table: str
    leaf: str
    bounds: str | None
    primary_key: tuple[str, ...]
    columns: tuple[Column, ...]
    content: Content

    def to_json(self) -> bytes:
        """Return it as it stands in the archive."""
        return self.model_dump_json().encode()


class Manifest(Part):
    """One archive in the bucket."""

    description: Description
    run: int
    written_at: AwareDatetime
    key: str
    size: Annotated[int, Field(ge=1, description="bytes")]
    sha256: Digest

    def to_json(self) -> bytes:
        """Return the manifest as it is stored."""
        return self.model_dump_json(indent=1).encode()


def described(text: bytes, where: str) -> Description:
    """Return the description out of an archive. Raise Unproven when it is none of ours."""
    try:
        return Description.model_validate_json(text)
    except ValidationError:
        raise _damaged(where) from None


def parse(text: bytes, key: str) -> Manifest:
    """Return the manifest stored under `key`. Raise Unproven when it is torn, altered, or of another archive."""
    try:
        written = Manifest.model_validate_json(text)
    except ValidationError:
        raise _damaged(key) from None
    if beside(written.key) != key or not written.key.endswith(f"/{written.sha256}{DATA}"):
        raise Unproven(
            f"{key} is the manifest of another archive",
            hint="See who copied it there; versions of the object may have the one that was stored.",
        )
    return written


def _damaged(where: str) -> Unproven:
    return Unproven(
        f"{where} is no manifest of an archive of ours, or it is damaged",
        hint="See who wrote to the bucket; versions of the object may have the one that was stored.",
    )


def beside(key: str) -> str:
    """Return where the manifest of this archive lies."""
    return key.removesuffix(DATA) + NAME


_LENGTH = r"(?:\(\d+\))?"
_KEPT: tuple[tuple[str, Kept], ...] = (
    (r"boolean", "boolean"),
    (r"smallint", "smallint"),
    (r"integer", "integer"),
    (r"bigint", "bigint"),
    (r"real", "real"),
    (r"double precision", "double precision"),
    (r"date", "date"),
    (rf"timestamp{_LENGTH} without time zone", "timestamp"),
    (rf"timestamp{_LENGTH} with time zone", "timestamptz"),
)
BENDING: frozenset[Kept] = frozenset(("date", "timestamp", "timestamptz", "numeric"))
"""Parquet has most values of these and not all: infinity, years before 1 and after 9999, NaN among decimals."""


def kept(type_name: str, *, all_text: bool) -> Kept:
    """Return how values of this type stand in the file; with `all_text`, types that Parquet bends are text.

    `numeric(12,2)` is a decimal of Parquet's; `numeric` without a scale, more than 38 digits and a negative scale are
    not. Whatever is not listed (domains, enums, arrays, ranges, json, bytea, intervals) is text.
    """
    found: Kept = "text"
    for pattern, name in _KEPT:
        if re.fullmatch(pattern, type_name):
            found = name
    digits = re.fullmatch(r"numeric\((\d+),(-?\d+)\)", type_name)
    if digits and int(digits[1]) <= 38 and 0 <= int(digits[2]) <= int(digits[1]):
        found = "numeric"
    return "text" if all_text and found in BENDING else found


_EXACT = re.compile(
    r"boolean|smallint|integer|bigint|date|uuid|bytea|text|character(?: varying)?(?:\(\d+\))?"
    r"|numeric(?:\(\d+,-?\d+\))?|timestamp(?:\(\d+\))? with(?:out)? time zone"
)


def exact(type_name: str) -> bool:
    """Say whether values of this type with one text have one binary form, the same on every server.

    Not so NaN in a floating-point number, and types with a number of their own in each database, in arrays too.
    """
    return _EXACT.fullmatch(type_name) is not None


def scale(type_name: str) -> tuple[int, int]:
    """Return digits and digits after the point of a `numeric(12,2)`."""
    digits = re.fullmatch(r"numeric\((\d+),(\d+)\)", type_name)
    assert digits is not None
    return int(digits[1]), int(digits[2])
