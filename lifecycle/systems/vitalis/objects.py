"""The sample's objects in S3: papers, photos and exports, small but real.

Knows which rows point to objects and which keys have a past. Never decides who owns what: that is
in the rows.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import Connection
from psycopg.rows import class_row

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_WRITERS = 16


@dataclass(frozen=True, slots=True)
class _Object:
    key: str
    media_type: str
    body: str
    versions: int
    thrown_away: bool


def put_objects(conn: Connection[Any], objects: "S3Client", bucket: str) -> int:
    """Write every object that a row names, with its earlier versions, and count the keys.

    Needs the `person` table of the loading transaction.
    """
    wanted = conn.cursor(row_factory=class_row(_Object)).execute(_OBJECTS).fetchall()

    def put(one: _Object) -> None:
        for version in range(1, one.versions + 1):
            body = f"{one.body}, version {version}\n".encode()
            objects.put_object(Bucket=bucket, Key=one.key, Body=body, ContentType=one.media_type)
        if one.thrown_away:
            objects.delete_object(Bucket=bucket, Key=one.key)

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(put, wanted))  # to the end, so that the first error is raised here
    return len(wanted)


# A paper that its person has thrown away has a delete marker on top of its versions. An export
# that has expired has no object any more, though its row still names the key.
_OBJECTS = """
with named as (
    select user_id, s3_key as key, mime_type as media_type,
           '%PDF-1.4 ' || original_filename as content,
           case when deleted_at is not null then 2
                when part = 'due' then case document_type when 'blood_work' then 3 else 2 end
                when part in ('due_alone', 'family_member') and document_type = 'blood_work' then 2
                else 1
           end as versions,
           deleted_at is not null as thrown_away
      from documents
      join person using (user_id)
    union all
    select user_id, s3_key, 'image/jpeg', 'photo', case when n % 20 = 0 then 2 else 1 end, false
      from photos
      join person using (user_id)
    union all
    select user_id, s3_thumbnail_key, 'image/jpeg', 'thumbnail', 1, false
      from photos
    union all
    select user_id, s3_key, 'application/json', 'export', 1, false
      from data_export_requests
     where status = 'ready'
)
select key, media_type, content || ' of ' || display_name || ' <' || email || '>' as body,
       versions, thrown_away
  from named
  join users using (user_id)
 order by key
"""
