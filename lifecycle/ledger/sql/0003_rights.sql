-- Holding a run and writing evidence, for both logins alike. The one that makes partitions has no right on any row,
-- the ledger's included, and still writes what it made in the same transaction; and neither writes evidence for a
-- run it does not hold. Owned by `lifecycle_owner`, whose rights they use.

create function lifecycle.hold_run(of_run bigint, of_holder text, of_attempt integer) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select r.id from lifecycle.run r
     where r.id = of_run and r.holder = of_holder and r.attempt = of_attempt and r.state = 'running'
       for share
$$;

create function lifecycle.record_evidence(of_run bigint, of_holder text, of_attempt integer, kind text, event text,
                                          target text, reference text, counts jsonb, digest text) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with held as (
        select r.id from lifecycle.run r
         where r.id = of_run and r.holder = of_holder and r.attempt = of_attempt and r.state = 'running'
           for share)
    insert into lifecycle.evidence (run_id, attempt, kind, event, target, reference, counts, digest)
    select held.id, of_attempt, $4, $5, $6, $7, $8, $9 from held
    returning id
$$;

revoke all on function lifecycle.hold_run, lifecycle.record_evidence from public;
grant execute on function lifecycle.hold_run, lifecycle.record_evidence to lifecycle, lifecycle_ddl;
revoke insert on lifecycle.evidence from lifecycle;
grant select on lifecycle.installation to lifecycle_ddl;
