"""Sample data for Longevity Coach: 40 patients over eleven years, with a due erasure among them.

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

_REPORTS = """
select report_url as key, 'application/pdf' as media_type,
       '%PDF-1.4 of ' || (demographics ->> 'lastName') as body,
       case when status = 'processed' then 2 else 1 end as versions, false as thrown_away
  from blood_tests
  join patients on patients.id = patient_id
 where report_url is not null
"""

_IDENTIFYING = """
select id::text from patients
 union
select report_url from blood_tests where report_url is not null
 union
select host(ip_address) from audit_logs where ip_address is not null
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
    """Fill an empty Longevity Coach database and its bucket of reports, on a superuser's connection.

    Raise ValueError if `now` has no time zone.
    """
    with rows.making(conn, seed=seed, now=now):
        rows.run(conn, SYSTEM.folder, "partitions", "people", "health", "audit")
        reports = named(conn, _REPORTS)
        put(objects, buckets["reports"], reports)
        return rows.story(conn)


SYSTEM = Shipped(
    name="longevity-coach",
    sample="40 patients, their blood tests and reports",
    load=load,
    identifying=_IDENTIFYING,
    papers=("reports",),
)
