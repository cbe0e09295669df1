"""Vitalis: a health application with 38 tables, papers in S3 and customers in Stripe.

    schema.sql    tables, roles, row-level security, audit trigger; for an empty database
    sample.py     people and three years of their data, deterministic, with a due erasure among them
    objects.py    the sample's objects in S3
    rows/*.sql    the sample's rows, in the order in which sample.py names them

The owner's document contradicts itself, or PostgreSQL, in these places:

- Deletion. Its list of tables leaves out `oauth_identities`, `doctor_visit_panels`,
  `data_export_requests` and `ingestion_jobs`, which hold personal data or point to it: they go as
  well. `accounts`, with the Stripe customer, is shared by a family and goes with its last person.
- `insights` "retain no user_id link after processing", yet are read per user and are in the
  deletion list: deleted.
- `deletion_requests.user_id` refers to a user who is deleted while the request stays,
  "completed": nullable, and cleared by whoever erases. No foreign key here acts by itself; all
  are NO ACTION.
- `audit_log` rows are "NEVER deleted", and quarterly partitions "allow efficient range deletion":
  never deleted. "Stripped of email, DOB, name fields" is less than what the log holds about a
  person (notes, tokens, values); its `record_id` is NOT NULL, and for `users` and
  `user_preferences` it is the person's id.
- API roles may "UPDATE/DELETE" their own rows, and the log is "immutable": on `audit_log` they
  may not.
- "RLS on every table" leaves the ingestion worker without the other users' jobs it manages: a
  policy of its own. `vitalis_readonly` has no BYPASSRLS in the document, so analytics sees only
  dictionaries until somebody decides.
- The primary keys of `wearable_*` and `audit_log` lack the partition key and so cannot exist: it
  is part of them. For activities this weakens the duplicate check, see schema.sql.
- Partitions: "a cron job (or migration) runs each December", and section 3 promises them "in
  advance". The sample has none ahead.
- Backups: point-in-time recovery reaches back 7 days, but dumps live 30 days, 12 weeks and
  12 months. An erased person is in the last copy for up to a year; the document promises nothing
  shorter. Weekly dumps lie in "a separate bucket" in one table and in the same one by its layout: here in the same.
- "DOB: age 13-150" cannot be a CHECK against today (a restore would refuse old rows): measured at
  sign-up.
- The unit of a marker "must match the dictionary" crosses tables: left to the application.
- Statuses are spelled 'canceled', with one l, here and in Stripe.
- There is no index for most foreign keys (`blood_markers.panel_id`, `goal_alerts.goal_id`, ...):
  deleting a parent row reads the whole child table. The indexes are the document's, no more.
"""
