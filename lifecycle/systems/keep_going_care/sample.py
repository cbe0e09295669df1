"""Sample data for Keep Going Care: 36 patients, 3 doctors and an administrator, with a due erasure among them.

Knows the order in which the pieces are made. The same seed and the same `now` give the same rows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from lifecycle.systems import rows
from lifecycle.systems.shipped import Payer, Shipped

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_IDENTIFYING = """
select phone from users
 union
select host(ip_address) from audit_log where ip_address is not null
"""


def load(
    conn: Connection[Any],
    objects: "S3Client",  # noqa: ARG001 - nothing of it is in S3
    buckets: Mapping[str, str],  # noqa: ARG001
    payer: Payer,  # noqa: ARG001 - nobody pays here
    *,
    seed: int,
    now: datetime,
) -> rows.Story:
    """Fill an empty Keep Going Care database, on a superuser's connection.

    Raise ValueError if `now` has no time zone.
    """
    with rows.making(conn, seed=seed, now=now):
        rows.run(conn, SYSTEM.folder, "partitions", "people", "health", "audit")
        return rows.story(conn)


SYSTEM = Shipped(
    name="keep-going-care",
    sample="36 patients and their doctors",
    load=load,
    identifying=_IDENTIFYING,
)
