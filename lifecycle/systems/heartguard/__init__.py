"""HeartGuard: a companion for heart patients with 35 tables, users and providers, and portraits in S3.

    schema.sql    tables, roles, row-level security, triggers, materialized views; for an empty database
    policy.yaml   what is promised, sentence by sentence
    sample.py     40 users and 5 doctors, deterministic, with a due erasure among them
    rows/*.sql    the sample's rows, in the order in which sample.py names them

The owner's report contradicts itself, PostgreSQL or the law, or leaves open, in these places:

- It speaks of "27+ tables", lists 19 and names others in passing (migrations, models, pgvector). All that are named
  are here. Columns it does not list are what each table's purpose asks for.
- pgvector is not on every machine: vectors are `real[]`, without HNSW indexes. The report itself falls back to TEXT.
- `vector_user_memories` is hash partitioned by the user, so `user_id` is part of its primary key.
- `vitals` and `medications` alone have row-level security. Of `patient_records`, `chat_messages` and all others every
  login of the application sees every row. Left as it is.
- `patient_memories`, `chat_history` and `vector_user_memories` name their user without a foreign key: a reference says
  whose they are. `device_timeseries` names no person at all: its rows go through their device.
- "GDPR/HIPAA consent tracking", and no place where a person asks to be forgotten: `erasure_requests`.
- Archived talks are "HIPAA-compliant long-term storage". HIPAA asks for documentation of what was done, not for what a
  patient told an assistant: they go with the person.
- `appointments` are "30+ columns, insurance", a medical entry and a bill in one row. The bill stays for 7 years
  (42 CFR 424.516(f)) without whose it was and for what; `user_id` may be NULL for that.
- `mv_user_memory_stats` holds users' keys. It leaves out who is not active, so that the hourly refresh takes out who
  has asked to be forgotten; the proof would find them there otherwise, and the request would stay open.
- An emergency contact is somebody else. One who is a user too would stand in another's row by name and phone number,
  and could not be erased before that row says `quotes`; the sample has none.

Promised by the owner, and not kept by a job yet:

- HNSW indexes rebuilt (there are none: vectors are `real[]`)
- the audit trail that HIPAA asks for: the report names no audit log, so what happened before a run is not on record
- Redis (session cache, LangGraph checkpoints of talks) and ChromaDB: an erasure does not reach them
"""
