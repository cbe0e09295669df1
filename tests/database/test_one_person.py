"""What a policy takes for a person's key is one person's: each construction that is not is a mistake, and no erasure begins."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from gdpr.reach import reach
from lifecycle.errors import Refused
from lifecycle.policy import check, reality, whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database

SCHEMA = """
create table patients (id bigint primary key, ward bigint not null, bed bigint not null, email text not null, phone text,
                       unique (ward, bed));
create unique index on patients (phone) where phone <> '';
create unique index on patients (lower(email));
create table nurses (id bigint primary key, email text not null);
create table profiles (profile_id bigint primary key, patient_id bigint not null references patients);
create table extras (patient_id bigint primary key references patients);
create table codes (id bigint primary key, words text);
create table visits (visit_id bigint primary key, patient_id bigint references patients,
                     profile_id bigint not null references profiles, extra_id bigint references extras,
                     code_id bigint references codes, nurse_no bigint, pulse bigint);
create table members (code text primary key);
create table cards (card_id bigint primary key, code text, visit_id bigint, member_code text);
create table sheets (sheet_id bigint primary key, profile_id bigint references profiles);
create table old_sheets () inherits (sheets);
create table papers (paper_id bigint primary key, owner_type text, owner_id bigint, phone text, ward bigint, bed bigint);
create table stays (stay_id bigint primary key, ward bigint, bed bigint references codes,
                    foreign key (ward, bed) references patients (ward, bed));
