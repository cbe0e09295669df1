"""The sample's objects in S3, as its rows name them.

Knows which rows point to objects and which keys have a past. Never decides who owns what: that is
in the rows.
"""

from typing import TYPE_CHECKING, Any

from psycopg import Connection

from lifecycle.systems.objects import named, put

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


def put_objects(conn: Connection[Any], objects: "S3Client", bucket: str) -> int:
    """Write every object that a row names, with its earlier versions, and count the keys.

    Needs the `person` table of the loading transaction.
    """
    wanted = named(conn, _OBJECTS)
    put(objects, bucket, wanted)
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
