"""The look ahead at one person: its numbers are those of the erasure, nothing is written, and no key is repeated."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from gdpr import foresee, foretell, foretold
from gdpr.foresee import Foreseen
from lifecycle import cli, cli_options
from lifecycle.coverage import Looks
from lifecycle.errors import InputError, NotFound
from lifecycle.holds.hold import What
from lifecycle.outcome import Verdict
from lifecycle.postgres import connect
from lifecycle.postgres.server import Cluster
from lifecycle.system import System
from tests import build
from tests.database import clinic as the_clinic
from tests.database.clinic import ANNA, JOANNA, OTTO, Clinic
from tests.database.test_holds import hold
from tests.database.test_whose import BEYOND, PAGE, PLAIN, SCHEMA, changed

NOBODY = "d0000000-0000-4000-8000-00000000000d"
Say = Callable[..., tuple[str, str]]


def seen(clinic: Clinic, who: str) -> Foreseen:
    found = foresee.foresee(clinic.system, None, who)
    assert_readable(foretell.lines(found))
    return found


def assert_readable(lines: Any) -> None:
    text = list(lines)
    assert [line for line in text if len(line) > foretell.WIDTH] == []
    whole = "\n".join(text).replace("joanna", "j")
    assert not any(trace in whole for trace in the_clinic.TRACES)


def everything(admin: str) -> dict[str, Any]:
    """Return a digest of every table of every schema that is not PostgreSQL's own."""
    with psycopg.connect(admin, autocommit=True) as conn:
        names = conn.execute(
            "select nspname, relname from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where relkind in ('r', 'm') and nspname !~ '^pg_' and nspname <> 'information_schema'"
        ).fetchall()
        digest = sql.SQL(
            "select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {} t"
        )
        return {
            ".".join(name): conn.execute(digest.format(sql.Identifier(*name))).fetchone()
            for name in names
        }


def done(clinic: Clinic, event: str) -> dict[str, int]:
    """Return by table, or by table and column, how many rows the erasure says it deleted, cleared or emptied."""
    return dict(
        clinic.ask(
            "select target, (counts ->> 'rows')::int from lifecycle.evidence where event = %(e)s",
            e=event,
        )
    )


def asks(clinic: Clinic, who: str) -> None:
    clinic.ask("update request set state = 'canceled'")
    clinic.ask(
        "insert into request values (9, %(w)s, '2026-10-22Z', '2026-11-20Z', 'pending')", w=who
    )


@pytest.mark.parametrize("who", [ANNA, JOANNA, OTTO], ids=["anna", "joanna", "otto"])
def test_what_is_foreseen_is_what_the_erasure_then_does_table_by_table(
    clinic: Clinic, who: str
) -> None:
    asks(clinic, who)
    clinic.ask("update board set words = 'nobody'")
    found = foretold.document(seen(clinic, who))
    assert found["refused"] == ()
    objects: Any = found["objects"]
    versions = sum(objects["versions"].values())
    assert clinic.erase().verdict is Verdict.UNVERIFIED
    others: Any = found["others_lose"]
    kept: Any = found["kept"]
    assert done(clinic, "gdpr.deleted") == found["deleted"]
    assert done(clinic, "gdpr.mention_cleared") == others["pointers"]
    assert done(clinic, "gdpr.cleared") == {name: one["rows"] for name, one in kept.items()}
    outside = clinic.ask(
        "select target, counts from lifecycle.evidence where kind = 'outcome' and event like 'gdpr.%'"
    )
    stripe: Any = found["stripe"]
    said = [("papers", {"keys": sum(objects["going"].values()), "versions": versions})]
    said = said if versions else []
    said += [("stripe", {"customers": stripe["going"]})] if stripe["going"] else []
    assert outside == said
    left = clinic.ask("select count(*) from household")[0]
    assert left == 1 + bool(others["shared_rows_that_stay"])


def test_a_kept_row_is_told_with_its_ground_and_what_is_shared_with_its_owners(
    clinic: Clinic,
) -> None:
    text = "\n".join(foretell.lines(seen(clinic, ANNA)))
    assert re.search(r"request +1 row\n +cleared: person_id; because: proof that it was", text)
    assert re.search(r"would stay while they are there: 1 row\n +household +1 row", text)
    assert "1 object would stay, as rows of others name the same" in text
    assert "Stripe: 1 customer would stay, as others share it" in text


