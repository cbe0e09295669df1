"""The policy's section `archives:`, where rows go that leave and are kept, and what is read again. Pure."""

from collections.abc import Iterator

from pydantic import Field

from lifecycle.config.mistake import Where
from lifecycle.config.span import Span
from lifecycle.policy.look import Look
from lifecycle.policy.part import Column, Part, TableName, Text
from lifecycle.policy.section import Section


class Digests(Part):
    """Values, or objects, that stand beside their own SHA-256."""

    table: TableName = Field(description="the table they stand in")
    of: Column = Field(
        description="the column whose text the digest is of; of one under `objects`, it is of the object's bytes"
    )
    sha256: Column = Field(description="the column with the SHA-256, in hex")


class Archives(Part):
    """Where archives of rows lie, as Parquet, and how often everything archived is read again."""

    bucket: Text | None = Field(
        default=None,
        description="the bucket, by its name in the settings; without one nothing is archived",
        examples=["archives"],
    )
    prefix: Text = Field(
        default="archives/",
        description="what the keys of archives begin with",
        examples=["archives/"],
    )
    every: Span = Field(
        default=Span(30, "day"),
        description="how often each archive is read again to its last byte; every day a part of them",
        examples=["30 days"],
    )
    digests: tuple[Digests, ...] = Field(
        default=(), description="what the application keeps with a SHA-256, read again likewise"
    )


def _tables(archives: Archives) -> Iterator[tuple[Where, str]]:
    for index, one in enumerate(archives.digests):
        yield ("archives", "digests", index, "table"), one.table


def _truth(archives: Archives, look: Look) -> None:
    for index, one in enumerate(archives.digests):
        path: Where = ("archives", "digests", index)
        look.column((*path, "of"), one.table, one.of)
        look.column((*path, "sha256"), one.table, one.sha256)


SECTION = Section[Archives, Archives](
    "archives",
    Archives,
    default=Archives(),
    about="where rows go that leave the database and are kept",
    tables=_tables,
    truth=_truth,
)