"""
GOOD: dict[str, Any] = {
    "system": "clinic",
    "subjects": {
        "patient": {"table": "patients", "key": "id", "identifiers": ["email"]},
        "nurse": {"table": "nurses", "key": "id", "identifiers": ["email"]},
        "member": {"table": "members", "key": "code"},
    },
    "tables": {
        "patients": {"owner": {"patient": "id"}},
        "nurses": {"owner": {"nurse": "id"}},
        "profiles": {"owner": {"patient": "patient_id"}},
        "extras": {"owner": {"patient": "patient_id"}},
        "codes": {"personal": "none", "because": "a catalogue"},
        "visits": {
            "owner": {"patient": "patient_id"},
            "mentions": {"extra_id": "set null"},
        },
        "sheets": {"owner": {"patient": {"through": ["profile_id"]}}},
        "old_sheets": {
            "owner": {"patient": {"through": ["profile_id"]}},
            "references": {"profile_id": {"to": "profiles(profile_id)"}},
        },
        "papers": {"owner": {"patient": "owner_id"}},
        "members": {"owner": {"member": "code"}},
        "cards": {
            "personal": "none",
            "because": "code of a card, member_code of another club, visit_id of a gym",
        },
        "stays": {"owner": {"patient": {"through": ["ward", "bed"]}}},
    },
}
BY_PHONE = {"phone": {"to": "patients(phone)"}}
TYPED = {
    "owner_id": {"type": "owner_type", "of": {"Patient": "patients(id)", "Nurse": "nurses(id)"}}
}
OF_BOTH = {"patient": {"through": ["owner_id"]}, "nurse": {"through": ["owner_id"]}}


@pytest.fixture(scope="module")
def conn(cluster: Cluster) -> Iterator[Connection[TupleRow]]:
    for conninfo in a_database(cluster, "template0"):
        with psycopg.connect(conninfo, autocommit=True) as opened:
            opened.execute(SCHEMA.encode())
            yield opened


def changed(conn: Connection[TupleRow], change: dict[str, Any]) -> Policy:
    data = copy.deepcopy(GOOD) | {"database": conn.info.dbname}
    for path, value in change.items():
        *above, last = path.split("/")
        place: Any = data
        for part in above:
            place = place[part]
        place[last] = value
    return whole.model().model_validate_json(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "mistakes"),
    [
        # an owner's column leads to that kind's own key
        ({"tables/visits/owner": {"patient": "profile_id"}}, ["tables.visits.owner.patient: profile_id leads to profiles.profile_id, which is no patient's key (patients.id); where the row is theirs whose that one is, own it `through: [profile_id]`"]),
        ({"tables/visits/owner": {"patient": "code_id"}}, ["tables.visits.owner.patient: code_id leads to codes.id, which is no patient's key (patients.id); name the column that holds patients.id"]),
        ({"tables/visits/owner": {"patient": "patient_id", "nurse": "patient_id"}}, ["tables.visits.owner.nurse: patient_id leads to patients.id, which is no nurse's key (nurses.id)"]),
        ({"tables/papers/owner": {"patient": "owner_id", "nurse": "owner_id"}}, ["tables.papers.owner.nurse: owner_id names a patient as well (tables.papers.owner.patient): the same value is one of each; add `references: {owner_id: {type: COLUMN, of: {Patients: patients(id), Nurses: nurses(id)}}}` with the column that tells them apart, and own it `through: [owner_id]` for both"]),
        ({"tables/papers": {"references": TYPED, "owner": {"patient": "owner_id"}}}, ["tables.papers.owner.patient: owner_id leads to patients.id only where owner_type says so; own it `through: [owner_id]`"]),
        ({"tables/papers": {"references": {"p": {"columns": ["owner_id"], "to": "patients(id)"}, "n": {"columns": ["owner_id"], "to": "nurses(id)"}}, "owner": {"patient": {"through": ["p"]}, "nurse": {"through": ["n"]}}}}, ["tables.papers.references.n: owner_id leads to patients as well (reference p (owner_id)); take one of them out, or say with `type` and `of` which rows lead where"]),
        ({"tables/visits/references": {"who": {"columns": ["code_id"], "to": "patients(id)"}}, "tables/visits/author": {"who": "set null"}}, ["tables.visits.references.who: code_id leads to codes as well (foreign key visits_code_id_fkey (code_id))"]),
        ({"tables/papers": {"references": TYPED | {"p": {"columns": ["owner_id"], "to": "patients(id)"}}, "owner": {"patient": {"through": ["p"]}, "nurse": {"through": ["owner_id"]}}}}, ["tables.papers.references.p: owner_id leads to nurses as well (reference owner_id (owner_id))"]),
        # a person's key is theirs alone
        ({"subjects/patient/key": "ward", "tables/patients/owner": {"patient": "ward"}, "tables/papers/owner": {"patient": "ward"}}, ["subjects.patient.key: several people can have the same patients.ward: no unique index of all rows is over it alone; name one that is unique, or `create unique index on patients (ward)`"]),
        # and so is what rows are found by
        ({"tables/papers": {"references": BY_PHONE, "owner": {"patient": {"through": ["phone"]}}}}, ["tables.papers.references.phone.to: rows of several people can have the same phone in patients: no unique index of all rows is over it; lead to what is unique there, or `create unique index on patients (phone)`"]),
        ({"tables/papers": {"references": BY_PHONE, "owner": {"patient": "owner_id"}, "mentions": {"phone": "set null"}}}, ["tables.papers.references.phone.to: rows of several people"]),
        ({"tables/papers": {"references": {"owner_id": {"type": "owner_type", "of": {"Ward": "patients(ward)"}}}, "owner": {"patient": {"through": ["owner_id"]}}}}, ["tables.papers.references.owner_id.of.Ward: rows of several people can have the same ward in patients"]),
        ({"tables/papers": {"references": {"sheet": {"columns": ["ward"], "to": "sheets(sheet_id)"}}, "owner": {"patient": {"through": ["sheet"]}}}}, ["tables.papers.references.sheet.to: rows of several people can have the same sheet_id in sheets"]),
        # a name is one key's
        ({"tables/visits/references": {"extra_id": {"columns": ["nurse_no"], "to": "patients(id)"}}}, ["tables.visits.references.extra_id: extra_id is a column too, and the reference is over nurse_no; give the reference a name of its own"]),
        # a column that the catalog shows in two keys has one sentence
        ({"tables/stays/mentions": {"bed": "set null"}}, ["tables.stays.mentions.bed: foreign key stays_ward_bed_fkey (ward, bed) to patients has two sentences: owner (tables.stays.owner.patient.through) and mention (tables.stays.mentions.bed); keep the one that holds"]),
        ({"tables/stays/ignore": {"ward": "x"}, "tables/stays/mentions": {"bed": "set null"}, "tables/stays/owner": {"patient": "stay_id"}}, ["tables.stays.ignore.ward: foreign key stays_ward_bed_fkey (ward, bed) to patients has two sentences: mention (tables.stays.mentions.bed) and ignore (tables.stays.ignore.ward)"]),
        # what is called as another table's key is no person's without a word
        ({"tables/cards": {"owner": {"patient": "visit_id"}}}, ["tables.cards.owner.patient: visit_id is called as the key of visits is, and no foreign key or reference says whose it is; write `references: {visit_id: {to: visits(visit_id)}}` and own it `through: [visit_id]`, or, where it holds patients.id, `references: {visit_id: {to: patients(id)}}`"]),
        # a mention leads to somebody
        ({"tables/visits/mentions": {"pulse": "set null", "extra_id": "set null"}}, ["tables.visits.mentions.pulse: pulse leads to nobody; say what it leads to under `references`, or take it out"]),
        ({"tables/visits/mentions": {"code_id": "set null", "extra_id": "set null"}}, ["tables.visits.mentions.code_id: code_id leads to nobody"]),
    ],
)  # fmt: skip
def test_what_is_not_one_persons_is_a_mistake_and_no_erasure_begins(
    conn: Connection[TupleRow], change: dict[str, Any], mistakes: list[str]
) -> None:
    policy, picture = changed(conn, change), catalog.read(conn)
    assert not check.check(policy)
    found = [str(mistake) for mistake in reality.compare(policy, picture).mistakes]
    for mistake in mistakes:
        assert any(one.startswith(mistake) for one in found), found
    for kind in policy.subjects:
        with pytest.raises(Refused, match="the policy does not fit"):
            reach(policy, picture, kind)


LOOSE = """
    create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    alter table cards alter code type text collate loose;
