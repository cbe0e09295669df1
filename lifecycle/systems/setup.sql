-- What the files of every sample use. sample.seed and sample.now are settings of the loading transaction.
-- Everything in pg_temp: nothing of this stays in the database.

set local timezone = 'UTC';
set local search_path = public;

create or replace function pg_temp.clock() returns timestamptz language sql stable
    return current_setting('sample.now')::timestamptz;

-- The same arguments always give the same id; in the shape of a random (version 4) one.
create or replace function pg_temp.uid(kind text, n bigint, m bigint default 0) returns uuid language sql stable
    return overlay(overlay(md5(current_setting('sample.seed') || kind || '/' || n || '/' || m)
                           placing '4' from 13) placing 'a' from 17)::uuid;

-- From 0 up to, but without, 1.
create or replace function pg_temp.chance(kind text, n bigint, m bigint default 0) returns double precision
    language sql stable
    return ('x' || left(md5(current_setting('sample.seed') || kind || '?' || n || '/' || m), 8))::bit(32)::bigint
           / 4294967296.0;

-- Rows are inserted as they are: without triggers (their audit rows are written by a file of their own, dated
-- in the past) and without foreign key checks.
set local session_replication_role = replica;
