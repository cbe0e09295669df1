"""Evidence of values, where no name of a column says anything: who is called what, what is money, what is only lent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from ruamel.yaml import YAML

from lifecycle.policy import load, reality
from lifecycle.postgres import catalog
from tests.database import drafts

CLUB = """
    create table mbr (mbr_id int primary key, mbr_nr text not null, mbr_eml text, mbr_tlf text);
    insert into mbr select n, 'M' || 10000 + n, format('c%s@example.org', n), format('+49 30 %s', 1000000 + n)
      from generate_series(1, 200) n;
    create table hall (hall_id int primary key, hall_tx text);
    insert into hall select n, 'hall ' || n from generate_series(1, 6) n;
    create table tlf (tlf_id int primary key, mbr_id int not null references mbr, tlf_val text not null);
    insert into tlf select n, 1 + n % 190, format('+49 170 %s', 1000000 + n) from generate_series(1, 400) n;
    create table eml_hst (eml_id int primary key, mbr_id int not null references mbr, eml_val text, hst_at timestamptz);
    insert into eml_hst select n, 1 + n % 190, format('old%s@example.org', n), now() from generate_series(1, 100) n;
    create table nws (nws_id int primary key, nws_eml text);
    insert into nws select n, format('C%s@Example.org', n) from generate_series(1, 100) n;
    create table gst (gst_id int primary key, by_mbr_id int not null references mbr, gst_nm text, gst_eml text);
    insert into gst select n, 1 + n % 190, 'Otto Gast', format('g%s@example.org', n) from generate_series(1, 300) n;
    create table lck (lck_id int primary key, hall_id int not null references hall, mbr_id int references mbr);
    insert into lck select n, 1 + n % 6, case when n % 2 = 0 then n end from generate_series(1, 150) n;
    create table rnt (rnt_id int primary key, mbr_id int not null references mbr, rnt_val numeric(10,2));
    insert into rnt select n, 1 + n % 190, n from generate_series(1, 400) n;
    create table wgt (wgt_id int primary key, mbr_id int not null references mbr, wgt_val numeric(10,2), unit text);
    insert into wgt select n, 1 + n % 190, n, 'x' from generate_series(1, 400) n;
    create table poll (poll_id int primary key, poll_tx text, set_mbr_id int references mbr);
    insert into poll select n, 'which?', n from generate_series(1, 6) n;
    create table poll_item (item_id int primary key, poll_id int not null references poll, item_tx text);
    insert into poll_item select n, 1 + n % 6, 'this' from generate_series(1, 60) n;
    create table audit_log (log_id int primary key, subject_id int references mbr, changed_by int references mbr,
      table_name text not null, record_id text not null, old_values jsonb, new_values jsonb);
    insert into audit_log select n, 1 + n % 190, 1 + n % 9, case when n % 2 = 0 then 'mbr' else 'tlf' end, n::text,
      jsonb_build_object('mbr_eml', format('was%s@example.org', n)) from generate_series(1, 400) n;
    analyze
"""


@pytest.fixture
def admin(database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as opened:
        opened.execute(CLUB.encode())
        yield opened


def people(draft: str) -> Any:
    parsed: Any = YAML(typ="safe", pure=True).load(draft)  # pyright: ignore[reportUnknownMemberType]
    return parsed["subjects"]["mbr"]


def drafted(admin: Connection[TupleRow]) -> str:
    return drafts.drafted(admin.info.dsn, "mbr", "mbr_id")


def test_values_tell_what_names_a_person_now_and_before(
    admin: Connection[TupleRow], tmp_path: Path
):
    draft = drafted(admin)
    assert people(draft)["identifiers"] == [
        "mbr_eml",
        "mbr_tlf",
        {
            "column": "audit_log.old_values",
            "path": "$.mbr_eml",
            "form": "email",
            "earlier": True,
            "where": {"table_name": "mbr"},
        },
        {"column": "eml_hst.eml_val", "form": "email", "earlier": True},
        {"column": "tlf.tlf_val", "form": "phone"},
    ]
    assert '{nws_eml: {to: "mbr(mbr_eml)", form: email}}' in drafts.lines(draft)["nws"]
    policy = tmp_path / "policy.yaml"
    policy.write_text(draft.replace("DECIDE", "decided"))
    read, _ = load.policy(policy)
    told = reality.compare(read, catalog.read(admin)).mistakes
    assert [one for one in told if one.path[0] == "subjects"] == []


def test_no_address_of_somebody_else_and_no_image_of_nobody_knows_what_is_an_identifier(
    admin: Connection[TupleRow],
):
    """A guest has a name and an address of their own; and images that no word calls rows of theirs may be anybody's."""
    admin.execute(b"update audit_log set table_name = 'hall'")
    draft = drafted(admin)
    columns = [
        one if isinstance(one, str) else one["column"] for one in people(draft)["identifiers"]
    ]
    assert columns == ["mbr_eml", "mbr_tlf", "eml_hst.eml_val", "tlf.tlf_val"]
    assert (
        "DECIDE: two people stand in the row: with whom does it go?" in drafts.lines(draft)["gst"]
    )


def test_what_is_lent_or_money_by_its_type_is_asked_about(admin: Connection[TupleRow]):
    found = drafts.lines(drafted(admin))
    assert "DECIDE: would the row stay without the person?" in found["lck"]
    assert "DECIDE: is it money, an agreement or proof" in found["rnt"]
    assert "DECIDE" not in found["wgt"]
    admin.execute(
        b"update lck set mbr_id = lck_id"
    )  # each is somebody's: a card, and no thing of the hall's
    assert "DECIDE" not in drafts.lines(drafted(admin))["lck"]


def test_a_part_of_what_may_stay_is_decided_with_it(admin: Connection[TupleRow]):
    found = drafts.lines(drafted(admin))
    assert "DECIDE: would the row stay without the person?" in found["poll"]
    assert "DECIDE: a part of poll (poll_id)" in found["poll_item"]


def test_a_draft_passes_its_own_check_once_it_is_decided(
    admin: Connection[TupleRow], tmp_path: Path
):
    """A kind of one letter has no room for `erased`; and who saw an accident is staff, whatever becomes of the row."""
    admin.execute(
        b"""
        alter table mbr add kind char(1) not null default 'M';
        create table note (id int primary key, mbr_id int not null references mbr, by_mbr_id int not null references mbr);
        insert into note select n, 1 + n % 190, 1 + n % 4 from generate_series(1, 400) n;
        create table hurt (id int primary key, hurt_mbr_id int references mbr, seen_mbr_id int not null references mbr);
        insert into hurt select n, case when n % 4 > 0 then n end, 1 + n % 9 from generate_series(1, 60) n;
        """
    )
    draft = drafted(admin)
    assert people(draft)["tombstone"] == {"mbr_id": 0, "mbr_nr": "erased", "kind": "e"}
    assert "DECIDE: would the row stay" in drafts.lines(draft)["hurt"]
    policy = tmp_path / "policy.yaml"
    policy.write_text(draft.replace("DECIDE", "decided"))
    read, _ = load.policy(policy)
    assert [str(m) for m in reality.compare(read, catalog.read(admin)).mistakes] == []
