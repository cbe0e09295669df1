"""An owner exchanges code between our look at it and our statement: what was done with it is undone, and told."""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import Refused
from lifecycle.outcome import Outcome, Verdict
from lifecycle.postgres.server import Cluster
from retention.promise import PROMISE as RETENTION
from tests.conftest import a_database
from tests.database import clinic as the_clinic
from tests.database.clinic import Clinic
from tests.database.firm import NOW, Firm
from tests.keep import keep
from tests.waiting import wait_until

HARMLESS = """
    create or replace function public.t() returns trigger language plpgsql as
        $$ begin return coalesce(new, old); end $$;
"""
EVIL = """
    create or replace function public.t() returns trigger language plpgsql as
        $$ begin perform pg_notify('loot', 'word'); return coalesce(new, old); end $$;
"""
ON_SESSIONS = "create trigger t before delete on sessions for each row execute function public.t();"


@contextmanager
def in_the_way(dsn: str, lock: str) -> Generator[Connection[TupleRow]]:
    """Give a session that holds a lock until it commits."""
    with closing(psycopg.connect(dsn)) as conn:
        conn.execute(lock.encode())
        yield conn


@contextmanager
def ready(firm: Firm) -> Generator[tuple[Future[Outcome], Connection[TupleRow]]]:
    """Give a run that has looked and has not begun its first change, and what holds it back until it commits."""
    claim = firm.claim(RETENTION.job)
    with (
        ThreadPoolExecutor(1) as pool,
        in_the_way(firm.admin, "select from lifecycle.run for update") as lock,
    ):
        run: Future[Outcome] = pool.submit(keep, RETENTION, firm.system(), claim, NOW)
        waits(firm.admin)
        yield run, lock
        lock.commit()


def waits(admin: str) -> None:
    """Return as soon as a statement of the service waits for a lock in this database."""

    def waiting() -> bool:
        with psycopg.connect(admin, autocommit=True) as conn:
            row = conn.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and usename = 'lifecycle' and wait_event_type = 'Lock'"
            ).fetchone()
        return row is not None and row[0] > 0

    wait_until(waiting)


ATTACKS = {
    "the function": EVIL,
    "a trigger more": EVIL.replace("public.t()", "public.u()")
    + "create trigger u after delete on sessions for each row execute function public.u()",
    "a rule more": "create rule r as on delete to sessions do also notify loot",
    "a trigger less": "drop trigger t on sessions",
    "a trigger off": "alter table sessions disable trigger t",
    "a check more": "alter table sessions add check (public.idle(id)) not valid",
    "a function of a check": "create or replace function public.pure(int) returns bool immutable"
    " language plpgsql as $$ begin return true; end $$",
    "a type more": "alter table sessions add more public.unused",
    "what the function calls": "create or replace function public.deep() returns int language sql"
    " as 'select 2'",
}


@pytest.mark.parametrize("how", ATTACKS)
def test_code_exchanged_between_the_look_and_the_deed_undoes_the_deed(firm: Firm, how: str):
    firm.mallory(
        HARMLESS
        + ON_SESSIONS
        + """create function public.pure(int) returns bool immutable language sql as 'select true';
        create function public.idle(int) returns bool immutable language sql as 'select true';
        create function public.deep() returns int language sql as 'select 1';
        create domain public.unused as text check (public.idle(1));
        alter table sessions add check (public.pure(id))"""
    )
    firm.declared()
    with ready(firm) as (run, _):
        firm.mallory(ATTACKS[how])
    with pytest.raises(Refused, match="was exchanged"):
        run.result()
    assert firm.ask("select id from sessions order by id") == [1, 2]
    assert firm.ask("select count(*) from lifecycle.evidence where kind = 'effect'") == [0]


def test_code_that_is_put_back_before_the_end_has_been_exchanged_all_the_same(firm: Firm):
    firm.mallory(HARMLESS + ON_SESSIONS)
    firm.declared()
    slow = EVIL.replace("perform", "perform pg_advisory_xact_lock(7); perform")
    with (
        in_the_way(firm.dsn("mallory"), "select pg_advisory_xact_lock(7)") as other,
        ready(firm) as (run, go),
    ):
        firm.mallory(slow)
        go.commit()
        wait_until(lambda: _asks_for_7(firm))
        firm.mallory(HARMLESS)
        other.commit()
        with pytest.raises(Refused, match="was exchanged"):
            run.result()
    assert firm.ask("select id from sessions order by id") == [1, 2]


def _asks_for_7(firm: Firm) -> bool:
    return firm.ask(
        "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    ) != [0]


def test_what_others_do_meanwhile_with_tables_of_their_own_undoes_nothing(firm: Firm):
    firm.mallory(HARMLESS + ON_SESSIONS)
    firm.declared()
    with ready(firm) as (run, _):
        firm.ask(
            "create table visits_2021 partition of visits for values from ('2021-01-01') to ('2022-01-01');"
            "create temp table mine (id int check (id > 0));"
            "create function pg_temp.mine() returns int language sql as 'select 1'"
        )
    assert run.result().failures == ()
    assert firm.ask("select id from sessions") == [2]


@pytest.fixture
def clinic(cluster: Cluster, tmp_path: Path, outside: tuple[str, str]) -> Iterator[Clinic]:
    for conninfo in a_database(cluster, "template0"):
        the_clinic.make(conninfo)
        with the_clinic.opened(conninfo, tmp_path, *outside) as opened:
            yield opened


def test_an_erasure_sees_what_came_after_its_own_snapshot(clinic: Clinic):
    # It reads by one snapshot from its first statement on; the function that runs is always the newest.
    before = clinic.everything()
    with (
        ThreadPoolExecutor(1) as pool,
        in_the_way(clinic.admin, "lock visit in share mode") as owner,
    ):
        run: Future[Outcome] = pool.submit(clinic.erase)
        waits(clinic.admin)
        source = owner.execute(
            "select pg_get_functiondef('public.write_history'::regproc)"
        ).fetchone()
        assert source is not None
        owner.execute(source[0].replace("begin", "begin perform 1;", 1).encode())
        owner.commit()
        outcome = run.result()
    assert outcome.verdict is Verdict.FAIL
    assert [f.what for f in outcome.failures if "was exchanged" in f.what]
    assert clinic.everything() == before
