"""How a file of SQL is cut into statements: as psql does it, wherever a semicolon stands."""

import pytest

from lifecycle.errors import InputError
from lifecycle.migration.split import split

ONE = [
    "select ';'",
    "select 'it''s; here'",
    r"select E'a\';b'",
    'create table "a;b" (id int)',
    "do $$ begin perform 1; perform 2; end $$",
    "create function f() returns int language plpgsql as $body$ begin return 1; /* $$ ; */ end; $body$",
    "select 1 /* a; /* b; */ c; */ + 1",
    "select 1 -- a; b\n + 1",
    "create rule r as on insert to t do (delete from a; insert into b values (1))",
    "create function f(x int) returns int begin atomic select case when x > 1 then 2 end; select 3; end",
    "create or replace procedure app.p() begin atomic delete from a; delete from b; end",
    "select a$b$c from t",
    "select U&'d\\0061;'",
    "select $1$2",
    "select 'end', \"begin\"",
]


@pytest.mark.parametrize("text", ONE)
def test_a_semicolon_inside_does_not_end_a_statement(text: str):
    assert [one.text for one in split("a.sql", f"{text};\nselect 2")] == [text, "select 2"]


def test_statements_know_their_lines_and_what_is_empty_is_none():
    text = "-- first\n\n;;begin;\n  create table t (\n id int);\n/* last */ commit"
    assert [(one.line, one.text) for one in split("a.sql", text)] == [
        (3, "begin"),
        (4, "create table t (\n id int)"),
        (6, "commit"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select 1;\n\\connect other", "a.sql:2: a command of psql's"),
        ("select 1;\n\ncopy t (a) from stdin;\n1\n\\.\n", "a.sql:3: rows stand in the file"),
        ("\nselect 'a", "a.sql:2: a quote is not closed"),
        ('select "a', "a.sql:1: a quote is not closed"),
        ("do $x$ begin", "a.sql:1: what $x$ opens is not closed"),
        ("select 1 /* /* */", "a.sql:1: a comment is not closed"),
    ],
)
def test_what_cannot_be_sent_is_told_with_its_line(text: str, said: str):
    with pytest.raises(InputError) as refused:
        list(split("a.sql", text))
    assert refused.value.what.startswith(said)
