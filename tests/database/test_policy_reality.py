"""A policy held against a live database: whatever does not fit fails closed, with its place in the file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from lifecycle.config.mistake import dotted
from lifecycle.policy import graph, load, reality, whole
from lifecycle.policy.reality import Compared
from lifecycle.postgres import catalog, connect
from lifecycle.systems import vitalis

MIXED = Path(__file__).with_name("mixed.sql").read_bytes()
NOBODY = {"personal": "none", "because": "looked at"}
OWN = {"owner": {"member": "member_id"}}
ENROLMENT = {"owner": {"member": {"through": ["member_id", "course_id"]}}}
TABLES: dict[str, Any] = {
    "members": OWN | {"mentions": {"referred_by": "set null", "current_loan_id": "set null"}},
    "households": {"owner": {"member": {"shared_by": "members.household_id"}}},
    "loans": OWN | {"mentions": {"renewed_from": "set null"}},
    "book_reviews": OWN | {"mentions": {"approved_by": "set null"}},
    "billing.invoices": OWN,
    "billing.invoice_lines": {"owner": {"member": {"through": ["invoice_id"]}}},
    "enrolments": OWN, "marks": OWN, "course_files": ENROLMENT, "newsletter_clicks": OWN,
    "Order Notes": {"owner": {"member": "memberId"}},
    "visits": OWN, "readings": OWN,
    "books": NOBODY | {"mentions": {"added_by": "set null"}},
    **dict.fromkeys(("categories", "courses", "schema_migrations", "devices", "spans", "notes_parent", "notes_child"), NOBODY),
}  # fmt: skip
GOOD: dict[str, Any] = {
    "system": "library",
    "database": "library",
    "subjects": {"member": {"table": "members", "key": "member_id", "identifiers": ["email", "full_name"],
                            "payer": {"column": "households.stripe_customer_id"}}},
    "partitions": {"visits": {"by": "at", "every": "month", "ahead": 2}},
    "retention": [
        {"table": "visits", "after": "2 years", "do": "delete", "because": "x"},
        {"table": "book_reviews.body", "by": "written_at", "after": "2 years", "do": "clear", "because": "x"},
    ],
    "tables": TABLES,
}  # fmt: skip


@pytest.fixture
def conn(database: str) -> Iterator[Connection[TupleRow]]:
    with connect.connect(database, "test", write=True) as opened:
        opened.execute("set search_path = public")  # the tests' own words; a look sets its own
        opened.execute(MIXED)
        opened.execute("alter table book_reviews add column written_at date")
        yield opened


def compare(conn: Connection[TupleRow], change: dict[str, Any]) -> Compared:
    """Compare the good policy, with the values at paths like `tables/books` changed, with the database."""
    data = json.loads(json.dumps(GOOD))
    data["database"] = conn.info.dbname
    for path, value in change.items():
        *above, last = path.split("/")
        place = data
        for part in above:
            place = place[int(part) if part.isdigit() else part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return reality.compare(whole.model().model_validate_json(json.dumps(data)), catalog.read(conn))


def told(conn: Connection[TupleRow], change: dict[str, Any]) -> list[str]:
    return [f"{dotted(m.path)}: {m.what}" for m in compare(conn, change).mistakes]


def test_a_policy_that_fits_has_no_mistakes_and_says_what_to_know(conn: Connection[TupleRow]):
    found = compare(conn, {})
    assert found.mistakes == ()
    assert tuple(
        note for note in found.notes if "superuser" not in note and "pin no" not in note
    ) == (
        "notes_child inherit from another table: an erasure takes each by its own line; any other statement on the parent changes its rows too",
        "rows without an owner are nobody's and stay: newsletter_clicks.member_id may be NULL",
        "rows of book_reviews without a written_at are kept for ever (retention[1])",
        "1 foreign key with ON DELETE CASCADE or SET NULL; the erasure ends those rows itself, counted: book_reviews.member_id -> members",
    )


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"database": "other"}, "database: the policy is for 'other', and this is"),
        ({"tables/books": None}, "tables: table books is in the database and not declared"),
        ({"tables/boks": NOBODY}, "tables.boks: table boks is not in database"),
        ({"tables/visits_2026_01": OWN}, "tables.visits_2026_01: visits_2026_01 is a partition of visits"),
        ({"tables/billing.visits_2026_02_rest": OWN}, "tables.billing.visits_2026_02_rest: billing.visits_2026_02_rest is a partition of visits"),
        ({"tables/active_members": OWN}, "tables.active_members: active_members is a view"),
        ({"subjects/member/identifiers": ["mail"]}, "subjects.member.identifiers: members has no column 'mail'"),
        ({"subjects/member/payer": {"column": "households.payer"}}, "subjects.member.payer.column: households has no column 'payer'"),
        ({"subjects/member/key": "household_id"}, "subjects.member.key: members.household_id may be NULL"),
        ({"tables/loans/owner": {"member": "who"}}, "tables.loans.owner.member: loans has no column 'who'"),
        ({"tables/loans/owner": {"member": "isbn"}}, "tables.loans.owner.member: isbn is text, and members.member_id is integer"),
        ({"tables/marks": {"owner": {"member": {"through": ["no"]}}}}, "tables.marks.owner.member: no foreign key over no leads to a table"),
        ({"tables/loans": {"owner": {"member": {"through": ["isbn"]}}}}, "tables.loans.owner.member: no foreign key over isbn leads"),
        ({"tables/loans/owner": {"member": {"through": ["renewed_from"]}}}, "tables.loans.owner.member: goes round in a circle"),
        ({"tables/households/owner": {"member": {"shared_by": "members.referred_by"}}}, "tables.households.owner.member: members.referred_by has no foreign key to households"),
        ({"tables/billing.invoices/objects": ["pdf"], "tables/billing.invoices/bucket": "b"}, "tables.billing.invoices.objects: billing.invoices has no column 'pdf'"),
        ({"tables/loans/mentions/isbn": "set null"}, "tables.loans.mentions.isbn: loans.isbn is NOT NULL, so it cannot be cleared"),
        ({"tables/members/mentions/search": "set null"}, "tables.members.mentions.search: members.search is generated"),
        ({"tables/loans/keep": {"clear": ["member_id"], "because": "x"}}, "tables.loans.keep.clear: loans.member_id is NOT NULL"),
        ({"tables/newsletter_clicks/keep": {"clear": ["who"], "because": "x"}}, "tables.newsletter_clicks.keep.clear: newsletter_clicks has no column"),
        ({"partitions/loans": {"by": "loan_id", "every": "month", "ahead": 1}}, "partitions.loans.by: loans is not partitioned"),
        ({"partitions/readings": {"by": "member_id", "every": "month", "ahead": 1}}, "partitions.readings.by: readings is partitioned by hash (member_id)"),
        ({"partitions/spans": {"by": "low", "every": "month", "ahead": 1}}, "partitions.spans.by: spans is partitioned by range (several columns)"),
        ({"partitions/visits/by": "door"}, "partitions.visits.by: visits is partitioned by range (at)"),
        ({"retention/0/by": "door"}, "retention[0].by: visits.door is text"),
        ({"retention/1/table": "loans", "retention/1/do": "drop", "retention/1/by": None}, "retention[1].do: loans is not partitioned by a range of time"),
        ({"retention/0/table": "loans"}, "retention[0]: loans is not partitioned by one column"),
        ({"retention/1/table": "book_reviews.isbn"}, "retention[1].table: book_reviews.isbn is NOT NULL"),
        ({"retention/1/table": "book_reviews.text"}, "retention[1].table: book_reviews has no column 'text'"),
        # A foreign key from a table that is nobody's to a person fails closed.
        ({"tables/books": NOBODY}, "tables.books: foreign key books_added_by_fkey (added_by) leads to members, which holds people"),
        ({"tables/loans": NOBODY}, "tables.loans: foreign key loans_member_id_fkey (member_id) leads to members, which holds people"),
        ({"tables/marks": NOBODY}, "tables.marks: foreign key marks_member_id_course_id_fkey (member_id, course_id) leads to enrolments"),
        ({"tables/readings": NOBODY}, "tables.readings: foreign key readings_member_id_fkey (member_id) leads to members"),
        ({"tables/book_reviews/mentions": None}, "tables.book_reviews: foreign key book_reviews_approved_by_fkey (approved_by) leads to members, to another member's row perhaps"),
        ({"tables/loans/mentions": None}, "tables.loans: foreign key loans_renewed_from_fkey (renewed_from) leads to loans, to another"),
        ({"tables/newsletter_clicks": NOBODY}, "tables.newsletter_clicks: column member_id looks like a member, in a table that is nobody's"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_at_its_place(
    conn: Connection[TupleRow], change: dict[str, Any], mistake: str
):
    assert any(line.startswith(mistake) for line in told(conn, change)), told(conn, change)


def test_a_second_person_that_cannot_be_cleared_blocks(conn: Connection[TupleRow]):
    conn.execute(
        "create table letters (member_id int not null references members, reader_id int not null references members)"
    )
    assert told(conn, {"tables/letters": OWN}) == [
        "tables.letters: foreign key letters_reader_id_fkey (reader_id) leads to members, and would keep that member's row from being erased"
    ]


def test_a_kept_row_may_not_point_to_an_erased_one(conn: Connection[TupleRow]):
    conn.execute(
        "create table wishes (member_id int references members, review int references book_reviews)"
    )
    kept = OWN | {"keep": {"clear": ["member_id"], "because": "x"}}
    assert told(conn, {"tables/wishes": kept}) == [
        "tables.wishes: foreign key wishes_review_fkey (review) leads to book_reviews, and its rows are kept"
    ]
    both = OWN | {"keep": {"clear": ["member_id", "review"], "because": "x"}}
    assert told(conn, {"tables/wishes": both}) == []


def test_an_email_without_a_foreign_key_is_seen_unless_the_reason_names_it(
    conn: Connection[TupleRow],
):
    conn.execute("create table publishers (name text, email text)")
    assert told(conn, {"tables/publishers": NOBODY}) == [
        "tables.publishers: column email looks like a member, in a table that is nobody's"
    ]
    looked = {"personal": "none", "because": "email is the firm's switchboard"}
    assert told(conn, {"tables/publishers": looked}) == []
    conn.execute("alter table publishers alter email type bytea using null")
    assert told(conn, {"tables/publishers": NOBODY}) == []


def test_rows_that_nothing_proves_to_be_one_persons_are_a_note(conn: Connection[TupleRow]):
    conn.execute(
        "create table answers (member_id int not null references members, review int not null references book_reviews)"
    )
    found = compare(conn, {"tables/answers": OWN})
    assert found.mistakes == ()
    assert any(
        "nothing proves to be one person's" in n and "answers.review -> book_reviews" in n
        for n in found.notes
    )


def test_an_audit_log_and_requests_are_held_against_their_columns(conn: Connection[TupleRow]):
    conn.execute(
        "create table log (member_id int not null, actor int, of text, id text, before jsonb, after text, ip inet);"
        "create table requests (id int primary key, member_id int references members, at timestamptz, due date,"
        " status text, done text, tables text)"
    )
    change = {
        "tables/log": OWN,
        "tables/requests": OWN | {"keep": {"clear": ["member_id"], "because": "x"}},
        "audit": {"table": "log", "subject": "member_id", "actor": "actor", "record": "id", "named": "off",
                  "values": ["before", "after"], "of_actor": ["ip", "agent"], "keep": {"members": ["town"]}},
        "erasure": {"subject": "member", "grace": "30 days", "requests": {
            "table": "requests", "key": "id", "subject": "member_id", "requested": "at", "due": "due",
            "status": "state", "completed": "done", "tables": "tables"}},
    }  # fmt: skip
    said = [line for line in told(conn, change) if "trigger" not in line]
    assert sorted(said) == [
        "audit.keep.members: members has no column 'town'",
        "audit.named: log has no column 'off'",
        "audit.of_actor.agent: log has no column 'agent'",
        "audit.subject: log.member_id is NOT NULL, so it cannot be cleared",
        "audit.values: after is text",
        "erasure.requests.completed: requests.done is text",
        "erasure.requests.status: requests has no column 'state'",
        "erasure.requests.tables: tables is text",
    ]


def test_the_actor_of_an_audit_log_is_somebody_of_the_policy_or_is_not_named(
    conn: Connection[TupleRow],
) -> None:
    """By its value alone the 5 of a librarian is member 5."""
    conn.execute(
        "create table librarians (id int primary key);"
        "create table log (member_id int, actor int references librarians, of text, id text, before jsonb, ip inet)"
    )
    log: dict[str, Any] = {
        "table": "log",
        "subject": "member_id",
        "record": "id",
        "named": "of",
        "values": ["before"],
        "keep": {},
    }
    change: dict[str, Any] = {"tables/log": OWN, "tables/librarians": NOBODY}
    assert told(conn, change | {"audit": log | {"actor": "actor", "of_actor": ["ip"]}}) == [
        "audit.actor: actor leads to nobody's key who can ask to be forgotten"
    ]
    assert told(conn, change | {"audit": log}) == []


def test_a_row_that_stays_may_lead_to_one_that_stays_too(conn: Connection[TupleRow]) -> None:
    """The line of a bill cannot be without its bill, which names nobody when its member is gone."""
    conn.execute(
        "create table bills (id int primary key, member_id int references members);"
        "create table lines (bill_id int not null references bills, no int, words text, primary key (bill_id, no))"
    )
    kept = {"because": "books"}
    change: dict[str, Any] = {
        "tables/bills": OWN | {"keep": kept | {"clear": ["member_id"]}},
        "tables/lines": {
            "owner": {"member": {"through": ["bill_id"]}}, "keep": kept | {"clear": ["words"]},
        },
    }  # fmt: skip
    assert told(conn, change) == []
    assert told(conn, change | {"tables/bills": OWN}) == [
        "tables.lines: foreign key lines_bill_id_fkey (bill_id) leads to bills, and its rows are kept"
    ]
    cleared = change["tables/lines"] | {"keep": kept | {"clear": ["bill_id", "words"]}}
    (mistake,) = compare(conn, change | {"tables/lines": cleared}).mistakes
    assert mistake.instead == "leave it out: it is part of the primary key, which is never NULL"
    (mistake,) = compare(conn, change | {"tables/lines": NOBODY}).mistakes
    assert mistake.instead.endswith(
        "or say under `ignore` why it may stay: that row stays too, and names nobody"
    )
    assert told(conn, change | {"tables/lines": NOBODY | {"ignore": {"bill_id": "its bill"}}}) == []


def test_the_sample_policy_fits_its_schema(vitalis_schema: Connection[TupleRow]):
    policy, _ = load.policy(Path(vitalis.__file__).with_name("policy.yaml"))
    policy = policy.model_copy(update={"database": vitalis_schema.info.dbname})
    found = catalog.read(vitalis_schema)
    assert len(found.tables) == 38
    assert reality.compare(policy, found).mistakes == ()
    assert graph.order(policy, found, "user")[-2:] == ("users", "accounts")


@pytest.fixture
def vitalis_schema(database: str) -> Iterator[Connection[TupleRow]]:
    with connect.connect(database, "test", write=True) as opened:
        opened.execute("set search_path = public")  # the tests' own words; a look sets its own
        opened.execute(Path(vitalis.__file__).with_name("schema.sql").read_bytes())
        yield opened


def test_one_persons_rows_go_in_the_order_that_is_found_and_nobody_elses(
    conn: Connection[TupleRow],
):
    conn.execute("""
        insert into households values (1, 'cus', 'x'), (2, 'cus', 'x');
        insert into books values ('1', 'x', null); insert into courses values (1, 'x');
        insert into members (household_id, email, full_name, referred_by)
            values (1, 'a', 'a', null), (2, 'b', 'b', 1), (2, 'c', 'c', 1);
        update books set added_by = 1;
        insert into loans values (1, 1, '1', null, null), (2, 1, '1', 1, null), (3, 2, '1', 1, null);
        update members set current_loan_id = 2 where member_id < 3;
        insert into book_reviews values (1, 1, '1', 2, ''), (2, 2, '1', 1, '');
        insert into billing.invoices values (1, 1, ''), (2, 2, '');
        insert into billing.invoice_lines values (1, 1, 1), (2, 1, 1);
        insert into enrolments values (1, 1), (2, 1);
        insert into marks values (1, 1, 1), (1, 2, 1);
        insert into course_files values (1, 1, ''), (2, 1, '');
        insert into "Order Notes" values (1, 1, ''), (2, 2, '');
        insert into visits values (1, '2026-01-03', 'north'), (2, '2026-02-03', 'south');
        insert into readings values (1, null, 1), (2, null, 1);
    """)
    policy = whole.model().model_validate_json(json.dumps(GOOD))
    found = catalog.read(conn)
    person = {name: sql.SQL("member_id = 1") for name in TABLES}
    person |= {
        "Order Notes": sql.SQL('"memberId" = 1'),
        "billing.invoice_lines": sql.SQL("invoice_id = 1"),
        "households": sql.SQL("household_id = 1"),
    }
    with conn.transaction():
        for key in found.foreign_keys:
            if graph.mentioned(policy, key):
                clear = sql.SQL("update {} set {} = null").format(
                    catalog.sql_name(key.table), sql.Identifier(key.columns[0])
                )
                conn.execute(clear)
        for table in graph.order(policy, found, "member"):
            conn.execute(
                sql.SQL("delete from {} where {}").format(catalog.sql_name(table), person[table])
            )
    rows = {
        name: conn.execute(
            sql.SQL("select count(*) from {}").format(catalog.sql_name(name))
        ).fetchone()
        for name in TABLES
    }
    assert rows["members"] == (2,)
    assert rows["loans"] == rows["book_reviews"] == rows["marks"] == rows["households"] == (1,)


def test_a_table_that_points_to_itself_with_restrict_goes_in_one_statement(
    conn: Connection[TupleRow],
):
    conn.execute(
        "create table thread (id int primary key, up int references thread on delete restrict)"
    )
    conn.execute("insert into thread values (1, null), (2, 1), (3, 2)")
    assert conn.execute("delete from thread").rowcount == 3
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        conn.execute("insert into thread values (2, 1)")


def test_a_table_of_a_superuser_is_a_note_before_init_refuses_it(conn: Connection[TupleRow]):
    [note] = [n for n in compare(conn, {}).notes if "superuser" in n]
    assert note.startswith("visits belongs to postgres, a superuser")
    assert "`lifecycle init` refuses" in note
