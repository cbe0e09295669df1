"""What is decided of one table holds for its parts and for all other ledgers: it is asked once, and written down for all."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from ruamel.yaml import YAML

from lifecycle import cli, cli_options
from lifecycle.policy import load, reality
from lifecycle.policy.model import Kept
from lifecycle.postgres import catalog, connect
from tests.database import drafts

SHOP = """
    create table clients (id int primary key, email text not null);
    create table orders (id int primary key, client_id int references clients, total int not null, placed_on date);
    create table order_lines (order_id int not null references orders on delete cascade, line int, amount int,
                              primary key (order_id, line));
    create table invoices (id int primary key, order_id int references orders, client_id int references clients,
                           net int not null, issued_on date);
    create table payments (id int primary key, invoice_id int not null references invoices, amount int not null);
    create table parcels (id int primary key, order_id int not null references orders, weight int);
    create table statement_lines (id int primary key, amount int, payment_id int references payments);
    create table shipments (id int primary key, order_id int not null references orders, carrier text);
    create table offers (id int primary key, client_id int not null references clients, amount int);
    create table payment_methods (id int primary key, client_id int not null references clients, iban text);
    create table waiting (id int primary key, invited_by int not null references clients, words text);
    create table waiting_notes (id int primary key, waiting_id int not null references waiting on delete cascade, words text);
    insert into clients select n, format('c%s@example.org', n) from generate_series(1, 100) n;
    insert into orders select n, 1 + n % 90, 10, date '2024-01-01' from generate_series(1, 300) n;
    insert into order_lines select n, 1, 10 from generate_series(1, 300) n;
    insert into invoices select n, n, 1 + n % 90, 10, date '2024-01-01' from generate_series(1, 300) n;
    insert into payments select n, n, 10 from generate_series(1, 300) n;
    insert into statement_lines select n, 10, case when n % 2 = 0 then n end from generate_series(1, 300) n;
    insert into shipments select n, n, 'by foot' from generate_series(1, 300) n;
    insert into parcels select n, n, 1 from generate_series(1, 300) n;
    insert into offers select n, 1 + n % 90, 1 from generate_series(1, 300) n;
    insert into payment_methods select n, n, 'DE02' from generate_series(1, 90) n;
    insert into waiting select n, 1 + n % 90, 'soon' from generate_series(1, 300) n;
    insert into waiting_notes select n, n, 'later' from generate_series(1, 300) n;
