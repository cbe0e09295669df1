-- Where `due` is in other people's rows, and others in theirs. All of it is allowed by the schema
-- and none of it is found by asking for user_id = due.

update documents
   set confirmed_by = due.user_id
  from person as due, person as relative
 where due.part = 'due' and relative.part = 'family_member'
   and documents.user_id = relative.user_id and documents.document_type = 'blood_work';

-- One PDF held the results of both.
update blood_panels
   set document_id = pg_temp.uid('document', due.n, 1)
  from person as due, person as relative
 where due.part = 'due' and relative.part = 'family_member'
   and blood_panels.panel_id = pg_temp.uid('panel', relative.n, 2);

update photos
   set linked_scan_id = pg_temp.uid('scan', due.n, 1)
  from person as due, person as relative
 where due.part = 'due' and relative.part = 'family_member'
   and photos.photo_id = pg_temp.uid('photo', relative.n, 2);