def test_what_others_wrote_of_the_person_is_found_before_as_the_erasure_finds_it(
    clinic: Clinic,
) -> None:
    """Own rows, cleared columns, pointers and what is taken out of the log are no quotes; the rest stops an erasure."""
    assert seen(clinic, ANNA).quoted == ()
    clinic.ask("update visit set note = 'wife of ANNA@example.org' where number = 1 and site = 2")
    clinic.ask("update board set words = 'call Anna \"Nan\" Lind'")
    clinic.ask("update history set agent = 'anna@example.org' where by = %(o)s", o=OTTO)
    clinic.ask("alter table request add asked_as text")
    clinic.ask("update request set asked_as = 'anna@example.org'")
    found = seen(clinic, ANNA)
    where = {one.table: (one.rows, one.columns) for one in found.quoted}
    assert where == {
        "visit": (1, {"note": 1}),
        "board": (1, {"words": 1}),
        "history": (1, {"agent": 1}),
        "request": (2, {"asked_as": 2}),
    }
    (failure,) = clinic.erase().failures
    (foretold,) = found.refusals
    assert foretold in failure.what


def test_rows_of_others_that_hang_on_theirs_are_counted_and_are_a_refusal(clinic: Clinic) -> None:
    clinic.ask("insert into scan values (9, %(otto)s, 1, null)", otto=OTTO)
    found = seen(clinic, ANNA)
    (why,) = found.refusals
    assert "rows of others hang on rows that would go (1 row): scan" in why
    text = "\n".join(foretell.lines(found))
    assert re.search(
        r"hang on rows that would go: 1 row\n +scan \(paper_id -> paper\) +1 row", text
    )
    (failure,) = clinic.erase().failures
    assert failure.what == why


def test_a_materialized_view_that_quotes_them_is_named(clinic: Clinic) -> None:
    clinic.ask("create materialized view addresses as select email from person")
    clinic.ask("grant select on addresses to lifecycle")
    found = seen(clinic, ANNA)
    assert (found.views, found.refusals) == ({"addresses": 1}, ())
    assert "refresh it after the erasure" in " ".join("\n".join(foretell.lines(found)).split())


def test_a_customer_whom_stripe_does_not_know_stops_an_erasure(clinic: Clinic) -> None:
    clinic.ask("update board set words = 'nobody'")
    assert seen(clinic, JOANNA).customers == {"there": 1}
    clinic.ask("update household set customer = 'cus_of_another_account' where household_id = 2")
    (why,) = seen(clinic, JOANNA).refusals
    assert "Stripe does not know a customer" in why
    clinic.double("DELETE", "requests")
    seen(clinic, JOANNA)
    assert {method for method, _ in clinic.calls()} == {"GET"}


def test_a_place_outside_that_cannot_be_asked_is_named_and_hides_nothing(clinic: Clinic) -> None:
    settings = clinic.system.settings.model_copy(update={"s3": None, "stripe": None})
    found = foresee.foresee(replace(clinic.system, settings=settings), None, ANNA)
    assert found.found is not None
    assert (found.found.rows.erased()["visit"], found.versions) == (2, {})
    assert "bucket papers" in map(str, found.unseen)
    assert "carried out once what could not be" in " ".join(foretell.lines(found))


def test_nothing_is_written_and_nothing_can_be_applied(clinic: Clinic, say: Say) -> None:
    before = everything(clinic.admin)
    assert len(before) > 20
    foresee.foresee(clinic.system, None, ANNA)
    say("gdpr", "plan", "--person", ANNA)
    say("gdpr", "plan", "--person", ANNA, "--json")
    say("gdpr", "plan", "--person", NOBODY, code=6)
    assert everything(clinic.admin) == before


def test_no_table_is_locked_when_it_was_read(clinic: Clinic) -> None:
    with clinic.system.snapshot("test", reader=True) as conn:
        foresee.look(clinic.system, conn, Looks(), "person", ANNA)
        held = conn.execute(
            "select c.relname from pg_locks l join pg_class c on c.oid = l.relation "
            "where l.pid = pg_backend_pid() and c.relnamespace <> 'pg_catalog'::regnamespace"
        ).fetchall()
    assert held == []


def as_reader(clinic: Clinic, rights: str) -> System:
    """Return the system entered by a login that may only select, and whose sessions are read-only by default."""
    clinic.ask(f"drop role if exists onlooker; create role onlooker login {rights}")
    clinic.ask("alter role onlooker set default_transaction_read_only = on")
    clinic.ask("grant usage on schema public to onlooker")
    clinic.ask("grant select on all tables in schema public to onlooker")
    dsn = make_conninfo(clinic.system.settings.dsn, user="onlooker")
    settings = clinic.system.settings.model_copy(update={"dsn": dsn})
    return replace(clinic.system, settings=settings)


@pytest.fixture
def onlooker(clinic: Clinic) -> Any:

    def enter(rights: str) -> System:
        return as_reader(clinic, rights)

    yield enter
    clinic.ask("drop owned by onlooker; drop role onlooker")


