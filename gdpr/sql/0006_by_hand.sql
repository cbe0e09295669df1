-- What a person says of a request, by name and with the reason, which both stay: that it has more time than the law's first
-- month (GDPR Art. 12(3)), or that the record of one that is lost is ended, for which nothing was proven.

alter table lifecycle.asked add column because text, add column ended_by text, add column extended_to timestamptz,
    add column extended_because text, add column extended_by text;
alter table lifecycle.asked drop constraint asked_how_check;
alter table lifecycle.asked add constraint asked_how_check
    check (how in ('proven', 'withdrawn', 'asked again', 'settled'));
alter table lifecycle.asked add constraint asked_settled_check
    check (((how = 'settled') is true) = (because is not null and ended_by is not null));
alter table lifecycle.asked add constraint asked_extended_check
    check ((extended_to is null) = (extended_because is null) and (extended_to is null) = (extended_by is null));

grant update (because, ended_by, extended_to, extended_because, extended_by) on lifecycle.asked to lifecycle;
