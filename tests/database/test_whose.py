"""The language of whose a row is: what fits a database, each mistake, and what an erasure does and refuses of it."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from ruamel.yaml import YAML

from gdpr import words
from gdpr.reach import reach
from gdpr.rows import owned
from lifecycle.config.mistake import dotted
from lifecycle.errors import Refused
from lifecycle.policy import check, reality, whole
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database

PAGE = (Path(__file__).parents[2] / "docs/whose.md").read_text(encoding="utf-8")
(SCHEMA,) = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(WHOLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
_PARSER: Any = YAML(typ="safe", pure=True)
GOOD: dict[str, Any] = _PARSER.load(WHOLE)


@pytest.fixture(scope="module")
def practice(cluster: Cluster) -> Iterator[str]:
    """A database with the tables of the page, to be read."""
    for conninfo in a_database(cluster, "template0"):
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute(SCHEMA.encode())
        yield conninfo


@pytest.fixture
def conn(practice: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(practice) as opened:
        yield opened


def changed(conn: Connection[TupleRow], change: dict[str, Any]) -> Policy:
    """Return the page's policy for this database, with the values at paths like `tables/books` changed."""
    data = copy.deepcopy(GOOD) | {"database": conn.info.dbname}
    for path, value in change.items():
        *above, last = path.split("/")
        place: Any = data
        for part in above:
            place = place[int(part) if part.isdigit() else part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return whole.model().model_validate_json(json.dumps(data))


def told(conn: Connection[TupleRow], change: dict[str, Any]) -> list[str]:
    policy = changed(conn, change)
    found = check.check(policy) or reality.compare(policy, catalog.read(conn)).mistakes
    return [f"{dotted(m.path)}: {m.what}; {m.instead}" for m in found]


def test_the_policy_of_the_page_fits_its_tables(conn: Connection[TupleRow]) -> None:
    assert told(conn, {}) == []


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        # one sentence for each key, and only one
        ({"tables/visits/author": None}, "tables.visits: foreign key visits_nurse_id_fkey (nurse_id) leads to users, and would keep that patient's row from being erased; make the column nullable and add it to `mentions`, or own the table by it, or, where they wrote it about somebody else, add `author: {nurse_id: tombstone}`"),
        ({"tables/visits/ignore": {"nurse_id": "x"}}, "tables.visits.ignore.nurse_id: 'nurse_id' has two sentences: author and ignore"),
        ({"tables/visits/mentions": {"patient_id": "set null"}}, "tables.visits.mentions.patient_id: 'patient_id' has two sentences: owner.patient and mentions"),
        ({"tables/readings/mentions": {"device_serial": "set null"}}, "tables.readings.mentions.device_serial: reference device_serial (device_serial) to devices has two sentences: owner (tables.readings.owner.patient.through) and mention (tables.readings.mentions.device_serial)"),
        ({"tables/imports/ignore": None}, "tables.imports: reference user_id (user_id) leads to users, which holds people (patient), from a table that is nobody's"),
        ({"tables/visits/ignore": {"visit_id": "x"}}, "tables.visits.ignore.visit_id: visit_id leads to nobody, so there is nothing to ignore"),
        ({"tables/visits/author/summary": "set null"}, "tables.visits.author.summary: summary leads to nobody; say what it leads to under `references`"),
        ({"tables/visits/author": {"nurse_id": "set null"}}, "tables.visits.author.nurse_id: visits.nurse_id is NOT NULL"),
        # references
        ({"tables/readings/references/device_serial/to": "device(serial)"}, "tables.readings.references.device_serial: table 'device' is not declared under `tables`; did you mean 'devices'?"),
        ({"tables/readings/references/device_serial/to": "imports(import_id)"}, "tables.readings.references.device_serial.to: ends at imports, which holds nobody's data; take the reference out"),
        ({"tables/readings/references/device_serial/to": "devices(serials)"}, "tables.readings.references.device_serial.to: devices has no column 'serials'"),
        ({"tables/readings/references/device_serial/to": "devices(wearer_id)"}, "tables.readings.references.device_serial.to: device_serial is text, and devices.wearer_id is bigint; name the column that has its values, or say how both are written, as `form: digits`"),
        ({"tables/readings/references": {"pulse": {"to": "devices(serial)"}}, "tables/readings/owner": {"patient": {"through": ["pulse"]}}}, "tables.readings.references.pulse.to: pulse is integer, and devices.serial is text; name the column that has its values, or say how both are written, as `form: digits`"),
        ({"tables/readings/references/device_serial": {"columns": ["device_serial", "pulse"], "to": "devices(serial)"}}, "tables.readings.references.device_serial.to: 2 columns cannot have the values of 1"),
        ({"tables/readings/references/device_serial": {"columns": ["serial"], "to": "devices(serial)"}}, "tables.readings.references.device_serial: readings has no column 'serial'"),
        ({"tables/events/references/visitor/columns": ["event_id"]}, "tables.events.references.visitor.path: event_id is bigint, and a path leads into JSON"),
        ({"tables/letters/references/about_id/type": "kind"}, "tables.letters.references.about_id.type: letters has no column 'kind'"),
        ({"tables/contacts/references": {"patient": {"columns": ["user_id"], "to": "users(user_id)"}}, "tables/contacts/ignore": {"patient": "x"}}, "tables.contacts.references.patient.to: foreign key contacts_user_id_fkey leads there already; take it out, and write user_id where you name it"),
        ({"tables/readings/owner": {"patient": {"through": ["serial"]}}}, "tables.readings.owner.patient: readings has no column 'serial'"),
        ({"tables/readings/owner": {"patient": {"through": ["pulse"]}}}, "tables.readings.owner.patient: no foreign key over pulse leads to a table that belongs to a patient; name a foreign key's columns, say under `references` what these lead to, or own it by a column"),
        # parties and the tombstone
        ({"tables/messages/owner/patient/party/sender_id": ["reader_id"]}, "tables.messages.owner.patient.party: reader_id is a party itself"),
        ({"tables/messages/owner/patient/party/words": []}, "tables.messages.owner.patient.party.words: words leads to no patient; say what it leads to under `references`"),
        ({"tables/messages/objects": ["sender_name"], "tables/messages/bucket": "files"}, "tables.messages.owner.patient.party.sender_id: sender_name names an object, which would stay with nobody who knows whose it is"),
        ({"tables/messages/references": {"reader": {"columns": ["reader_id"], "to": "users(email)", "form": "digits"}}, "tables/messages/owner/patient": {"party": {"sender_id": ["reader_id"], "reader": []}}}, "tables.messages.owner.patient.party: reader_id is a party itself; take it out of the half"),
        ({"tables/messages/references": {"other": {"columns": ["message_id"], "to": "users(user_id)"}}, "tables/messages/owner/patient": {"party": {"sender_id": [], "other": []}}}, "tables.messages.owner.patient.party.other: messages.message_id is NOT NULL, so it cannot be cleared"),
        ({"subjects/nurse/tombstone": None}, "tables.visits.author.nurse_id: visits.nurse_id needs somebody to name when a nurse is gone; add `tombstone: {user_id: ...}` to subject nurse"),
        ({"subjects/nurse/tombstone": {"role": "nobody"}}, "subjects.nurse.tombstone: it has no key; add `user_id:` with a value that nobody has"),
        ({"subjects/nurse/tombstone/user_id": "zero"}, "subjects.nurse.tombstone.user_id: users.user_id is bigint, which 'zero' is not; put texts in quotes, and write numbers, true and false without"),
        ({"subjects/nurse/tombstone/name": "x"}, "subjects.nurse.tombstone.name: users has no column 'name'"),
        # people
        ({"subjects/nurse/where": {"role": 7}}, "subjects.nurse.where.role: users.role is text, which 7 is not"),
        ({"subjects/nurse/where": {"rank": "x"}}, "subjects.nurse.where.rank: users has no column 'rank'"),
        ({"subjects/nurse/where": {"role": ["patient", "member"]}}, "subjects.nurse: the same rows of users as subject 'patient'; say of both which rows they are"),
        ({"subjects/patient/identifiers/2/column": "imports.rows_read"}, "subjects.patient.identifiers[2]: rows of imports are no patient's; say under `tables` whose they are"),
        ({"subjects/patient/identifiers/2/column": "contacts.number"}, "subjects.patient.identifiers[2].column: contacts has no column 'number'"),
        ({"subjects/patient/identifiers/2/column": "contracts.value"}, "subjects.patient.identifiers[2]: table 'contracts' is not declared under `tables`; did you mean 'contacts'?"),
        ({"subjects/patient/identifiers/2/where": {"kind": 1}}, "subjects.patient.identifiers[2].where.kind: contacts.kind is text, which 1 is not"),
        # identifiers elsewhere, in JSON and of earlier days
        ({"subjects/patient/identifiers/0/earlier": True}, "subjects.patient.identifiers[0].earlier: email stands in the person's own row, which has what they go by now; take `earlier` out, or name the table or the images with the values before"),
        ({"subjects/patient/identifiers/3/path": "$.email"}, "subjects.patient.identifiers[3].path: email is text, and a path leads into JSON; take `path` out, or name a JSON column"),
        ({"subjects/patient/identifiers/4/path": None}, "subjects.patient.identifiers[4]: old_values is jsonb, in which no value stands alone; say where it stands: `path: $.email`"),
        ({"subjects/patient/identifiers/4/column": "changes.new_values"}, "subjects.patient.identifiers[4].column: changes has no column 'new_values'"),
        ({"subjects/patient/identifiers/3/column": "old_emails.old_email_id", "subjects/patient/identifiers/3/form": "email"}, "subjects.patient.identifiers[3].form: old_email_id is bigint, in which no address stands"),
        # what is quoted, kept and copied
        ({"tables/visits/quotes": {"visit_id": "redact"}}, "tables.visits.quotes.visit_id: visit_id is bigint, in which nobody is quoted"),
        ({"retention": []}, "tables.invoices.keep.until: no rule ends these rows 10 years after issued_at; add `- {table: invoices, by: issued_at, after: 10 years, do: delete, because: ...}` under `retention`"),
        ({"retention/0/after": "11 years"}, "tables.invoices.keep.until: no rule ends these rows 10 years after issued_at"),
        ({"tables/invoices/keep/until": "10 years after cents"}, "tables.invoices.keep.until: no rule ends these rows 10 years after cents"),
        ({"tables/visits_per_month": {"copy_of": ["visit"]}}, "tables.visits_per_month.copy_of[0]: table 'visit' is not declared under `tables`; did you mean 'visits'?"),
        ({"tables/visits_per_month": {"copy_of": ["visits_per_month"]}}, "tables.visits_per_month.copy_of: visits_per_month would be computed from itself; name the tables that it is computed from"),
        ({"tables/readings/quotes": {"device_serial": "review"}}, "tables.readings.text: no column of it holds text of people, and device_serial may quote them; take one of the two out"),
        ({"subjects/patient/identifiers/0/column": "user_id"}, "subjects.patient.identifiers[0]: user_id is the key, which is looked for anyway; take it out, or name what people call them by"),
        ({"subjects/patient/identifiers/2/column": "contacts.contact_id", "subjects/patient/identifiers/2/form": "email"}, "subjects.patient.identifiers[2].form: contact_id is bigint, in which no address stands; take `form` out, or write `form: digits`"),
        ({"tables/waiting_list/references/address": {"columns": ["entry_id"], "to": "users(email)", "form": "email"}}, "tables.waiting_list.references.address.to: entry_id is bigint, in which no address stands"),
        ({"tables/visits_per_month": {"copy_of": ["visits"], "quotes": {"month": "review"}}}, "tables.visits_per_month.copy_of: a copy is made anew, and nothing else is done with its rows"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_line_with_its_remedy(
    conn: Connection[TupleRow], change: dict[str, Any], mistake: str
) -> None:
    found = told(conn, change)
    assert any(one.startswith(mistake) for one in found), found
    assert len(found) <= 3, found


@pytest.mark.parametrize(
    "change",
    [
        {"tables/readings/references": {"pulse": {"to": "users(user_id)"}}, "tables/readings/owner": {"patient": {"through": ["pulse"]}}},
        {"tables/readings/references": {"pulse": {"to": "users(user_id)"}}, "tables/readings/owner": {"patient": "pulse"}},
        {"tables/readings/references": {}, "tables/readings/owner": {"patient": "pulse"}},
    ],
)  # fmt: skip
def test_an_int_leads_to_a_bigint_as_postgresql_compares_them(
    conn: Connection[TupleRow], change: dict[str, Any]
) -> None:
    assert told(conn, change) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"tables/readings/references/device_serial": {"to": "devices"}}, "'devices' names no columns; write it like `visits(visit_id)`"),
        ({"tables/readings/references/device_serial": {}}, "must say what it leads to: `to: visits(visit_id)`, or `type:` with `of:`"),
        ({"tables/letters/references/about_id/type": None}, "`type` and `of` go together"),
        ({"tables/events/references/visitor/columns": ["payload", "event_id"]}, "`path` leads into one column"),
        ({"tables/invoices/keep/until": "10 years"}, "'10 years' does not say when it ends; write it like `10 years after issued_at`"),
        ({"tables/invoices/keep/until": "10 yrs after issued_at"}, "'10 yrs' is not a span of time"),
        ({"tables/invoices/keep/ground": None}, "`until` and `ground` go together: which law asks for the row, and how long?"),
        ({"tables/messages/owner/patient": {"party": {"sender_id": []}}}, "at least 2"),
        ({"tables/readings/because": None}, "`text: none` needs the reason: add `because:`"),
        ({"tables/visits_per_month/personal": "none", "tables/visits_per_month/because": "x"}, "must say whose data it holds"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_with_what_to_write(
    conn: Connection[TupleRow], change: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(what)):
        changed(conn, change)


KEPT = {"table": "invoices", "by": "issued_at", "after": "10 years", "do": "delete", "because": "x"}


@pytest.mark.parametrize(
    ("more", "sooner"),
    [
        ({"after": "1 year", "where": {"cents": 1}}, True),
        (
            {"after": "3652 days", "where": {"cents": 1}},
            True,
        ),  # ten years with three leap days are longer
        ({"after": None, "by": None, "expires": "issued_at", "where": {"cents": 1}}, True),
        ({"after": "20 years", "by": None, "where": {"cents": 1}}, True),  # from another clock
        ({"after": None, "do": "drop", "by": None} | {"after": "20 years"}, True),
        ({"after": "11 years", "where": {"cents": 1}}, False),
        ({"after": "120 months", "where": {"cents": 1}}, False),
    ],
)
def test_no_rule_ends_a_row_before_the_law_lets_it_go(
    conn: Connection[TupleRow], more: dict[str, Any], sooner: bool
) -> None:
    second = {key: value for key, value in (KEPT | more).items() if value is not None}
    found = check.check(changed(conn, {"retention": [KEPT, second]}))
    said = [
        m for m in found if "rows of invoices are kept until 10 years after issued_at" in m.what
    ]
    assert [dotted(m.path) for m in said] == (["retention[1].table"] if sooner else [])


def test_an_erasure_refuses_what_it_cannot_carry_out_and_names_it(
    conn: Connection[TupleRow],
) -> None:
    policy = changed(conn, BEYOND)
    assert words.beyond(policy) == ("tables.events.references.visitor",)
    with pytest.raises(Refused) as refused:
        reach(policy, catalog.read(conn), "patient")
    assert all(place in refused.value.what for place in words.beyond(policy))


def test_the_policy_of_the_page_is_one_that_an_erasure_carries_out(
    conn: Connection[TupleRow],
) -> None:
    policy = changed(conn, {})
    assert words.beyond(policy) == ()
    assert reach(policy, catalog.read(conn), "patient").redacting == ("visits",)


BEYOND: dict[str, Any] = {
    "tables/events/owner": None,
    "tables/events/references/visitor/path": "strict $.visitor.id",
    "tables/events/mentions": {"visitor": "set null"},
    "tables/events/personal": "none",
    "tables/events/because": "x",
}
"""What of the language an erasure refuses: a value that would be taken out of JSON."""

PLAIN = {
    "subjects": {"patient": {"table": "users", "key": "user_id", "identifiers": ["email"]}},
    "tables/users": {"owner": {"patient": "user_id"}},
    "tables/contacts": {"owner": {"patient": "user_id"}},
    "tables/visits": {"owner": {"patient": {"through": ["patient_id", "nurse_id"]}}},
    "tables/letters": {
        "references": {"about_id": {"to": "users(user_id)"}},
        "mentions": {"about_id": "set null"},
        "personal": "none",
        "because": "x",
    },
    "tables/messages": {
        "owner": {"patient": "sender_id"},
        "mentions": {"reader_id": "set null"},
    },
    "tables/events": {"personal": "none", "because": "x"},
    "tables/waiting_list": {"personal": "none", "because": "address is a place"},
    "tables/visits_per_month": {"personal": "none", "because": "counts"},
}
"""What of the language an erasure carries out: references by column, an author who becomes NULL, kept rows, ignore."""


def test_a_plain_reference_is_a_key_to_an_erasure(database: str) -> None:
    """Rows that only a reference leads to go with the person; an author's row stays and names nobody."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(SCHEMA.encode())
        conn.execute("alter table letters alter about_id drop not null")
        conn.execute(
            """insert into users (role, email) values ('patient', 'a@x.example'), ('patient', 'b@x.example');
               insert into devices values ('S1', 1, 2), ('S2', 2, 1);
               insert into readings values ('S1', now(), 60), ('S1', now(), 61), ('S2', now(), 62)"""
        )
        policy = changed(conn, PLAIN)
        assert words.beyond(policy) == ()
        reached = reach(policy, catalog.read(conn), "patient")
        assert reached.deleted.index("readings") < reached.deleted.index("devices")
        assert {m.name for m in reached.mentions} == {
            "devices.fitted_by", "letters.about_id", "messages.reader_id",
        }  # fmt: skip
        asked = "select device_serial from readings as t where "
        rows = owned(reached, "readings").as_string(conn)
        found = conn.execute((asked + rows).encode(), {"subject": 1}).fetchall()
        assert found == [("S1",), ("S1",)]
        assert conninfo_to_dict(database)["dbname"] == policy.database