def test_a_login_that_may_only_select_sees_the_same(
    clinic: Clinic, onlooker: Callable[[str], System]
) -> None:
    theirs = foresee.foresee(onlooker("bypassrls"), None, ANNA)
    ours = seen(clinic, ANNA)
    assert [str(place) for place in theirs.unseen if place not in ours.unseen] == [
        "notes of erasures that were begun"
    ]
    same = replace(theirs, unseen=ours.unseen)
    assert foretold.document(same) == foretold.document(ours)


def test_who_is_held_back_by_row_security_is_told_and_sees_no_smaller_numbers(
    onlooker: Callable[[str], System],
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security") as hidden:
        foresee.foresee(onlooker("nobypassrls"), None, ANNA)
    told = connect.explain(hidden.value)
    assert told.what == "row security hides rows from this login: it lacks BYPASSRLS"
    assert "`alter role ... bypassrls` gives it: said by a superuser" in told.hint


def test_nothing_of_ours_need_be_installed(clinic: Clinic) -> None:
    before = foretold.document(seen(clinic, ANNA))
    clinic.ask("drop schema lifecycle cascade")
    settings = clinic.system.settings.model_copy(update={"reference_key": None})
    found = foresee.foresee(replace(clinic.system, settings=settings), None, ANNA)
    assert foretold.document(found) == before


@pytest.fixture
def say(
    clinic: Clinic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cluster: Cluster,
) -> Say:
    """Run one command over the clinic; return standard output and error, in which no trace of Anna stands."""
    text = (the_clinic.HERE / "clinic.yaml").read_text()
    name = clinic.system.policy.database
    (tmp_path / "policy.yaml").write_text(text.replace("database: clinic", f"database: {name}"))
    own = clinic.system.settings.model_dump(mode="json", exclude_none=True)
    (tmp_path / "lifecycle.yaml").write_text(json.dumps({"systems": {"clinic": own}}))
    monkeypatch.setenv("LIFECYCLE_SETTINGS", str(tmp_path / "lifecycle.yaml"))

    def run(*words: str, code: int = 0, stdin: str | bytes = "") -> tuple[str, str]:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
        monkeypatch.setattr(cli_options.chosen, "as_json", False)
        said_before = cluster.log.stat().st_size
        ended = cli.carry_out(list(words))
        out, err = capsys.readouterr()
        assert ended == code, out + err
        with cluster.log.open("rb") as log:
            log.seek(said_before)
            logged = log.read().decode()
        assert not any(key in (out + err + logged).lower() for key in (ANNA, NOBODY, "lind"))
        return out, err

    return run


def test_the_key_is_taken_from_standard_input_and_never_repeated(say: Say) -> None:
    out, _ = say("gdpr", "plan", "--person", "-", stdin=f"{ANNA}\n")
    assert "Would go: 12 rows in 6 tables" in out
    assert say("gdpr", "plan", "--person", ANNA)[0] == out
    document = json.loads(say("gdpr", "plan", f"--person={ANNA.upper()}", "--json")[0])
    assert (document["schema"], document["deleted"]["visit"]) == ("lifecycle.gdpr-person.v1", 2)


WRONG: tuple[tuple[tuple[str, ...], str | bytes, int, str], ...] = (
    (("--person", NOBODY), "", 6, "no person has the key that was given (person.person_id, uuid)"),
    (("--person", "lind, anna"), "", 6, "no person has the key that was given"),
    (("--person", "-"), "lind, anna", 6, "no person has the key that was given"),
    (("--person", "-"), "", 2, "no key of a person was given"),
    (("--person", "-"), f"{ANNA}\n{OTTO}\n", 2, "no key of a person was given"),
    (("--person", "-"), b"\xff\xfe", 2, "no key of a person was given"),
    (("--person", ""), "", 2, "no key of a person was given"),
    (("--person", "lind,", "anna", "lind"), "", 2, "too many words"),
    (("--person", "lind,", "anna"), "", 2, "a plan is of one request or of one --person"),
    (("--kind", "lind, anna"), "", 2, "--kind says of which kind --person is"),
    (("--kind", "lind, anna", "--person", ANNA), "", 2, "the policy has no such kind of people"),
)


def test_whatever_is_wrong_is_one_clear_error_without_the_key(say: Say) -> None:
    for words, typed, code, what in WRONG:
        out, err = say("gdpr", "plan", *words, code=code, stdin=typed)
        assert (out, err.count("\n")) == ("", 2)
        assert err.startswith(f"error: {what}")
        out, err = say("gdpr", "plan", *words, "--json", code=code, stdin=typed)
        assert json.loads(out)["error"].startswith(what)


def test_where_it_would_be_refused_the_command_ends_with_the_code_of_a_refusal(
    clinic: Clinic, say: Say
) -> None:
    clinic.ask("update board set words = 'anna@example.org'")
    out, err = say("gdpr", "plan", "--person", ANNA, code=4)
    assert "board.words" in out
    assert err.startswith("error: an erasure of this person would be refused")
    document = json.loads(say("gdpr", "plan", "--person", ANNA, "--json", code=4)[0])
    assert document["quoted"] == [
        {"table": "board", "rows": 1, "columns": {"words": 1}, "says": {}}
    ]


@pytest.fixture
def practice(database: str) -> Callable[[dict[str, Any]], System]:
    """Return what makes a system of the tables and people of whose.md, under its policy with these changes."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(SCHEMA.encode())
        conn.execute("alter table letters alter about_id drop not null")
        conn.execute(
            """insert into users (role, email) values ('patient', 'anna@x.example'), ('nurse', 'nora@x.example');
               insert into contacts (user_id, kind, value) values (1, 'phone', 'anna@x.example');
               insert into visits (patient_id, nurse_id, summary)
               values (1, 2, 'anna@x.example came'), (1, 2, null), (1, 2, 'Anna@X.example too');
               insert into letters (about_type, about_id, words) values ('User', 1, 'dear anna@x.example');
               insert into waiting_list (address) values ('anna@x.example');
               insert into imports (user_id, rows_read) values (1, 7), (1, 8), (2, 9);
               insert into invoices (patient_id, issued_at, cents) values (1, '2026-01-01', 100)"""
        )

    def make(change: dict[str, Any]) -> System:
        with psycopg.connect(database) as conn:
            system = build.system(database, changed(conn, change))
        settings = system.settings.model_copy(update={"dsn": database})
        return replace(system, settings=settings)

    return make


def test_a_policy_beyond_the_erasure_is_told_word_by_word_with_where_the_person_is_quoted(
    practice: Callable[[dict[str, Any]], System],
) -> None:
    system = practice(BEYOND)
    with pytest.raises(InputError, match="several kinds of people") as unsaid:
        foresee.foresee(system, None, "1")
    assert "patient, nurse" in unsaid.value.hint
    found = foresee.foresee(system, "patient", "1")
    assert (found.found, len(found.beyond)) == (None, 1)
    assert {one.table: one.columns for one in found.quoted} == {
        "letters": {"words": 1},
        "waiting_list": {"address": 1},
    }
    lines = list(foretell.lines(found))
    assert_readable(lines)
    assert "  tables.events.references.visitor" in lines
    assert lines[lines.index("    by the policy it is shown to a person") - 1].split() == [
        "letters.words", "1", "row",
    ]  # fmt: skip
    assert found.refusals == (
        "the policy says what an erasure cannot carry out yet",
        "the policy has no `erasure:`, so nobody can ask for it",
    )


def test_the_ground_of_what_is_kept_and_what_is_ignored_are_told_as_the_page_shows_it(
    practice: Callable[[dict[str, Any]], System],
) -> None:
    found = foresee.foresee(practice(PLAIN), None, "0001")
    document = foretold.document(found)
    assert (document["ignored"], document["beyond"]) == ({"imports.user_id": 2}, ())
    assert document["kept"] == {
        "invoices": {
            "rows": 1,
            "clear": ["patient_id", "addressee"],
            "because": "books are kept, without a name",
            "until": "10 years after issued_at",
            "ground": "tax, section 147 AO",
        }
    }
    assert {one.table: one.rows for one in found.quoted} == {"letters": 1, "waiting_list": 1}
    lines = list(foretell.lines(found))
    assert_readable(lines)
    assert "    until: 10 years after issued_at; ground: tax, section 147 AO" in lines
    assert "    because: an administrator, of whom nothing else is known here" in lines
    (shown,) = re.findall(r"^key of the person:\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert shown.splitlines() == lines


def test_somebody_of_another_kind_in_the_same_table_is_no_such_person(
    practice: Callable[[dict[str, Any]], System],
) -> None:
    system = practice(BEYOND)
    assert foresee.foresee(system, "nurse", "2").kind == "nurse"
    for kind, key in (("patient", "2"), ("nurse", "1"), ("patient", "0_1")):
        with pytest.raises(NotFound, match=f"no {kind} has the key that was given"):
            foresee.foresee(system, kind, key)


def test_a_person_on_hold_is_told_to_stay(clinic: Clinic, say: Say) -> None:
    hold(clinic.system, What("person", subject="person", key=ANNA))
    out, _ = say("gdpr", "plan", "--person", ANNA, code=4)
    assert "2 rows of visit on legal hold" in out
