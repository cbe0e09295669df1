"""Whoever may create in `public` lays decoys that fit better than PostgreSQL's own: no statement of ours meets one."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from backups.section import Backups
from lifecycle import clock, rooms
from lifecycle.admin import doctor, install
from lifecycle.ledger import alerts, claims, runs, schedules
from lifecycle.outcome import Outcome
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from lifecycle.running import apply
from lifecycle.schedule import tick
from lifecycle.schedule.state import DaemonState
from lifecycle.watch import gather
from retention.rule import RetentionRule
from tests.conftest import a_database
from tests.database import clinic as the_clinic
from tests.database.clinic import HERE, NOW, Clinic

PRODUCT = [
    file
    for folder in ("lifecycle", "audit", "backups", "retention", "gdpr")
    for file in (HERE.parents[1] / folder).rglob("*")
    if file.suffix in (".py", ".sql")
    and "sandbox" not in file.parts
    and "systems" not in file.parts
]

DECOYS = r"""
do $do$
declare
    kinds constant text[] := '{integer,bigint,text,varchar,name,date,timestamptz,jsonb,uuid,boolean,text[]}';
    body constant text := $$ language plpgsql as 'begin raise warning ''DECOY''; raise exception ''DECOY''; end' $$;
    called text;
    one text;
    other text;
begin
    create function public.decoy() returns boolean language plpgsql
        as 'begin raise warning ''DECOY''; raise exception ''DECOY''; end';
    for called in
        select distinct format('public.%I(%s)', p.proname, signature)
          from pg_proc p,
               lateral (select pg_get_function_identity_arguments(p.oid)
                        union all select k from unnest(kinds) as k
                        union all select k || ', ' || k from unnest(kinds) as k) as s (signature)
         where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any (string_to_array('NAMES', ','))
           and signature !~ '(^|, )(OUT|VARIADIC|INOUT) |internal|"any"|"char"|trigger|ORDER BY|^any|, any|cstring'
    loop
        begin
            execute 'create function ' || called || ' returns text' || body;
        exception when others then null;  -- a signature that no function can have
        end;
    end loop;
    foreach called in array '{=,<>,<,>,<=,>=,||,~,~*,!~,!~*,+,-,->,->>,?,@>,<@}'::text[] loop
        foreach one in array kinds loop
            foreach other in array kinds loop
                begin
                    execute format('create function public.operate(a %s, b %s) returns boolean', one, other) || body;
                exception when duplicate_function then null;
                end;
                begin
                    execute format('create operator public.%s (leftarg = %s, rightarg = %s, function = public.operate)',
                                   called, one, other);
                exception when others then null;
                end;
            end loop;
        end loop;
    end loop;
    foreach one in array kinds || '{int,int4,int8,bool,oid,regclass,regrole,interval,bytea}'::text[] loop
        continue when one like '%]';
        execute format('create domain public.%I as pg_catalog.text check (public.decoy())', one);
    end loop;
    for called in
        select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v')
        union select unnest('{run,evidence,heartbeat,schedule,alert,daemon,plan,erasure,installation,migration}'::text[])
    loop
        execute format('create view public.%I as select public.decoy() as id, public.decoy() as oid', called);
    end loop;
end $do$
"""


def names() -> str:
    """Return every name in the product that is called like a function."""
    text = "\n".join(file.read_text() for file in PRODUCT)
    called = set(re.findall(r"\b([a-z_][a-z0-9_]+)\(", text))
    return ",".join(sorted(called | {"power", "lower", "now", "sha256"}))


@pytest.fixture
def clinic(cluster: Cluster, tmp_path: Path, outside: tuple[str, str]) -> Iterator[Clinic]:
    for conninfo in a_database(cluster, "template0"):
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute((HERE / "clinic.sql").read_bytes())
            conn.execute("alter table diary_2025 enable row level security")
            conn.execute("alter table diary_2026 enable row level security")
            # A row that neither retention nor the erasure ends: of an emptied table the planner forgets nothing.
            conn.execute(
                "insert into diary select person_id, '2026-11-20', 'his' from diary where words = 'his'"
            )
        with the_clinic.opened(conninfo, tmp_path, *outside) as opened:
            rule = {"table": "diary", "after": "90 days", "do": "delete", "because": "promised"}
            more = {
                "retention": (RetentionRule.model_validate(rule),),
                "backups": Backups.model_validate({"dumps": {"bucket": "backups"}}),
            }
            policy = opened.system.policy.model_copy(update=more)
            bucket = f"backups-{policy.database}"
            opened.store.client.create_bucket(Bucket=bucket)
            buckets = {**opened.system.settings.buckets, "backups": bucket}
            settings = opened.system.settings.model_copy(update={"buckets": buckets})
            with psycopg.connect(conninfo, autocommit=True) as conn:
                conn.execute("set search_path = pg_catalog")
                conn.execute(DECOYS.replace("NAMES", names()).encode())
                conn.execute("reset search_path")
                install.install(conn, policy, catalog.read(conn), None)
                # As the database's owner may: what we say before we pin the path must find no decoy either.
                for login in ("lifecycle", "lifecycle_ddl"):
                    conn.execute(
                        sql.SQL(
                            "alter role {} in database {} set search_path = public, pg_catalog"
                        ).format(sql.Identifier(login), sql.Identifier(policy.database))
                    )
            yield replace(opened, system=replace(opened.system, policy=policy, settings=settings))


def test_no_statement_of_ours_meets_a_decoy(clinic: Clinic, cluster: Cluster):
    laid = clinic.ask(
        "select (select count(*) from pg_proc where pronamespace = 'public'::regnamespace),"
        " (select count(*) from pg_operator where oprnamespace = 'public'::regnamespace)"
    )[0]
    assert min(laid) > 500
    said_before = cluster.log.stat().st_size
    outcomes: dict[str, Outcome] = {}
    for job in rooms.jobs(clinic.system.policy):
        if not callable(job.work):
            apply.plan(job.work, clinic.system, NOW, None)
            job.work.status(clinic.system, NOW)
        with clinic.system.connect("test") as conn:
            claims.enqueue(conn, "clinic", job.name, NOW, asked_by="person")
            claim = claims.claim_one(conn, "clinic", job.name, NOW, claims.new_holder())
            outcome = apply.carry_out(clinic.system, claim, job, NOW)
            outcomes[job.name] = outcome
            claims.finish(conn, claim, outcome)
    assert [outcome.failures for outcome in outcomes.values() if outcome.failures] == []
    assert len(outcomes) >= 6
    assert clinic.ask("select count(*) from person") == [2]
    doctor.findings(clinic.system.machine)
    state = DaemonState(
        "one", (clinic.system,), {"clinic": rooms.jobs(clinic.system.policy)}, clock.now()
    )
    tick.tick(state, clinic.system, plan=True)
    gather.gather(state, clinic.system)
    with clinic.system.connect("test") as conn:
        alerts.write(conn, "clinic", "test", "nobody")
        taken = alerts.take(conn, "clinic")
        assert taken is not None
        alerts.failed(conn, taken.id)
        schedules.listed(conn, "clinic")
        runs.listed(conn, "clinic", count=9)
        runs.shown(conn, "clinic", 1)
    assert "DECOY" not in cluster.log.read_bytes()[said_before:].decode()


def test_a_decoy_is_heard(clinic: Clinic, cluster: Cluster):
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        for call in ("power(2, least(3, 4))", "'a'::public.text"):
            with pytest.raises(psycopg.errors.RaiseException, match="DECOY"):
                conn.execute(f"select {call}".encode())
