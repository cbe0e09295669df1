-- A table of the toy room's own.
create table lifecycle.locker_round (at timestamptz not null default clock_timestamp());
grant select, insert on lifecycle.locker_round to lifecycle;
