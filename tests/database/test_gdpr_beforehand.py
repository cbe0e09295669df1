"""The look before anything is touched, and an erasure that goes to the rows known by then and searches for nothing."""

import base64
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from gdpr import erase
from lifecycle.ledger.effect import Change, effect
from lifecycle.outcome import Verdict
from tests.database.office import Office, opened

ADDRESS = "anna@x.example"
SCHEMA = """
    insert into people select n, 'other' || n || '@mail.example.net' from generate_series(10, 6000) n;
    create table letters (id bigint primary key, person_id bigint references people, cc bigint references people,
                          words text, mailed_to text references people (email));
    create index on letters (person_id);
    create index on letters (cc);
    create index on letters (mailed_to);
    insert into letters select n, 10 + n % 5900, null, 'some words ' || md5(n::text) from generate_series(1, 20000) n;
    insert into letters values (30001, 1, null, 'mine'), (30002, 2, 1, 'copied');
    insert into letters values (30003, 2, null, 'sent', 'anna@x.example');
    create table board (id bigint primary key, words text);
    insert into board select n, 'words ' || md5(n::text) from generate_series(1, 20000) n;
    create table log (id bigint generated always as identity primary key, about bigint, by bigint, tbl text not null,
                      rec text not null, before jsonb, after jsonb);
    create index on log (about);
    create index on log (by);
    create index on log (tbl, rec);
    create function write_log() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
    declare was jsonb := to_jsonb(old);
    begin
        insert into public.log (about, tbl, rec, before, after)
        values (coalesce(was ->> 'person_id', case tg_argv[0] when 'people' then was ->> 'id' end)::bigint,
                tg_argv[0], was ->> 'id', was, case when tg_op = 'UPDATE' then to_jsonb(new) end);
        return null;
    end $$;
    insert into log (about, tbl, rec, after)
    select 10 + n % 5900, 'letters', n::text, jsonb_build_object('words', md5(n::text)) from generate_series(1, 20000) n;
    insert into log (about, tbl, rec, before, after)
    values (2, 'people', '2', '{"email": "Anna@X.example", "role": "staff"}', '{"email": "berta@x.example"}');
    analyze;
"""
TABLES: dict[str, Any] = {
    "letters": {
        "owner": {"person": "person_id"},
        "mentions": {"cc": "set null", "mailed_to": "set null"},
    },
    "board": {"personal": "none", "because": "notices about nobody"},
    "log": {"owner": {"person": "about"}},
}
AUDIT: dict[str, Any] = {
    "table": "log",
    "subject": "about",
    "actor": "by",
    "record": "rec",
    "named": "tbl",
    "values": ["before", "after"],
    "keep": {},
}
TRIGGERS = """
    create trigger log after update or delete on people for each row execute function write_log('people');
    create trigger log after update or delete on letters for each row execute function write_log('letters');
"""
SEARCHED = Verdict.UNVERIFIED
QUOTING = f"select count(*) from log as l where l::text ilike '%{ADDRESS}%'"


@pytest.fixture
def logged(database: str, tmp_path: Path) -> Office:
    made = opened(database, tmp_path, SCHEMA, TABLES, audit=AUDIT)
    made.ask(TRIGGERS)
    made.say(made.policy.model_dump(mode="json", exclude_none=True), does="audits")
    made.asks(1)
    return made


def scans(conn: Connection[Any]) -> dict[str, int]:
    """Return how often this session has read each table from its beginning to its end."""
    rows = conn.execute(
        "select c.relname, pg_stat_get_xact_numscans(c.oid) from pg_class c where c.relkind = 'r'"
        " and c.relnamespace = 'public'::regnamespace"
    ).fetchall()
    return dict(rows)


