"""`doctor` names each right, trigger, rule, setting and function of the ledger that is not as the releases left it."""

import psycopg
import pytest

from lifecycle.admin import database as doctor
from lifecycle.admin import install
from lifecycle.outcome import Verdict
from lifecycle.postgres import catalog
from tests.database.firm import Firm

STRANGER = (
    "create function public.f() returns trigger language plpgsql as 'begin return null; end'; "
)
TAMPERED = {
    "runs updated": ("grant update on lifecycle.run to mallory", "mallory may update run"),
    "one column": (
        "grant update (state) on lifecycle.run to mallory",
        "mallory may update (state) run",
    ),
    "by everybody": ("grant insert on lifecycle.attempt to public", "public may insert attempt"),
    "a trigger made": (
        "grant trigger on lifecycle.evidence to mallory",
        "mallory may trigger evidence",
    ),
    "evidence truncated": (
        "grant truncate on lifecycle.evidence to mallory",
        "mallory may truncate evidence",
    ),
    "plans updated": ("grant update on lifecycle.plan to lifecycle", "lifecycle may update plan"),
    "runs deleted": ("grant delete on lifecycle.run to lifecycle", "lifecycle may delete run"),
    "evidence past its function": (
        "grant insert on lifecycle.evidence to lifecycle",
        "lifecycle may insert evidence",
    ),
    "the second login": (
        "grant insert on lifecycle.run to lifecycle_ddl",
        "lifecycle_ddl may insert run",
    ),
    "evidence written": (
        "grant execute on function lifecycle.record_evidence to mallory",
        "mallory may call lifecycle.record_evidence(",
    ),
    "a month dropped": (
        "grant execute on function lifecycle.drop_month to public",
        "public may call lifecycle.drop_month(",
    ),
    "a month dropped by the second": (
        "grant execute on function lifecycle.drop_month to lifecycle_ddl",
        "lifecycle_ddl may call lifecycle.drop_month(",
    ),
    "made in it": (
        "grant create on schema lifecycle to lifecycle",
        "lifecycle may create in the schema lifecycle",
    ),
    "a guard that guards nothing": (
        "create or replace function lifecycle.refuse_change() returns trigger language plpgsql as 'begin return new; end'",
        "the function lifecycle.refuse_change() is not the one",
    ),
    "a path that is not pinned": (
        "alter function lifecycle.hold_run set search_path = public",
        "the function lifecycle.hold_run(bigint,text,integer) is not the one",
    ),
    "with other rights": (
        "alter function lifecycle.refuse_change() security definer; revoke all on function lifecycle.refuse_change from public",
        "the function lifecycle.refuse_change() is not the one",
    ),
    "one more function": (
        "create function lifecycle.f() returns int language sql as 'select 1'",
        "the function lifecycle.f() is not the one",
    ),
    "a rule": (
        "create rule r as on insert to lifecycle.attempt do also delete from lifecycle.plan",
        "rule r on attempt",
    ),
    "a trigger": (
        STRANGER
        + "create trigger a before insert on lifecycle.run for each row execute function public.f()",
        "trigger a on run runs public.f()",
    ),
    "a guard with an argument": (
        (
            "drop trigger pause_ends_once on lifecycle.pause; create trigger pause_ends_once before update on"
            " lifecycle.pause for each row execute function lifecycle.end_once('never')"
        ),
        "pause lacks the trigger pause_ends_once",
    ),
    "a guard on a condition": (
        (
            "drop trigger generation_ends_once on lifecycle.generation; create trigger generation_ends_once before update"
            " on lifecycle.generation for each row when (old.since is null) execute function lifecycle.end_once()"
        ),
        "generation lacks the trigger generation_ends_once",
    ),
    "a guard of one column": (
        (
            "drop trigger pause_ends_once on lifecycle.pause; create trigger pause_ends_once before update of since on"
            " lifecycle.pause for each row execute function lifecycle.end_once()"
        ),
        "pause lacks the trigger pause_ends_once",
    ),
    "a guard for replicas": (
        "alter table lifecycle.pause enable replica trigger pause_ends_once",
        "pause lacks the trigger pause_ends_once",
    ),
    "a guard that is gone": (
        "drop trigger generation_ends_once on lifecycle.generation",
        "generation lacks the trigger generation_ends_once",
    ),
    "a number set back": (
        "grant update on sequence lifecycle.run_id_seq to lifecycle",
        "lifecycle may update run_id_seq",
    ),
    "numbers used up": (
        "grant usage on sequence lifecycle.evidence_id_seq to mallory",
        "mallory may usage evidence_id_seq",
    ),
    "a right to be passed on": (
        "grant insert on lifecycle.plan to lifecycle with grant option",
        "lifecycle may let others insert plan",
    ),
    "a call to be passed on": (
        "grant execute on function lifecycle.hold_run to lifecycle_ddl with grant option",
        "lifecycle_ddl may call lifecycle.hold_run(bigint,text,integer), and let others",
    ),
    "a call less": (
        "revoke execute on function lifecycle.hold_run from lifecycle",
        "lifecycle may not call hold_run, as a release lets it",
    ),
    "a room's call less": (
        "revoke execute on function lifecycle.place_hold from lifecycle",
        "lifecycle may not call place_hold, as a release lets it",
    ),
    "a call more": (
        "grant execute on function lifecycle.begin_detach to lifecycle",
        "lifecycle may call lifecycle.begin_detach(",
    ),
    "a column more": (
        "grant update (since) on lifecycle.pause to lifecycle",
        "lifecycle may update (since) pause",
    ),
    "a column less": (
        "revoke update (until) on lifecycle.pause from lifecycle",
        "lifecycle may not update (until) pause",
    ),
    "a table less": (
        "revoke insert on lifecycle.heartbeat from lifecycle",
        "lifecycle may not insert heartbeat",
    ),
    "a room's table less": (
        "revoke update on lifecycle.erasure from lifecycle",
        "lifecycle may not update erasure",
    ),
    "row security": (
        "alter table lifecycle.run enable row level security",
        "row security is on for run",
    ),
    "a login's replica": (
        "alter role lifecycle set session_replication_role = replica",
        "lifecycle in every database is set to be a replica",
    ),
    "a right to be one": (
        "grant set on parameter session_replication_role to lifecycle",
        "lifecycle may set session_replication_role",
    ),
}
UNDO = (
    "alter role lifecycle reset session_replication_role;"
    "revoke set on parameter session_replication_role from lifecycle"
)


