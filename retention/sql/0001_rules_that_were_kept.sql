-- What each retention rule said when a run last carried it out. A rule that says something else, or the same after a
-- shorter time, ends rows that nobody has ever seen a run end: so a person looks at that once (retention/shorter.py).

create table lifecycle.rule_kept (
    id       bigint generated always as identity primary key,
    rule     text not null,        -- what it is about, as its label has it
    target   text not null,        -- the table, or table.column
    seconds  bigint,               -- its time, as short as it can be; null where the row itself says when it ends
    says     text not null,        -- a digest of all else that decides which rows end
    run_id   bigint not null,
    at       timestamptz not null default clock_timestamp()
);
create index rule_kept_newest on lifecycle.rule_kept (rule, id);

create trigger rule_kept_is_append_only before update or delete on lifecycle.rule_kept
    for each row execute function lifecycle.refuse_change();
create trigger rule_kept_is_not_truncated before truncate on lifecycle.rule_kept
    for each statement execute function lifecycle.refuse_change();

grant select, insert on lifecycle.rule_kept to lifecycle;
