"""Random schemas and rows: each way of the language leads to exactly those people whom a naive full scan finds.

The oracle below knows nothing of SQL or of the product's code: it holds the rows in Python and compares them one by one.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr.reach import Reach, reach
from gdpr.rows import owned
from lifecycle.policy import explain, reality, virtual, whole
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database

FORMS = ("owner", "key", "column", "pair", "typed", "path", "email", "phone")
Row = dict[str, Any]
People = tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """A table: how its rows lead on, to which tables before it, and its rows."""

    name: str
    form: str
    targets: tuple[str, ...]
    rows: tuple[Row, ...]


EMAILS = ("a@x.example", " A@X.example", "b@x.example", "ab@x.example", "", None)
PHONES = ("+49 170 1234567", "0170/123 45 67", "030 555 66 77", "5556677", "n/a", None)
SMALL = st.sampled_from((None, 0, 1, 2))
_ID: st.SearchStrategy[Any] = st.sampled_from((None, 0, 1, 2, "1", "x"))
ITEM: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries({"id": _ID}), st.just(json.loads("{}"))
)
WHO: st.SearchStrategy[Any] = st.one_of(st.none(), st.lists(ITEM, max_size=3), ITEM)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Made, ...]:
    """Return the people's table and a table of each form behind it."""
    people = draw(
        st.lists(
            st.tuples(st.sampled_from(EMAILS), st.sampled_from(PHONES)), min_size=2, max_size=4
        )
    )
    rows = tuple(
        {"id": n, "email": e, "phone": p, "x": n % 2, "y": n % 3} for n, (e, p) in enumerate(people)
    )
    made = [Made("people", "people", (), rows)]
    for number, form in enumerate(draw(st.permutations(FORMS))):
        targets = tuple(
            draw(
                st.lists(
                    st.sampled_from([m.name for m in made]), min_size=1, max_size=2, unique=True
                )
            )
        )
        if form in ("owner", "email", "phone"):
            targets = ("people",)
        elif form != "typed":
            targets = targets[:1]
        ids = {m.name: [r["id"] for r in m.rows] for m in made}
        found = draw(st.lists(st.builds(_row, SMALL, SMALL, st.sampled_from(("", *targets)), WHO,
                                        st.sampled_from(EMAILS), st.sampled_from(PHONES)), max_size=4))  # fmt: skip
        filled = tuple({**row, "id": n, "x": n % 2, "y": n % 3, "of": _there(row["of"], ids[targets[0]], form)}
                       for n, row in enumerate(found))  # fmt: skip
        made.append(Made(f"t{number}", form, targets, filled))
    return tuple(made)


def _row(of: int | None, second: int | None, kind: str, who: Any, email: Any, phone: Any) -> Row:
    return {"of": of, "second": second, "kind": kind, "who": who, "email": email, "phone": phone}


def _there(of: int | None, ids: list[int], form: str) -> int | None:
    """A foreign key leads to a row that is there, or nowhere; anything else may lead to nothing."""
    return of if form not in ("owner", "key") or of in ids else None


def ways(world: tuple[Made, ...], table: Made, row: Row) -> dict[str, set[int]]:
    """Return way -> the people at its end, found by comparing everything with everything."""
    tables = {made.name: made for made in world}
    if table.form == "people":
        return {"id names the person": {row["id"]}}
    if table.form == "owner":
        there = {p["id"] for p in tables["people"].rows if p["id"] == row["of"]}
        return {"of names the person": there}
    found: dict[str, set[int]] = {}
    for target in table.targets:
        behind = tables[target]
        reached = [other for other in behind.rows if leads(table, target, row, other)]
        for way in ways(world, behind, _ANY):
            step = f"{table.name}.{'of' if table.form == 'key' else 'way'} -> {target}"
            ends = [ways(world, behind, other)[way] for other in reached]
            found[f"{step}, {way}"] = set().union(*ends)
    return found


_ANY: Row = {
    "id": -1,
    "of": None,
    "second": None,
    "kind": "",
    "who": None,
    "email": None,
    "phone": None,
    "x": -1,
    "y": -1,
}


def leads(table: Made, target: str, row: Row, other: Row) -> bool:
    match table.form:
        case "key" | "column":
            return row["of"] is not None and row["of"] == other["id"]
        case "pair":
            return None not in (row["of"], row["second"]) and (row["of"], row["second"]) == (
                other["x"],
                other["y"],
            )
        case "typed":
            return row["kind"] == target and row["of"] is not None and row["of"] == other["id"]
        case "path":
            who: Any = row["who"]
            items = cast("list[Any]", who if isinstance(who, list) else [who] if who else [])
            return any(
                item.get("id") is not None and str(item["id"]) == str(other["id"]) for item in items
            )
        case "email":
            return _alike(row["email"], other["email"], lambda text: text.strip(" ").lower())
        case _:
            return _alike(
                row["phone"], other["phone"], lambda text: re.sub("[^0-9]", "", text)[-9:]
            )


