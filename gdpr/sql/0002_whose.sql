-- Whose erasure it is, and when they asked. The application's id of a request can come back as another person's, or as
-- the same person's once more: each of these is an erasure of its own, and what was proven before stays on record.
-- `person` is a keyed digest, which says nothing to anybody without the key.

alter table lifecycle.erasure
    drop constraint erasure_pkey,
    add column person text not null default '',
    add column asked timestamptz;

create unique index erasure_open on lifecycle.erasure (reference, person) where state <> 'proven';
create index erasure_reference on lifecycle.erasure (reference);