def told(firm: Firm) -> dict[str, str]:
    """Return what doctor says about the schema: what -> how to mend it."""
    found = (f for f in doctor.findings(firm.system()) if f.check == "firm: schema")
    return {f.what: f.fix for f in found if f.verdict != Verdict.PASS}


@pytest.mark.parametrize("how", TAMPERED)
def test_what_is_not_as_the_releases_left_the_schema_is_named(firm: Firm, how: str):
    assert told(firm) == {}
    attack, said = TAMPERED[how]
    try:
        firm.ask(attack)
        mended = [fix for what, fix in told(firm).items() if what.startswith(said)]
        assert len(mended) == 1
        if "is not the one" not in said:  # every other is undone by what is said
            enable, _, anew = mended[0].partition("  -- where it is another: drop it, and ")
            if anew and "replicas" not in how:
                table = said.split()[0]
                firm.ask(f"drop trigger if exists {said.split()[-1]} on lifecycle.{table}; {anew}")
            else:
                firm.ask(enable)
            assert told(firm) == {}
    finally:
        firm.ask(UNDO)  # roles are the cluster's


def test_readers_and_months_and_a_second_installation_are_nothing_strange(firm: Firm):
    firm.ask(
        "grant usage on schema lifecycle to mallory;"
        "grant select on all tables in schema lifecycle to mallory; select lifecycle.make_months(5)"
    )
    with psycopg.connect(firm.admin, autocommit=True) as conn:
        install.install(conn, firm.policy, catalog.read(conn), None)
        conn.execute(install.render(conn, firm.policy, catalog.read(conn)).encode())
    assert told(firm) == {}
