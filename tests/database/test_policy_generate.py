"""A draft for a database that nobody has described loads, fits it, and asks a person only what nothing can tell."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from ruamel.yaml import YAML

from audit.section import SECTION as AUDIT
from gdpr.section import SECTION as ERASURE
from lifecycle.config.mistake import Lines
from lifecycle.errors import InputError
from lifecycle.partitions.section import SECTION as PARTITIONS
from lifecycle.policy import evidence, generate, load, reality
from lifecycle.policy.draft_text import quote
from lifecycle.policy.model import Policy, SharedBy, Through
from lifecycle.policy.seen import NOTHING
from lifecycle.postgres import catalog, connect
from lifecycle.systems import vitalis
from retention.section import SECTION as RETENTION
from tests.house import ROLE

MIXED = Path(__file__).with_name("mixed.sql").read_bytes()


@pytest.fixture
def conn(database: str) -> Iterator[Connection[TupleRow]]:
    with connect.connect(database, "test", write=True) as opened:
        opened.execute("set search_path = public")  # the tests' own words; a look sets its own
        yield opened


def draft(conn: Connection[TupleRow], directory: Path, subject: str | None = None) -> str:
    seen = catalog.read(conn)
    who = generate.subject(seen, subject)
    rows = evidence.read(conn, seen, who.table, who.key) if who else NOTHING
    text = generate.draft(seen, who, rows)
    (directory / "draft.yaml").write_text(text)
    return text


def decided(
    conn: Connection[TupleRow], directory: Path, subject: str | None = None
) -> tuple[Policy, Lines]:
    """Return the draft as a person leaves it who agrees with everything."""
    file = directory / "draft.yaml"
    text = re.sub(r'does: "DECIDE: [^"]*"', "does: checks", draft(conn, directory, subject))
    file.write_text(text.replace('"DECIDE: ', '"'))
    policy, lines, _ = load.policy_with_lines(file)
    return policy, lines


def fits(conn: Connection[TupleRow], policy: Policy, lines: Lines) -> None:
    mistakes = reality.compare(policy, catalog.read(conn)).mistakes
    assert lines.tell(mistakes) == []


def test_a_draft_is_refused_until_a_person_has_decided(conn: Connection[TupleRow], tmp_path: Path):
    conn.execute(MIXED)
    text = draft(conn, tmp_path)
    with pytest.raises(InputError) as refused:
        load.policy(tmp_path / "draft.yaml")
    open_ = refused.value.what.splitlines()
    assert all("a draft left this open for a person" in line for line in open_)
    assert f"# {len(open_)} places for you to decide" in text
    asked = {line.split(": ")[1].split(".because")[0].removesuffix(".does") for line in open_}
    assert asked == {
        "tables.books", "tables.categories", "tables.courses", "tables.devices", "tables.notes_child", "tables.notes_parent",
        "tables.spans", "tables.billing.invoices.bucket", "tables.members.triggers.once", "tables.members.triggers.watch",
        "tables.billing.invoices", "tables.billing.invoice_lines", "tables.households", "tables.newsletter_clicks",
        # not one row is there, so nothing but a name says whether the person wrote the row or is whom it is about
        "tables.Order Notes", "tables.loans", "tables.readings", "tables.course_files", "tables.book_reviews",
    }  # fmt: skip


def test_what_leads_to_a_person_is_found_without_asking(conn: Connection[TupleRow], tmp_path: Path):
    conn.execute(MIXED)
    conn.execute(ROLE.encode())
    conn.execute("alter table visits owner to house_owner")
    policy, lines = decided(conn, tmp_path)
    fits(conn, policy, lines)
    [(kind, subject)] = policy.subjects.items()
    assert (kind, subject.table, subject.key, subject.identifiers) == (
        "member",
        "members",
        "member_id",
        ("email", "full_name"),
    )
    assert subject.payer
    assert subject.payer.column == "households.stripe_customer_id"
    owners = {name: (t.owner or {}).get("member") for name, t in policy.tables.items()}
    assert owners["Order Notes"] == "memberId"
    assert owners["newsletter_clicks"] == "member_id"
    assert owners["billing.invoice_lines"] == Through(through=("invoice_id",))
    assert owners["marks"] == Through(through=("member_id", "course_id"))
    assert owners["households"] == SharedBy(shared_by="members.household_id")
    assert owners["books"] is None
    assert policy.tables["books"].author == {"added_by": "set null"}
    assert policy.tables["book_reviews"].author == {"approved_by": "set null"}
    assert policy.tables["loans"].mentions == {"renewed_from": "set null"}
    assert policy.tables["billing.invoices"].objects == ("pdf_s3_key",)
    assert {n: (p.by, p.every) for n, p in PARTITIONS.of(policy).items()} == {
        "visits": ("at", "month")
    }
    assert next(iter(policy.tables)) == "members"


def test_the_commented_erasure_says_which_of_its_columns_are_not_there(
    conn: Connection[TupleRow], tmp_path: Path
) -> None:
    conn.execute(
        """create table users (id int primary key, email text, birth_date date);
           create table erasure_requests (
               id int primary key, user_id int references users, received_on date, done_on date)"""
    )
    text = draft(conn, tmp_path)
    missing = "  # erasure_requests has no such column: add it, or name the one that is it"
    assert [line for line in text.splitlines() if line.startswith("#     ")][-4:] == [
        "#     requested: received_on",
        f"#     due: due_at{missing}",
        f"#     status: status{missing}",
        "#     completed: done_on",
    ]


def test_nothing_that_destroys_is_drafted(conn: Connection[TupleRow], tmp_path: Path):
    conn.execute(MIXED)
    policy, _ = decided(conn, tmp_path)
    assert RETENTION.of(policy) == ()
    assert ERASURE.of(policy) is None


def test_the_draft_for_vitalis_agrees_with_the_policy_written_by_hand(
    conn: Connection[TupleRow], tmp_path: Path
):
    directory = Path(vitalis.__file__).parent
    conn.execute((directory / "schema.sql").read_bytes())
    policy, lines = decided(conn, tmp_path)
    fits(conn, policy, lines)
    by_hand, _ = load.policy(directory / "policy.yaml")
    assert policy.subjects == by_hand.subjects

    def owners(found: Policy) -> dict[str, object]:
        return {
            name: (
                sorted(how.through)
                if isinstance(how := (t.owner or {}).get("user"), Through)
                else how,
                t.emptied.keys(),
                t.objects,
            )
            for name, t in found.tables.items()
        }

    assert owners(policy) == owners(by_hand)
    drafted, wanted = AUDIT.of(policy), AUDIT.of(by_hand)
    assert drafted
    assert wanted
    assert drafted.model_copy(update={"keep": wanted.keep}) == wanted


def test_an_erasure_that_is_taken_over_from_the_draft_fits(
    conn: Connection[TupleRow], tmp_path: Path
):
    conn.execute((Path(vitalis.__file__).with_name("schema.sql")).read_bytes())
    text = draft(conn, tmp_path).replace('"DECIDE: ', '"')
    head, _, erasure = text.partition("# erasure:")
    head = head.replace("  deletion_requests: {owner: {user: user_id}",
                        "  deletion_requests: {owner: {user: user_id}, keep: {clear: [user_id], because: x}")  # fmt: skip
    (tmp_path / "draft.yaml").write_text(
        head + "erasure:" + erasure.replace("\n# ", "\n").replace("\n#", "\n")
    )
    policy, lines, _ = load.policy_with_lines(tmp_path / "draft.yaml")
    erasure = ERASURE.of(policy)
    assert erasure
    assert erasure.requests.due == "grace_period_ends_at"
    fits(conn, policy, lines)


def test_patients_with_a_login_belong_to_the_login_and_staff_is_asked_about(
    conn: Connection[TupleRow], tmp_path: Path
):
    conn.execute("""
        create table users (id int primary key, email text);
        create table patients (id int primary key, user_id int not null references users, name text);
        create table visits (id int primary key, patient_id int not null references patients, seen_by int);
        create table employees (id int primary key, email text, name text);
        create table rooms (id int primary key, keeper int references employees);
    """)
    with pytest.raises(
        InputError, match=r"users\.id: 1 foreign key to it, a column email\n  employees\.id:"
    ):
        draft(conn, tmp_path)
    text = draft(conn, tmp_path, "users.id")
    policy, lines = decided(conn, tmp_path, "users.id")
    fits(conn, policy, lines)
    assert policy.subjects["user"].table == "users"
    assert policy.tables["patients"].owner == {"user": "user_id"}
    assert policy.tables["visits"].owner == {"user": Through(through=("patient_id",))}
    assert (
        'employees: {personal: none, because: "DECIDE: are these people of another kind, and whose data is it? (email, name)"'
        in text
    )


def test_a_second_person_that_cannot_be_cleared_is_pointed_out_and_fails_closed(
    conn: Connection[TupleRow], tmp_path: Path
):
    conn.execute("""
        create table users (user_id int primary key, email text);
        create table letters (id int, user_id int not null references users, reader_id int not null references users);
    """)
    text = draft(conn, tmp_path)
    assert (
        'letters: {owner: {user: user_id}, because: "DECIDE: two people stand in the row: with whom does it go? (user_id, reader_id)"'
        in text
    )
    policy, _ = decided(conn, tmp_path)
    assert len(reality.compare(policy, catalog.read(conn)).mistakes) == 1


@pytest.mark.parametrize(
    "name",
    ["no", "true", "a: b", "x#y", "{x}", "it's", 'say "x"', "-", "* *", "é", " x", "1", "a,b"],
)
def test_any_name_is_written_so_that_it_is_read_back(name: str):
    parser = YAML(typ="safe", pure=True)
    assert parser.load(f"{{{quote(name)}: [{quote(name)}]}}") == {name: [name]}  # pyright: ignore[reportUnknownMemberType]


@pytest.mark.parametrize(
    ("tables", "subjects"),
    [
        ("", {}),
        ("create table t (id int)", {}),
        ("create table t ()", {}),
        ("create table things (id int primary key, up int references things)", {}),
        ('create table "no" (id int); create table "a: b" ("x,y" int); create table "it\'s" (id int)', {}),
        ("create table users (id uuid primary key, email text)", {"user": "id"}),
        ('create table "Users" ("Id" int primary key, "Email" text)', {"user": "Id"}),
        ("create table app_user (pk int primary key, mail text); create table s (app_user_id int)", {"app_user": "pk"}),
        ("create table people (id int primary key, email text, boss int references people)", {"person": "id"}),
        ("create schema auth; create table auth.users (id int primary key, email text); create table p (id int primary key references auth.users)", {"user": "id"}),
    ],
)  # fmt: skip
def test_any_database_gets_a_draft_that_fits(
    conn: Connection[TupleRow], tmp_path: Path, tables: str, subjects: dict[str, str]
):
    conn.execute(tables.encode())
    policy, lines = decided(conn, tmp_path)
    fits(conn, policy, lines)
    assert {kind: s.key for kind, s in policy.subjects.items()} == subjects


@pytest.mark.parametrize(
    ("actor", "drafted"),
    [
        ("int references members", "actor"),
        ("int references nurses", None),
        ("int", "asked"),
        ("uuid", "actor"),
    ],
)
def test_the_actor_of_a_drafted_log_is_known_to_be_one_of_the_people(
    conn: Connection[TupleRow], tmp_path: Path, actor: str, drafted: str | None
) -> None:
    """By its value alone the 5 of a nurse is member 5, and the log would lose the nurse with the member."""
    conn.execute(
        f"""create table nurses (id int primary key, at text);
           create table members (id int primary key, email text unique, birth_date date);
           create table audit_log (id int primary key, member_id int references members, actor {actor},
                                   table_name text, record_id text, old_values jsonb, ip inet)""".encode()
    )
    text = draft(conn, tmp_path)
    assert ('audit_log: {owner: {member: member_id}, because: "DECIDE' in text) == (
        drafted == "asked"
    )
    assert ("\naudit:\n" in text) == (drafted != "asked")
    assert ("  actor: actor\n" in text) == ("  of_actor: [ip]" in text) == (drafted == "actor")


def test_a_log_that_fits_no_audit_section_is_not_silently_somebodys_rows(
    conn: Connection[TupleRow], tmp_path: Path
):
    conn.execute(
        "create table members (id int primary key, email text not null);"
        "create table audit_trail (id int primary key, member_id int references members, said text)"
    )
    draft(conn, tmp_path)
    with pytest.raises(InputError, match=r"tables\.audit_trail\.because: a draft left this open"):
        load.policy(tmp_path / "draft.yaml")


def test_a_trigger_that_bears_its_functions_name_is_asked_about_as_a_trigger(
    conn: Connection[TupleRow], tmp_path: Path
):
    conn.execute(MIXED)
    conn.execute("""
        create function public.tell() returns trigger language plpgsql as 'begin return new; end';
        create trigger tell before update on public.members for each row execute function public.tell();
    """)
    assert "what does tell do? `audits`, " in draft(conn, tmp_path)
