"""Longevity Coach: patients, their blood tests and values over years; 9 tables, reports in S3.

    schema.sql    tables, roles, row-level security, audit trigger, a materialized view; for an empty database
    policy.yaml   what is promised, sentence by sentence
    sample.py     40 patients, deterministic, with a due erasure among them
    rows/*.sql    the sample's rows, in the order in which sample.py names them

The owner's document contradicts itself, PostgreSQL or its host, or leaves open, in these places:

- TimescaleDB is not on every machine. The hypertable `biomarkers`, in chunks of a month, is a table partitioned by
  month. "Primary key on id" cannot be, in a hypertable as here: time is part of it.
- "List partitioning by patient_id" in one place, 16 space partitions in another. Neither has a counterpart here.
- "Enable RLS on all tables" names three, `biomarkers` among them without a policy, so that nobody would see a value:
  a policy of the same kind, and the same for the other tables with patients' rows.
- An RPO of 5 minutes, and `archive_timeout = 3600`: with little traffic an hour is lost. Supabase as the host, and
  `postgresql.conf` with WAL-G, which a managed host gives nobody.
- "Compress after 30 days", and an erasure that must rewrite what is compressed: the document does not say how.
- `demographics` is JSON and holds name and e-mail, with an index over them. The policy's identifiers are columns, so
  the proof of an erasure searches for the key and `external_id`; the tests search a whole dump for all of it.
- "Retention 10 years for patient data, configurable per data type", and one policy, for `biomarkers`. Blood tests of
  that age keep their row: it names a report in S3, which retention does not reach.
- `recommendations` ("vector similarity search") have no columns in the document, and a line "`tags` TEXT[]" has no
  table. The vector is `real[]`; the tags are those of `reference_ranges`.
- "Consent management (GDPR compliance)" as a JSON column, and no place where a patient asks: `erasure_requests`.
- `report_url` is a link: here the key of the report in a bucket.

Promised by the owner, and not kept by a job yet:

- WAL-G base backups, WAL archiving, point-in-time recovery; RPO 5 minutes, RTO 15 minutes
- compression after 30 days, space partitions (TimescaleDB)
- blood tests and reports older than 10 years
- encryption of fields
"""
