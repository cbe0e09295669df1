"""What an error says is the choice of whoever's code raised it: of that, no word that could be a value is repeated."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle import log, unexpected
from lifecycle.outcome import Outcome, Verdict
from lifecycle.postgres import connect
from tests.house import LOG, PLAIN, House

VALUE = "anna f32.1"
FIELDS = ("message", "detail", "hint", "column", "constraint", "datatype", "table", "schema")
STATES = ("P0001", "23505", "23503", "23514", "22007", "42501", "42P01", "55P03", "40001", "57014", "08006", "53100", "25006")  # fmt: skip
LEDGER = """
    select table_name from information_schema.tables
     where table_schema = 'lifecycle' and table_type = 'BASE TABLE'
"""


@pytest.fixture
def house(ledger: str) -> House:
    return House(ledger)


@pytest.fixture
def conn(database: str) -> Generator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


def raised(conn: Connection[TupleRow], text: str) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as error:
        conn.execute(text.encode())
    return error.value


def told(error: psycopg.Error) -> str:
    """All that is ever said of it: in a refusal, in the log."""
    said = [
        connect.explain(error, {"patients", "public.patients"}),
        unexpected.explain(error),
    ]
    event: Any = log.exceptions(None, "error", {"exc_info": error})
    return repr([(one.what, one.hint) for one in said] + [event["exception"]])


@pytest.mark.parametrize("state", STATES)
def test_no_field_of_an_error_is_repeated(conn: Connection[TupleRow], state: str) -> None:
    for field in FIELDS:
        using = sql.SQL("do $$ begin raise exception using errcode = {}, {} = {}; end $$").format(
            sql.Literal(state), sql.SQL(field), sql.Literal(VALUE)
        )
        assert VALUE not in told(raised(conn, using.as_string(conn))), field


@pytest.mark.parametrize("state", ["F3210", "57F32", "ANNA1", "42F32"])
def test_five_letters_that_are_no_sqlstate_are_not_repeated(
    conn: Connection[TupleRow], state: str
) -> None:
    said = told(raised(conn, f"do $$ begin raise exception using errcode = '{state}'; end $$"))
    assert state not in said
    assert "(a SQLSTATE that is none of PostgreSQL's)" in said


def test_a_table_is_named_where_it_was_known_before(conn: Connection[TupleRow]) -> None:
    conn.execute("create table patients (id int primary key); insert into patients values (1)")
    error = raised(conn, "insert into patients values (1)")
    said = "PostgreSQL refused a statement on patients (SQLSTATE 23505)"
    assert connect.explain(error, {"patients"}).what == said
    assert connect.explain(error).what == "PostgreSQL refused a statement (SQLSTATE 23505)"


RAISES = {
    "a table": "raise exception 'x' using errcode = '23514', table = v, schema = 'public'",
    "a constraint": "raise exception 'x' using errcode = '23514', constraint = v",
    "a SQLSTATE": "raise exception 'x' using errcode = 'F3210'",
    "a new table": "perform made(v)",
    "a new name": "perform renamed(v)",
    "a schema": "perform housed(v)",
}
DOES = f"""
    create table patients (words text);
    insert into patients values ('{VALUE}');
    create function made(v text) returns void language plpgsql security definer set search_path = public as $$ begin
        begin execute format('create table %I (x int)', v); execute format('insert into %I values (1)', v);
        exception when division_by_zero then null; end; end $$;
    create table other (x int);
    create function renamed(v text) returns void language plpgsql security definer set search_path = public as $$ begin
        insert into other values (1); execute format('alter table other rename to %I', v); end $$;
    create function housed(v text) returns void language plpgsql security definer set search_path = public as $$ begin
        execute format('create schema %I create table more (x int)', v); end $$;
"""


def searched(house: House) -> list[str]:
    """The tables of the ledger that have a value of the patients in a row."""
    found = f"x::text like '%{VALUE}%' or x::text like '%F3210%'"
    return [
        table
        for (table,) in house.ask(LEDGER)
        if house.number(f'select count(*) from lifecycle."{table}" x where {found}')
    ]


@pytest.mark.parametrize("how", RAISES)
def test_a_trigger_that_reads_with_our_rights_gets_no_value_into_the_ledger(
    house: House, how: str
) -> None:
    house.say(PLAIN + "insert into log values (1, '2020-01-01')" + "; " + DOES)
    house.say(f"""
        create function spills() returns trigger language plpgsql set search_path = public as $$ declare v text; begin
            select words into v from patients; {RAISES[how]}; return old; end $$;
        create trigger spills before delete on log for each row execute function spills()
    """)
    house.promise(LOG)
    outcome: Outcome = house.run()
    assert outcome.verdict is Verdict.FAIL
    assert VALUE not in repr(outcome)
    assert "F3210" not in repr(outcome)
    assert searched(house) == []
    assert house.number("select count(*) from log") == 1
