"""The one search through everything: each spelling in each kind of column and place, and quiet beside it."""

import base64
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from urllib.parse import quote

import psycopg
import pytest
from psycopg import IsolationLevel, sql

from gdpr.search import database, relations, stream
from gdpr.search.database import Searched
from gdpr.search.needles import Needles
from lifecycle.coverage import Coverage, Looks
from lifecycle.postgres import catalog, session
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database
from tests.roles import roles

ANNA, ZOE, UUID = "anna@example.org", "Zoë Ågren", "0f1e2d3c-4b5a-4687-9788-a9b0c1d2e3f4"
PHONE = "+49 170 1234567"
PERSON = (UUID, ANNA, ZOE, PHONE)
OTTO = ("otto@example.org",)

IN_BYTES: Mapping[str, str] = {
    "as it is": f"to {ANNA}.",
    "upper": f"TO {ANNA.upper()}.",
    "in JSON": json.dumps({"to": [f"a\n{ANNA}", ZOE]}),
    "letters beyond ASCII": ZOE,
    "decomposed": unicodedata.normalize("NFD", f"an {ZOE}"),
    "a key": f"users/{UUID}.pdf",
}
IN_TEXT: Mapping[str, str] = IN_BYTES | {
    "mixed": "To Anna@Example.ORG",
    "upper beyond ASCII": ZOE.upper(),
    "JSON in ASCII": json.dumps({"to": ZOE}),
    "JSON's own signs": r'{"to": "anna\u0040example.org"}',
    "JSON in JSON": json.dumps({"body": r'{"to": "anna\u0040example.org"}'}),
    "for a URL": f"https://x.org/?to={quote(ANNA)}&x=%20",
    "for a URL, beyond ASCII": quote(ZOE),
    "for HTML": "<p>Zo&euml; &Aring;gren</p>",
    "for HTML by number": "anna&#64;example.org",
    "hex": ANNA.encode().hex(),
    "base64": base64.b64encode(f"x {ANNA},".encode()).decode(),
    "base64, elsewhere": base64.b64encode(f"xy {ANNA},".encode()).decode(),
    "base64, elsewhere again": base64.b64encode(f"xyz {ANNA}".encode()).decode(),
    "without dashes": UUID.replace("-", ""),
    "dialled": "00491701234567",
    "at home": "0170 1234567",
    "after a line": f"a line\n{ANNA}\nanother",
    "after a tab": f"a\t{ANNA}\tb",
}  # fmt: skip
# Within a composite in a list a backslash is doubled three times, and what JSON had escaped twice is out of reach.
NOT_TOO_DEEP = {how: text for how, text in IN_TEXT.items() if how != "JSON in JSON"}
OTHERS = [
    "joanna@example.org",
    "jo.anna@example.org.au",
    "anna@example.organic",
    quote("joanna@example.org"),
    json.dumps("Zoë Ågrens"),
    base64.b64encode(b"joanna@example.org").decode(),
    f"{UUID}b",
    "0170 12345678",
]
KINDS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "texts": ("text", "{}", IN_TEXT),
    "varchars": ("varchar(2000)", "{}", IN_TEXT),
    "documents": ("jsonb", "to_jsonb({}::text)", IN_TEXT),
    "as_written": ("json", "to_jsonb({}::text)::json", IN_TEXT),
    "lists": ("text[]", "array['x', {}::text, 'y']", IN_TEXT),
    "pairs": ("pair", "row(1, {}::text)::pair", IN_TEXT),
    "pairs_of_pairs": ("pair[]", "array[row(1, {}::text)::pair]", NOT_TOO_DEEP),
    "domains": ("address", "{}", IN_TEXT),
    "spans": ("textrange", "textrange({}, null)", IN_TEXT),
    "documents_listed": ("json[]", "array[to_jsonb({}::text)::json]", NOT_TOO_DEEP),
    "elements": ("xml", "xmlelement(name a, {}::text)", IN_TEXT),
    "bytes": ("bytea", "convert_to({}::text, 'UTF8')", IN_BYTES),
    "bytes_listed": ("bytea[]", "array[convert_to({}::text, 'UTF8')]", IN_BYTES),
    "long_rows": ("text", "repeat('lorem ipsum ', 200000) || {}::text || repeat(' dolor', 100000)", {"as it is": f" {ANNA} "}),
}  # fmt: skip
NO_ELEMENTS = ("text", "concat('<a>', {}::text, '</a>')", IN_TEXT)
KINDS_MADE = """
    create type pair as (number int, words text);
    create domain address as text check (value <> '');
    create type textrange as range (subtype = text);
    create type "one anna@example.org" as enum ('a', 'for anna@example.org');
    create schema elsewhere;
    create function "anna@example.org"() returns int language sql as 'select 1';
    create domain maker as regproc;
"""
PLACES: Mapping[str, str] = {
    "elsewhere.table": "create table elsewhere.table as select '{}' as words",
    "view": "create materialized view view as select '{}' as words",
    "events": "create table events (day date, words text) partition by range (day);"
    "create table elsewhere.events_1 partition of events for values from ('2026-01-01') to ('2026-02-01');"
    "create table events_2 partition of events default;"
    "insert into events values ('2026-01-05', '{}'), ('2026-03-05', 'x {} y')",
    "heir": "create table parent (words text); create table heir () inherits (parent); insert into heir values ('{}')",
    "unlogged": "create unlogged table unlogged as select '{}' as words",
    'We"ird \\ name': """create table "We""ird \\ name" ("select" text); insert into "We""ird \\ name" values ('{}')""",
    "labels": """create table labels (kind "one anna@example.org"); insert into labels values ('for {}')""",
    "makers": """create table makers (which maker); insert into makers values ('public."anna@example.org"')""",
    "many_makers": """create table many_makers (which regproc[]);"""
    """insert into many_makers values (array['public."anna@example.org"'::regproc])""",
    "uuids": f"create table uuids (id uuid); insert into uuids values ('{UUID}')",
    "raw_uuids": f"create table raw_uuids (id bytea); insert into raw_uuids values ('\\x00{UUID.replace('-', '')}ff')",
    "t": "create table t (t text, number int); insert into t values ('{}', 1)",
}


