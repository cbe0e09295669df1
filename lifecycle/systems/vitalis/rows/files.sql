-- Rows that point to objects in the bucket. The objects themselves are put there by objects.py,
-- from these rows.

create temp table paper on commit drop as
select person.*, k, pg_temp.uid('document', n, k) as document_id,
       greatest(joined, pg_temp.clock() - k * interval '140 days') + interval '1 hour' as uploaded
  from person, generate_series(1, 4) as k
 where lead or k = 1;

-- 1 blood work, 2 DEXA, 3 epigenetics, 4 another paper which its person has thrown away.
insert into documents (document_id, user_id, document_type, provider_name, original_filename, s3_key, file_size_bytes,
                       parse_status, parse_confidence, parse_result, parsed_at, confirmed_at, confirmed_by,
                       linked_record_id, linked_record_type, error_message, created_at, updated_at, deleted_at)
select document_id,
       user_id,
       (array['blood_work', 'dexa', 'epigenetics', 'other'])[k]::document_type,
       'Office near ' || tag,
       'scan ' || k || ' ' || tag || '.pdf',
       -- Keys did not always have their person in them.
       case when part = 'due' and k = 3 then 'uploads/scan-1042'
            else 'users/' || user_id || '/documents/' || document_id || '.pdf' end,
       100 + length(tag),
       case when k = 4 then 'failed' else 'confirmed' end::parse_status,
       0.95,
       jsonb_build_object('patient', first_name || ' ' || initcap(tag), 'pages', k),
       uploaded + interval '1 minute',
       case when k < 4 then uploaded + interval '1 hour' end,
       case when k < 4 then user_id end,
       case k when 1 then pg_temp.uid('panel', n, 1) when 2 then pg_temp.uid('scan', n, 1)
              when 3 then pg_temp.uid('test', n) end,
       (array['blood_panel', 'dexa_scan', 'epigenetic_test'])[k],
       case when k = 4 then 'cannot read the handwriting of ' || tag end,
       uploaded,
       uploaded,
       case when k = 4 then uploaded + interval '2 days' end
  from paper;

insert into photos (photo_id, user_id, photo_date, photo_type, s3_key, s3_thumbnail_key, file_size_bytes,
                    linked_scan_id, notes, created_at)
select photo_id, user_id, taken::date, (array['front', 'left'])[k],
       'users/' || user_id || '/photos/' || photo_id || '.jpg',
       'users/' || user_id || '/photos/' || photo_id || '.thumb.jpg',
       100 + length(tag), case when k = 1 and (lead or n % 3 = 0) then pg_temp.uid('scan', n, 1) end,
       'photo ' || k || ' of ' || tag, taken
  from person, generate_series(1, 2) as k,
       lateral (select pg_temp.uid('photo', n, k) as photo_id,
                       greatest(joined, pg_temp.clock() - k * interval '70 days') as taken) as made
 where lead or (n % 4 = 0 and k = 1);

-- A key that begins with a key of `due`: whoever deletes by prefix deletes the neighbour's paper as
-- well.
insert into documents (document_id, user_id, document_type, original_filename, s3_key, file_size_bytes, parse_status,
                       created_at, updated_at)
select pg_temp.uid('document', n, 9), user_id, 'other', 'neighbour ' || tag || '.pdf', 'uploads/scan-10420', 120,
       'pending', joined, joined
  from person
 where part = 'neighbour';