def watch(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Return the tables that each transaction of an erasure will have read from beginning to end."""
    read: list[set[str]] = []

    @contextmanager
    def watched(conn: Connection[Any], *told: Any, **how: Any) -> Generator[Change]:
        with effect(conn, *told, **how) as change:
            before = scans(conn)
            yield change
            after = scans(conn)
            read.append({table for table, number in after.items() if number > before[table]})

    monkeypatch.setattr(erase, "effect", watched)
    return read


def test_while_rows_are_locked_nothing_is_searched_and_no_table_is_read_that_an_index_serves(
    logged: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = watch(monkeypatch)
    outcome = logged.erase()
    assert outcome.verdict is SEARCHED, outcome.failures
    assert len(read) == 2  # the rehearsal, and the transaction that is kept
    assert not (read[0] | read[1]) - {"requests"}  # which has one row
    assert logged.ask("select count(*) from letters where person_id = 1 or cc = 1") == [0]


def test_rows_of_the_log_that_quote_somebody_are_found_beforehand_and_lose_that_alone(
    logged: Office,
) -> None:
    assert logged.ask(QUOTING) == [1]
    assert logged.erase().verdict is SEARCHED
    assert logged.ask(QUOTING) == [0]
    kept = logged.ask("select before, after from log where about = 2 and tbl = 'people'")
    assert kept == [({"role": "staff"}, {"email": "berta@x.example"})]


@pytest.mark.parametrize("where", ["at the end", "in room between", "where rows have no keys"])
def test_what_the_erasure_itself_writes_into_the_log_is_the_persons_and_loses_them(
    logged: Office, where: str
) -> None:
    if where == "in room between":
        logged.ask("delete from log where id between 500 and 15000")
        logged.ask("vacuum log")
    if where == "where rows have no keys":
        logged.ask("alter table log drop constraint log_pkey")
    assert logged.erase().verdict is SEARCHED
    assert logged.ask(QUOTING) == [0]
    written = logged.ask("select before from log where rec = '30003'")
    assert written == [{"id": 30003, "cc": None, "words": "sent", "person_id": 2}]
    assert logged.ask("select count(*) from log where about = 1 or by = 1") == [0]


def test_who_is_quoted_in_any_spelling_is_refused_by_the_plan_and_stays_pending(
    logged: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = watch(monkeypatch)
    spelled = base64.b64encode(f"x {ADDRESS},".encode()).decode()
    logged.ask(f"update board set words = 'see {spelled}' where id = 700")
    [refused] = logged.plan().decision.refusals
    assert "would still stand in board (1 row)" in refused.what
    assert [f.what for f in logged.erase().failures] == [refused.what]
    assert logged.states() == {1: "pending"}
    assert read == []
    logged.ask("update board set words = 'nothing' where id = 700")
    assert logged.erase().verdict is SEARCHED


def test_what_is_written_between_the_look_and_the_commit_the_proof_finds(logged: Office) -> None:
    logged.ask(
        f"""create function late() returns trigger language plpgsql security definer as $$ begin
                if new.event = 'gdpr.sealed' then
                    insert into public.board values (99999, 'call {ADDRESS}') on conflict do nothing; end if;
                return new; end $$;
            create trigger late before insert on lifecycle.evidence for each row execute function late()"""
    )
    outcome = logged.erase()
    assert outcome.verdict is Verdict.FAIL
    [found] = outcome.failures
    assert found.target.endswith(": board")
    assert "stands in 1 row" in found.what
    assert logged.states() == {1: "processing"}
    logged.ask("update board set words = 'nobody' where id = 99999")
    assert logged.erase().verdict is SEARCHED
    assert logged.states() == {1: "completed"}


def test_a_predicate_without_an_index_is_named_with_what_it_costs(logged: Office) -> None:
    logged.ask("drop index letters_cc_idx; analyze")
    [said] = logged.plan().decision.notes
    assert "letters: no index begins with cc, so that about 20,003 rows are read" in said


def test_many_rows_of_one_person_are_looked_at_again_some_at_a_time(
    logged: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gdpr.search.numbered.TOGETHER", 7)
    logged.ask(
        "insert into letters select n, 1, null, 'anna@x.example' from generate_series(40001, 40100) n"
    )
    logged.ask(
        "insert into letters select n, 2, null, 'anna@x.example' from generate_series(50001, 50020) n"
    )
    [refused] = logged.plan().decision.refusals
    assert "would still stand in letters (20 rows)" in refused.what
    logged.ask("delete from letters where id > 50000")
    assert logged.erase().verdict is SEARCHED