def _alike(one: str | None, two: str | None, form: Callable[[str], str]) -> bool:
    return bool(one and two and form(one) and form(one) == form(two))


def policy_of(world: tuple[Made, ...], schema: str, database: str) -> whole.Policy:
    def named(name: str) -> str:
        return f"{schema}.{name}"

    tables: dict[str, Any] = {named("people"): {"owner": {"person": "id"}}}
    for made in world[1:]:
        to = [named(t) for t in made.targets]
        said: dict[str, Any] = {
            "owner": {}, "key": {},
            "column": {"columns": ["of"], "to": f"{to[0]}(id)"},
            "pair": {"columns": ["of", "second"], "to": f"{to[0]}(x, y)"},
            "typed": {"columns": ["of"], "type": "kind", "of": {t: f"{named(t)}(id)" for t in made.targets}},
            "path": {"columns": ["who"], "path": "$.who[*].id", "to": f"{to[0]}(id)"},
            "email": {"columns": ["email"], "form": "email", "to": f"{to[0]}(email)"},
            "phone": {"columns": ["phone"], "form": "phone", "to": f"{to[0]}(phone)"},
        }[made.form]  # fmt: skip
        owner: Any = (
            "of" if made.form == "owner" else {"through": ["of" if made.form == "key" else "way"]}
        )
        tables[named(made.name)] = {"owner": {"person": owner}} | (
            {"references": {"way": said}} if said else {}
        )
    document = {
        "system": "s", "database": database, "tables": tables,
        "subjects": {"person": {"table": named("people"), "key": "id"}},
    }  # fmt: skip
    return whole.model().model_validate_json(json.dumps(document))


def lay(conn: Connection[TupleRow], world: tuple[Made, ...], schema: str) -> None:
    def say(text: str) -> None:
        conn.execute(text.encode())

    say(f"create schema {schema}; set search_path = {schema}")
    for made in world:
        key = f" references {made.targets[0]}" if made.form in ("owner", "key") else ""
        say(
            f"create table {made.name} (id int primary key, x int, y int, of int{key}, second int, kind text, who jsonb,"
            " email text, phone text, unique (x, y))"
        )
        for row in made.rows:
            who = json.dumps({"who": row.get("who")})
            values = (
                row["id"],
                row["x"],
                row["y"],
                row.get("of"),
                row.get("second"),
                row.get("kind"),
                who,
                row["email"],
                row["phone"],
            )
            conn.execute(
                f"insert into {made.name} values (%s, %s, %s, %s, %s, %s, %s, %s, %s)".encode(),
                values,
            )


@pytest.fixture(scope="module")
def conn(cluster: Cluster) -> Iterator[Connection[TupleRow]]:
    for conninfo in a_database(cluster, "template0"):
        with psycopg.connect(conninfo, autocommit=True) as opened:
            yield opened


_FRESH = iter(range(1_000_000))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(worlds())
def test_each_way_leads_to_whom_a_full_scan_finds(
    conn: Connection[TupleRow], world: tuple[Made, ...]
) -> None:
    schema = f"s{next(_FRESH)}"
    lay(conn, world, schema)
    conn.execute("set search_path = pg_catalog")
    try:
        policy = policy_of(world, schema, conn.info.dbname)
        picture = catalog.read(conn)
        assert reality.compare(policy, picture).mistakes == ()
        joined = virtual.joined(policy, picture)
        for made in world:
            for row in made.rows:
                asked = explain.people(
                    conn, policy, joined, f"{schema}.{made.name}", [str(row["id"])]
                )
                found = {str(way).replace(f"{schema}.", ""): count for way, count in asked}
                assert found == {way: len(people) for way, people in ways(world, made, row).items()}
        erased_are_whose_a_full_scan_finds(conn, world, schema, reach(policy, picture, "person"))
    finally:
        conn.execute(f"drop schema {schema} cascade".encode())


def erased_are_whose_a_full_scan_finds(
    conn: Connection[TupleRow], world: tuple[Made, ...], schema: str, reached: Reach
) -> None:
    """What an erasure of each person takes is every row at whose end the scan finds them, and no other."""
    for person in (row["id"] for row in world[0].rows):
        for made in world:
            name = f"{schema}.{made.name}"
            query = f"select t.id from {name} as t where {owned(reached, name).as_string(conn)}"
            rows = conn.execute(query.encode(), {"subject": person, "subject_text": str(person)})
            expected = {
                row["id"]
                for row in made.rows
                if any(person in people for people in ways(world, made, row).values())
            }
            assert {row_id for (row_id,) in rows} == expected, made.form
