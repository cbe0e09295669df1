"""Sample data for HeartGuard: 40 users and 5 doctors over three years, with a due erasure among them.

Knows the order in which the pieces are made. The same seed and the same `now` give the same rows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from lifecycle.systems import rows
from lifecycle.systems.objects import named, put
from lifecycle.systems.shipped import Payer, Shipped

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_AVATARS = """
select avatar as key, 'image/jpeg' as media_type, 'portrait of ' || name as body,
       case when n % 10 = 7 then 2 else 1 end as versions, false as thrown_away
  from users
  join person using (id)
"""

_IDENTIFYING = """
select id::text from users
 union
select avatar from users
 union
select phone from users
 union
select host(ip_address) from user_consents
"""


def load(
    conn: Connection[Any],
    objects: "S3Client",
    buckets: Mapping[str, str],
    payer: Payer,  # noqa: ARG001 - nobody pays here
    *,
    seed: int,
    now: datetime,
) -> rows.Story:
    """Fill an empty HeartGuard database and its bucket of avatars, on a superuser's connection.

    Raise ValueError if `now` has no time zone.
    """
    with rows.making(conn, seed=seed, now=now):
        rows.run(conn, SYSTEM.folder, "people", "health", "talks", "care", "knowledge")
        avatars = named(conn, _AVATARS)
        put(objects, buckets["avatars"], avatars)
        return rows.story(conn)


SYSTEM = Shipped(
    name="heartguard",
    sample="40 users, 5 doctors and their talks",
    load=load,
    identifying=_IDENTIFYING,
    papers=("avatars",),
)
