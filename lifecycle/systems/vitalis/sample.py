"""Sample data for Vitalis: 120 people over three years, and the story that demo and tests tell.

Knows the order in which the pieces are made. The same seed and the same `now` give the same rows
and objects, apart from what S3 and the payment processor name themselves. Never reads a clock and
never makes the schema.

The audit trigger dates its rows by the server's clock. Where that is in a quarter which the sample
does not cover for its `now`, the audit log gets a partition for that quarter as well.

Reading order: `rows/people.sql` (who is who), then `rows/` in the order of `load`, `objects.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from lifecycle.systems import rows
from lifecycle.systems.shipped import Payer, Shipped
from lifecycle.systems.vitalis.objects import put_objects

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Cast:
    """Who has a part in the story, by user_id unless the name says otherwise."""

    due: UUID
    """Asked 30 days and 5 hours before `now`. In a family of three, in every table and in other
    people's rows."""
    due_request: UUID
    due_account: UUID
    due_customer: str
    """The processor's id of the customer that the family shares."""

    due_alone: UUID
    """Due as well, and the only person in a paying account: account and customer go with them."""
    due_alone_request: UUID
    due_alone_account: UUID
    due_alone_customer: str

    family_member: UUID
    """Stays. Shares with `due` the account, a confirmed paper, a PDF and a linked scan."""
    neighbour: UUID
    """Stays. Owns an object whose key begins with a key of `due`."""
    neighbour_key: str

    not_yet: UUID
    """Asked 12 days before `now`: nothing may happen yet."""
    not_yet_request: UUID
    cancelled: UUID
    """Asked and changed their mind."""
    cancelled_request: UUID

    people: int
    rows: Mapping[str, int]
    """Number of rows by table."""
    objects: int
    """Number of keys written to the bucket, the deleted one included."""


def load(
    conn: Connection[Any],
    objects: "S3Client",
    buckets: Mapping[str, str],
    payer: Payer,
    *,
    seed: int,
    now: datetime,
) -> Cast:
    """Fill an empty Vitalis database, a versioned bucket and the payment processor.

    All rows come in one transaction on a superuser's connection; objects and customers that were
    made before an error stay. Raise ValueError if `now` has no time zone.
    """
    with rows.making(conn, seed=seed, now=now):
        rows.run(conn, _HERE, "partitions", "dictionaries", "people")
        _open_customers(conn, payer)
        rows.run(conn, _HERE, "wearables", "health", "diary", "files", "operations", "crossings")
        rows.run(conn, _HERE, "audit")
        written = put_objects(conn, objects, buckets["documents"])
        story = conn.cursor(row_factory=dict_row).execute(_CAST).fetchone()
        rows.run(conn, _HERE, "today")
        conn.execute("analyze")
        counts = rows.counts(conn)
    assert story is not None  # an aggregate query has exactly one row
    return Cast(**story, people=counts["users"], rows=MappingProxyType(counts), objects=written)


def _open_customers(conn: Connection[Any], payer: Payer) -> None:
    """Make a customer for each paying account, in the name of its first person."""
    paying = conn.execute(
        """
        select distinct on (account_no) account_id, email, display_name
          from person
          join users using (user_id, account_id)
          join accounts using (account_id)
         where subscription_tier <> 'free'
         order by account_no, n
        """
    ).fetchall()
    customers = [(payer.create_customer(email, name), account) for account, email, name in paying]
    with conn.cursor() as cursor:
        cursor.executemany(
            "update accounts set stripe_customer_id = %s where account_id = %s", customers
        )


_CAST = """
with role as (
    select part, user_id, account_id, stripe_customer_id, request_id
      from person
      join accounts using (account_id)
      left join deletion_requests using (user_id)
     where part is not null
)
select min(user_id::text) filter (where part = 'due')::uuid as due,
       min(request_id::text) filter (where part = 'due')::uuid as due_request,
       min(account_id::text) filter (where part = 'due')::uuid as due_account,
       min(stripe_customer_id) filter (where part = 'due') as due_customer,
       min(user_id::text) filter (where part = 'due_alone')::uuid as due_alone,
       min(request_id::text) filter (where part = 'due_alone')::uuid as due_alone_request,
       min(account_id::text) filter (where part = 'due_alone')::uuid as due_alone_account,
       min(stripe_customer_id) filter (where part = 'due_alone') as due_alone_customer,
       min(user_id::text) filter (where part = 'family_member')::uuid as family_member,
       min(user_id::text) filter (where part = 'neighbour')::uuid as neighbour,
       (select s3_key from documents where s3_key = 'uploads/scan-10420') as neighbour_key,
       min(user_id::text) filter (where part = 'not_yet')::uuid as not_yet,
       min(request_id::text) filter (where part = 'not_yet')::uuid as not_yet_request,
       min(user_id::text) filter (where part = 'cancelled')::uuid as cancelled,
       min(request_id::text) filter (where part = 'cancelled')::uuid as cancelled_request
  from role
"""

_IDENTIFYING = """
select user_id::text from users
 union
select stripe_customer_id from accounts where stripe_customer_id is not null
 union
select s3_key from documents
 union
select s3_key from photos
 union
select s3_thumbnail_key from photos
 union
select s3_key from data_export_requests
 union
select host(ip_address) from audit_log where ip_address is not null
"""

SYSTEM = Shipped(
    name="vitalis",
    sample="120 people and their files",
    load=load,
    identifying=_IDENTIFYING,
    papers=("documents",),
    customers=True,
)
