-- Whoever is erased is not kept by the word of a hold that has ended: its key is emptied, and nothing else of it is ever
-- changed. Of a hold that stands it is not: then nobody is erased.

create function lifecycle.hold_forgets() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' and new.key = '' and (to_jsonb(new) - 'key') = (to_jsonb(old) - 'key')
       and (old.until <= now() or exists (select from lifecycle.hold_release r where r.hold_id = old.hold_id)) then
        return new;
    end if;
    raise exception 'lifecycle.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

drop trigger hold_is_append_only on lifecycle.hold;
create trigger hold_is_append_only before update or delete on lifecycle.hold
    for each row execute function lifecycle.hold_forgets();

-- A value of a few letters or digits is not theirs alone: such a one stays.
create function lifecycle.forget_in_holds(kind text, person text, those text[]) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with emptied as (
        update lifecycle.hold h set key = ''
         where (h.covers = 'person' and h.subject = kind and h.key = person
                or h.covers = 'value' and length(h.key) > 5 and lower(h.key) in (select lower(one) from unnest(those) as one))
           and (h.until <= now() or exists (select from lifecycle.hold_release r where r.hold_id = h.hold_id))
        returning 1)
    select count(*) from emptied
$$;
revoke all on function lifecycle.forget_in_holds from public;
grant execute on function lifecycle.forget_in_holds to lifecycle;