"""
BOOKS = "is it money, an agreement or proof, which must be kept for some years?"


@pytest.fixture
def file(tmp_path: Path, conn: Connection[TupleRow], monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(drafts.drafted(conn.info.dsn, "clients"))
    return tmp_path / "policy.yaml"


@pytest.fixture
def conn(database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(SHOP.encode())
    with connect.connect(database, "test", write=False) as opened:
        yield opened


def lines(file: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(file.read_text())["tables"]  # pyright: ignore[reportUnknownMemberType]


def answer(file: Path, answers: dict[str, Any]) -> None:
    (file.parent / "answers.yaml").write_text(json.dumps(answers))
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    assert cli.carry_out(["policy", "decide", str(file), "--answers", "answers.yaml"]) == 0


def test_all_ledgers_are_one_question_and_what_is_paid_with_is_none(file: Path):
    asked = {name: line.get("because", "") for name, line in lines(file).items()}
    assert asked == {
        "clients": "",
        "orders": f"DECIDE: {BOOKS} (total)",
        "order_lines": "DECIDE: a part of orders (amount)",
        "invoices": "DECIDE: the same as orders (net)",
        "payments": "DECIDE: a part of invoices (amount)",
        "parcels": "DECIDE: does the row go with the one it points to? (orders, which is asked about too)",
        "shipments": "DECIDE: a part of orders (order_id)",
        "statement_lines": "DECIDE: a part of payments (payment_id)",
        "offers": f"DECIDE: {BOOKS} (amount)",
        "payment_methods": "",
        "waiting": "DECIDE: did these people write the row, or is it about them? (invited_by: 90 people in 300 rows)",
        "waiting_notes": "DECIDE: a part of waiting (waiting_id)",
    }
    head = file.read_text().split("\nsystem:")[0]
    assert f"#   2 x {BOOKS} " in head
    assert "# 6 of the places are decided with another one, which they name" in head


def test_what_is_kept_keeps_its_parts_and_the_other_ledgers_and_the_policy_fits(
    file: Path, conn: Connection[TupleRow]
):
    answer(
        file,
        {"orders": {"keep": "tax law"}, "offers": "goes", "parcels": "goes", "waiting": "goes"},
    )
    policy, _, _ = load.policy_with_lines(file)
    assert policy.tables["orders"].keep == Kept(clear=("client_id",), because="tax law")
    assert policy.tables["invoices"].keep == Kept(clear=("client_id",), because="tax law")
    stays = "a part of orders, which stays: tax law"
    assert policy.tables["order_lines"].because == stays
    assert policy.tables["order_lines"].ignore == {"order_id": stays}
    assert policy.tables["payments"].ignore == {
        "invoice_id": "a part of invoices, which stays: tax law"
    }
    assert policy.tables["statement_lines"].mentions == {}
    parts = ("order_lines", "payments", "shipments", "statement_lines")
    assert [policy.tables[n].personal for n in parts] == ["none"] * 4
    found = reality.compare(policy, catalog.read(conn)).mistakes
    assert [m.path for m in found] == []


def test_what_goes_takes_its_parts_and_what_is_nobodys_leaves_them(file: Path):
    answers = {BOOKS: "goes", "parcels": "goes", "statement_lines": {"nobody": "the bank's"}}
    answer(file, answers | {"waiting": {"nobody": "a list"}})
    policy, _, _ = load.policy_with_lines(file)
    assert all(
        policy.tables[name].owner
        and not policy.tables[name].keep
        and not policy.tables[name].because
        for name in ("orders", "order_lines", "invoices", "payments", "offers")
    )
    notes = policy.tables["waiting_notes"]
    assert (notes.personal, notes.because) == ("none", "a part of waiting: a list")


def test_what_is_nobodys_is_asked_about_where_the_books_that_it_is_a_part_of_go(file: Path):
    answer(file, {BOOKS: "goes", "waiting": "goes"})
    assert lines(file)["statement_lines"]["because"] == "DECIDE: a part of payments (payment_id)"


def test_whoever_decides_in_an_editor_has_the_rest_written(file: Path):
    text = file.read_text()
    file.write_text(re.sub(r', because: "DECIDE: is it money[^"]*\(total\)"', "", text))
    answer(file, {})
    found = lines(file)
    assert "because" not in found["orders"]
    assert "because" not in found["payments"]
    assert found["offers"]["because"].startswith("DECIDE")


def test_a_table_that_would_follow_can_be_answered_by_itself(file: Path):
    answer(file, {BOOKS: {"keep": "tax law"}, "payments": "goes"})
    found = lines(file)
    assert "keep" not in found["payments"]
    assert found["payments"]["owner"] == {"client": {"through": ["invoice_id"]}}
    assert "keep" in found["invoices"]


def test_what_is_decided_with_a_question_is_told_where_it_is_asked(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    cli_options.chosen.system, cli_options.chosen.as_json = None, False
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"later\n" * 3)))
    assert cli.carry_out(["policy", "decide", str(file)]) == 0
    told = capsys.readouterr().out
    assert (
        "  and what is decided with them: invoices, order_lines, payments, shipments, statement_lines\n"
        in told
    )
    assert "10 tables in 3 questions left" in told


def test_an_applications_name_before_its_tables_makes_none_of_them_books(database: str):
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "create table clients (id int primary key, email text not null);"
            " create table payments_voucher (id int primary key, client_id int not null references clients);"
            " create table payments_refund (id int primary key, client_id int not null references clients);"
            " create table payments_setting (id int primary key, words text);"
            " create table receipts (id int primary key);"
            " create table receipts_seen (id int primary key, client_id int not null references clients);"
            " create table receipts_sent (id int primary key, client_id int not null references clients);"
            " insert into clients select n, 'x' from generate_series(1, 90) n;"
            " insert into payments_voucher select n, n from generate_series(1, 90) n;"
            " insert into receipts_seen select n, n from generate_series(1, 90) n"
        )
    text = drafts.drafted(database, "clients")
    found = dict(re.findall(r"^  (\w+): (.*)$", text, re.MULTILINE))
    assert BOOKS not in found["payments_voucher"]
    assert BOOKS in found["payments_refund"]
    assert BOOKS in found["receipts_seen"]


def test_what_stays_is_kept_without_what_names_the_person_also_in_its_parts(
    file: Path, conn: Connection[TupleRow], database: str
) -> None:
    """Who paid and where it was sent stands in words that no key leads to: a kept row said them for ever."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "alter table payments add payer_name text, add payer_iban text;"
            "alter table orders add ship_to_name text, add note_hash text"
        )
    file.write_text(drafts.drafted(conn.info.dsn, "clients"))
    assert lines(file)["payments"]["because"] == (
        "DECIDE: a part of invoices (amount; named by payer_name, payer_iban)"
    )
    answer(file, {"orders": {"keep": "tax"}, "offers": "goes", "parcels": "goes", "waiting": "goes"})  # fmt: skip
    policy, _, _ = load.policy_with_lines(file)
    assert policy.tables["orders"].keep == Kept(clear=("client_id", "ship_to_name"), because="tax")
    assert policy.tables["payments"].keep == Kept(
        clear=("payer_name", "payer_iban"), because="a part of invoices, which stays: tax"
    )
    assert policy.tables["order_lines"].personal == "none"
    assert reality.compare(policy, catalog.read(conn)).mistakes == ()