def planted(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(KINDS_MADE.encode())
        # The package of PostgreSQL 18 is built without XML: there these elements are text.
        built = conn.execute("select setting ~ 'libxml' from pg_config where name = 'CONFIGURE'")
        xml = built.fetchone() == (True,)
        kinds = KINDS if xml else {**KINDS, "elements": NO_ELEMENTS}
        for name, (kind, made, spelled) in kinds.items():
            conn.execute(f"create table {name} (number int, found {kind}, quiet {kind})".encode())
            put = f"insert into {name} values (1, {made.format('%(v)s')}, {made.format('%(q)s')})"
            for text in spelled.values():
                conn.execute(put.encode(), {"v": text, "q": "nobody"})
            for other in OTHERS:
                conn.execute(put.encode(), {"v": "nobody", "q": other})
        for statement in PLACES.values():
            conn.execute(statement.replace("{}", ANNA).encode())
        conn.execute("create table numbers as select 1701234567 as one, now() as at, true as sure")
        conn.execute(
            "select lo_from_bytea(0, repeat('-', 1048569)::bytea || ' anna@example.org '::bytea)"
        )
        conn.execute(
            "select lo_from_bytea(0, repeat('-', 1048570)::bytea || ' joanna@example.org '::bytea)"
        )
        conn.execute("analyze")


@pytest.fixture(scope="module")
def dsn(cluster: Cluster) -> Iterator[str]:
    for conninfo in a_database(cluster, "template0"):
        planted(conninfo)
        yield conninfo


def search(dsn: str, people: Sequence[Sequence[str]]) -> tuple[Searched, Coverage]:
    """Look through a database as the proof does."""
    looks = Looks()
    with closing(psycopg.connect(dsn, autocommit=True)) as conn:
        session.settle(conn)
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        with conn.transaction(force_rollback=True):
            there = relations.there(conn, catalog.read(conn))
            found = database.search(conn, there, Needles(people), looks)
    return found, looks.cover(())


def rows(searched: Searched, whose: int) -> dict[str, int]:
    """Return table -> rows, those of leaves together."""
    found: dict[str, int] = {}
    for relation, number in searched.of(whose):
        found[relation.table] = found.get(relation.table, 0) + number
    return found


def test_each_spelling_is_found_in_each_kind_of_column_and_place(dsn: str) -> None:
    searched, coverage = search(dsn, [OTTO, PERSON])
    expected = {name: len(spelled) for name, (_, _, spelled) in KINDS.items()}
    expected |= dict.fromkeys(PLACES, 1) | {"events": 2}
    assert rows(searched, 1) == expected
    assert searched.large == (1,)
    assert {"texts", "lists"} <= {table for whose, table in searched.samples if whose == 1}
    assert coverage.not_looked_at == {}


def test_it_is_quiet_where_nobody_is_found(dsn: str) -> None:
    searched, _ = search(
        dsn, [OTTO, ("nobody@example.org", "9f1e2d3c-4b5a-4687-9788-a9b0c1d2e3f4")]
    )
    assert (searched.rows, searched.samples, searched.large) == ({}, (), ())
    assert searched.counts()["rows"] > 300
    assert {one.relation for one in searched.read} >= {*KINDS, "numbers", "elsewhere.events_1"}


def test_one_person_and_hundreds_are_one_pass(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    whole = stream.blocks

    def counted(conn: psycopg.Connection, query: sql.Composed, *values: object) -> Iterator[bytes]:
        asked.append(query.as_string(conn))
        return whole(conn, query, *values)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(stream, "blocks", counted)
    one, _ = search(dsn, [PERSON])
    for_one = asked.copy()
    asked.clear()
    crowd = [(f"person-{n}@example.net", f"person number {n}") for n in range(250)]
    crowded, _ = search(dsn, [*crowd, PERSON])
    assert asked == for_one
    assert len(set(asked)) == len(asked)
    assert rows(crowded, 250) == rows(one, 0)
    assert not [whose for whose, _ in crowded.rows if whose != 250]


def test_where_a_block_ends_changes_nothing(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = search(dsn, [PERSON])
    monkeypatch.setattr(stream, "BLOCK", 97)
    assert rows(search(dsn, [PERSON])[0], 0) == rows(whole, 0)


def test_what_may_not_be_read_is_named_with_its_grant_and_hides_nothing_else(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(roles("looker login").encode() + b"grant select on texts to looker")
    searched, coverage = search(f"{dsn} user=looker", [PERSON])
    assert rows(searched, 0) == {"texts": len(IN_TEXT)}
    unseen = {str(place): reason for place, reason in coverage.not_looked_at.items()}
    assert unseen["relation lists"].hint == "grant select on public.lists to lifecycle;"
    assert "2 of 2 large objects cannot be read" in unseen["large objects"].why


def test_a_value_that_cannot_be_printed_is_a_place_by_name(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of more than a gigabyte, damage on disk: the server refuses, the next night as well."""
    whole = stream.blocks

    def broken(conn: psycopg.Connection, query: sql.Composed, *values: object) -> Iterator[bytes]:
        if '"lists"' in query.as_string(conn):
            conn.execute("do $$ begin raise exception using errcode = '54000'; end $$")
        return whole(conn, query, *values)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(stream, "blocks", broken)
    searched, coverage = search(dsn, [PERSON])
    assert list(map(str, coverage.not_looked_at)) == ["relation lists"]
    assert "lists" not in rows(searched, 0)
    assert rows(searched, 0)["texts"] == len(IN_TEXT)


@pytest.mark.parametrize("state", ["55P03", "57014", "40001", "53300"])
def test_what_may_go_better_the_next_time_is_no_proof(
    dsn: str, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    def broken(conn: psycopg.Connection, *_: object) -> Iterator[bytes]:
        conn.execute(f"do $$ begin raise exception using errcode = '{state}'; end $$".encode())
        return iter(())

    monkeypatch.setattr(stream, "blocks", broken)
    with pytest.raises(psycopg.Error):
        search(dsn, [PERSON])


def test_extended_statistics_that_only_their_owner_sees_are_named(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table seen (a text, b text)")
        conn.execute(
            "insert into seen select 'of anna@example.org', 'x' from generate_series(1, 9)"
        )
        conn.execute("create statistics common (mcv) on a, b from seen")
        conn.execute("create statistics counted (ndistinct, dependencies) on a, b from seen")
        conn.execute("analyze seen")
        try:
            searched, coverage = search(dsn, [PERSON])
            assert (0, "seen") in searched.samples
            assert coverage.not_looked_at == {}
            conn.execute(roles("looker login").encode() + b"grant select on seen to looker")
            _, coverage = search(f"{dsn} user=looker", [PERSON])
            [why] = [
                r.why for p, r in coverage.not_looked_at.items() if str(p) == "statistics extended"
            ]
            assert why.startswith("1 object of extended statistics")
        finally:
            conn.execute("drop table seen")
