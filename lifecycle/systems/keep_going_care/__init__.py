"""Keep Going Care: patients and their doctors in one table of users, whole numbers for keys; 21 tables.

    schema.sql    tables, roles, row-level security, audit trigger, a materialized view; for an empty database
    policy.yaml   what is promised, sentence by sentence
    sample.py     36 patients, 3 doctors and an administrator, deterministic, with a due erasure among them
    rows/*.sql    the sample's rows, in the order in which sample.py names them

The owner's guide contradicts itself or PostgreSQL, or leaves open, in these places:

- It shows three tables and names the others: those have the columns that their purpose asks for.
- "Every table has a single-column integer primary key", and "time-based partitioning for metrics tables": the date is
  part of the key of `health_metrics`. Its archive, filled by INSERT ... SELECT, has none.
- `chat_memory_active_idx` depends on NOW() and cannot exist; GIN over the text of `->>` has no operator class. Both are
  there in the form that PostgreSQL accepts.
- "Timestamp with timezone awareness", written as Drizzle's `timestamp()`, which has none: all are timestamptz.
- After 365 days health metrics are to move into an archive, and "old partitions" are to be dropped. One moves, the
  other loses: a month is dropped two months after its last row has moved.
- The archive has no end in the guide, and no foreign key: a reference says whose its rows are, and an erasure
  reaches it.
- A memory with `expires_at` in the past is over, and nothing in the guide removes it: the next night does.
- Row-level security is shown for `health_metrics` alone, and a policy that reads a setting fails for whoever has not
  set it: it finds nobody instead. A doctor sees a patient's metrics while the relation is active.
- Patients, doctors and administrators are rows of one table. The policy has one kind, because an erasure cannot tell
  them apart yet; who wrote or reviewed a row is its author, whatever kind they are.
- `doctor_patients` is of two people and goes with either, a doctor's notes with a doctor. That is no loss for a patient
  who goes, and one for a patient who stays: with parties the notes would stay.
- "Track all data modifications": a trigger on every table of people's data but the archives. "Record access" is left to
  the application, which no trigger can see.
- What the log says of an invitation was written before it had a user, and is about nobody. An erasure finds the address
  in it and takes that out; the rest of the image, a random token among it, stays.
- The guide has no place where a person asks to be forgotten: `erasure_requests`.

Promised by the owner, and not kept by a job yet:

- memories older than a year moved to their archive table, which keeps only some of their columns; compression
- point-in-time recovery with WAL archiving, backups in a second region, standby servers
- encryption of columns
"""
