"""Writes a sample's objects into S3: papers, photos and exports, small but real.

Knows no system. Never decides who owns what: that is in the rows.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import Connection
from psycopg.rows import class_row

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_WRITERS = 16


@dataclass(frozen=True, slots=True)
class Object:
    """A key with its versions; one that was thrown away has a delete marker on top of them."""

    key: str
    media_type: str
    body: str
    versions: int = 1
    thrown_away: bool = False


def named(conn: Connection[Any], statement: LiteralString) -> list[Object]:
    """Return the objects that rows of a sample name, as this statement tells them by the fields of Object."""
    return conn.cursor(row_factory=class_row(Object)).execute(statement).fetchall()


def put(objects: "S3Client", bucket: str, wanted: Iterable[Object]) -> None:
    """Write every object with its earlier versions."""

    def put_one(one: Object) -> None:
        for version in range(1, one.versions + 1):
            body = f"{one.body}, version {version}\n".encode()
            objects.put_object(Bucket=bucket, Key=one.key, Body=body, ContentType=one.media_type)
        if one.thrown_away:
            objects.delete_object(Bucket=bucket, Key=one.key)

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(put_one, wanted))  # to the end, so that the first error is raised here