"""


@pytest.mark.parametrize(
    ("cards", "mistake"),
    [
        ({"owner": {"member": "code"}}, "tables.cards.owner.member: code is text collate loose, and members.code is text;"),
        ({"owner": {"member": {"through": ["code"]}}, "references": {"code": {"to": "members(code)"}}}, "tables.cards.references.code.to: code is text collate loose, and members.code is text;"),
    ],
)  # fmt: skip
def test_a_value_that_is_found_equal_though_it_is_written_differently_names_nobody(
    conn: Connection[TupleRow], cards: dict[str, Any], mistake: str
) -> None:
    """Where the server has no such collation (ICU), its column is pictured as if it had one."""
    policy = changed(conn, {"tables/cards": cards})
    assert reality.compare(policy, catalog.read(conn)).mistakes == ()
    with conn.transaction(force_rollback=True):
        try:
            with conn.transaction():
                conn.execute(LOOSE.encode())
            picture = catalog.read(conn)
        except psycopg.errors.FeatureNotSupported:
            picture = loosened(catalog.read(conn))
    found = [str(one) for one in reality.compare(policy, picture).mistakes]
    assert any(one.startswith(mistake) for one in found), found


def loosened(picture: catalog.Catalog) -> catalog.Catalog:
    """Return the picture with a collation of cards.code by which values written differently are equal."""
    cards = picture.tables["cards"]
    columns = tuple(replace(c, loose="loose" if c.name == "code" else "") for c in cards.columns)
    return replace(picture, tables={**picture.tables, "cards": replace(cards, columns=columns)})


WHO = {"who": {"columns": ["owner_id"], "to": "patients(id)"}}
BOTH = "column owner_id has two sentences: mentions.owner_id and"


@pytest.mark.parametrize(
    ("papers", "mistake"),
    [
        ({"owner": {"patient": "ward"}, "mentions": {"owner_id": "set null"}, "ignore": {"who": "x"}}, f"tables.papers.ignore.who: {BOTH} ignore.who; keep the one that holds"),
        ({"owner": {"patient": {"through": ["who"]}}, "mentions": {"owner_id": "set null"}}, f"tables.papers.owner.patient.through.who: {BOTH} owner.patient.through.who"),
        ({"owner": {"patient": {"through": ["owner_id"]}}, "mentions": {"who": "set null"}}, "tables.papers.owner.patient.through.owner_id: column owner_id has two sentences: mentions.who and owner.patient.through.owner_id"),
        ({"owner": {"patient": "ward"}, "author": {"who": "set null", "owner_id": "set null"}}, "tables.papers.author.who: column owner_id has two sentences: author.owner_id and author.who"),
    ],
)  # fmt: skip
def test_a_column_that_one_word_empties_has_no_other_by_another_name(
    conn: Connection[TupleRow], papers: dict[str, Any], mistake: str
) -> None:
    policy = changed(conn, {"tables/papers": {"references": WHO} | papers})
    found = [str(found) for found in check.check(policy)]
    assert any(one.startswith(mistake) for one in found), found


BOOKS = {"because": "books", "clear": ["ward"]}
UNTIL = {"until": "10 years after issued_at", "ground": "tax"}


@pytest.mark.parametrize(
    ("papers", "mistake"),
    [
        ({"owner": {"patient": "owner_id"}, "keep": BOOKS}, "tables.papers.owner.patient: the row is kept, and owner_id would go on saying whose it was; add owner_id to `keep.clear`"),
        ({"owner": {"patient": {"through": ["place"]}}, "keep": BOOKS, "references": {"place": {"columns": ["ward", "bed"], "to": "patients(ward, bed)"}}}, "tables.papers.owner.patient.through: the row is kept, and bed would go on saying whose it was; add bed to `keep.clear`"),
        ({"owner": {"patient": {"through": ["who"]}}, "keep": BOOKS, "references": WHO}, "tables.papers.owner.patient.through: the row is kept, and owner_id would"),
        ({"owner": {"patient": "owner_id"}, "keep": {"because": "books", "clear": ["owner_id", "issued_at"]} | UNTIL}, "tables.papers.keep.until: its time runs from issued_at, which `clear` empties: the row would stay for ever; take issued_at out of `clear`, or name another date"),
    ],
)  # fmt: skip
def test_a_row_that_is_kept_names_nobody_and_keeps_the_date_it_ends_by(
    conn: Connection[TupleRow], papers: dict[str, Any], mistake: str
) -> None:
    policy = changed(conn, {"tables/papers": papers})
    compared = reality.compare(policy, catalog.read(conn)).mistakes
    found = [str(found) for found in (*check.check(policy), *compared)]
    assert any(one.startswith(mistake) for one in found), found


def test_no_rule_clears_the_date_that_a_kept_row_ends_by(conn: Connection[TupleRow]) -> None:
    papers = {
        "owner": {"patient": "owner_id"},
        "keep": {"because": "books", "clear": ["owner_id"]} | UNTIL,
    }
    policy = changed(conn, {"tables/papers": papers})
    rule = {
        "table": "papers.issued_at",
        "after": "1 year",
        "by": "at",
        "do": "clear",
        "because": "x",
    }
    ends = {
        "table": "papers",
        "after": "10 years",
        "by": "issued_at",
        "do": "delete",
        "because": "x",
    }
    section = whole.model().model_validate_json(
        json.dumps(
            policy.model_dump(mode="json", exclude_defaults=True) | {"retention": [ends, rule]}
        )
    )
    [said] = [str(mistake) for mistake in check.check(section)]
    assert said == (
        "retention[1].table: rows of papers are kept until a time after issued_at, and without it they would stay "
        "for ever; take the rule out"
    )


@pytest.mark.parametrize(
    "change",
    [
        {},
        # the key of a row that has its person's own key; through one that has another
        {"tables/visits": {"owner": {"patient": "extra_id"}, "mentions": {"patient_id": "set null"}}},
        {"tables/visits/owner": {"patient": {"through": ["profile_id"]}}, "tables/visits/ignore": {"patient_id": "x"}},
        {"tables/papers": {"references": TYPED, "owner": OF_BOTH}},
        {"tables/papers": {"references": {"a": {"columns": ["ward", "bed"], "to": "patients(ward, bed)"}, "b": {"columns": ["ward"], "to": "patients(id)"}}, "owner": {"patient": {"through": ["a"]}}, "ignore": {"b": "x"}}},
        {"tables/papers": {"references": {"place": {"columns": ["ward", "bed"], "to": "patients(ward, bed)"}}, "owner": {"patient": {"through": ["place"]}}}},
        # many rows of one person, each with their key; and what is left as it is
        {"tables/papers": {"references": {"owner_id": {"to": "profiles(patient_id)"}}, "owner": {"patient": {"through": ["owner_id"]}}}},
        {"tables/papers": {"references": BY_PHONE, "owner": {"patient": "owner_id"}, "ignore": {"phone": "of the ward"}}},
        # called as another table's key, and said to be a person's
        {"tables/cards": {"owner": {"patient": "visit_id"}, "references": {"visit_id": {"to": "patients(id)"}}}},
    ],
)  # fmt: skip
def test_what_is_one_persons_fits(conn: Connection[TupleRow], change: dict[str, Any]) -> None:
    policy = changed(conn, change)
    assert not check.check(policy)
    found = reality.compare(policy, catalog.read(conn)).mistakes
    assert [str(m) for m in found] == []
