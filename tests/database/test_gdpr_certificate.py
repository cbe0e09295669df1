"""certificate.py: who was proven gone has a signed certificate, which says first what nobody inspected, and names nobody."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from backups import signed as signatures
from backups.section import Backups
from gdpr import certificate, horizon, signed, trail
from lifecycle import cli_options
from lifecycle.cli import carry_out
from lifecycle.errors import InputError, Refused, Unproven
from lifecycle.outside import signing
from lifecycle.system import System
from tests import build
from tests.database import clinic as the_clinic
from tests.database.clinic import ANNA, JOANNA, NOW, OTTO, TRACES, Clinic
from tests.database.test_backups import World, world
from tests.database.test_gdpr_why import ERASED, SEALED, night, residue

__all__ = ["world"]

Change = Callable[[Clinic], object]

# Into every column of text, JSON and arrays, of everybody's rows: what steers the clinic stays as it is.
SENTINELS = """
    do $$ declare c record; begin
        for c in select a.attrelid::regclass as t, a.attname as n, format_type(a.atttypid, null) as kind
                   from pg_attribute a join pg_class r on r.oid = a.attrelid
                  where r.relnamespace = 'public'::regnamespace and r.relkind in ('r', 'p') and not r.relispartition
                    and a.attnum > 0 and not a.attisdropped and format_type(a.atttypid, null) in ('text', 'jsonb', 'text[]')
                    and (r.relname, a.attname) not in (('request', 'state'), ('history', 'tbl'), ('history', 'rec'),
                         ('history', 'before'), ('history', 'after'))
        loop
            execute format('update %s as t set %I = %s', c.t, c.n, case c.kind
                when 'jsonb' then format('jsonb_build_object(''of'', ''sentinel'' || md5(t::text || %L))', c.n)
                when 'text[]' then format('array[''sentinel'' || md5(t::text || %L)]', c.n)
                else format('''sentinel'' || md5(t::text || %L)', c.n) end);
        end loop;
    end $$
"""


def with_key(system: System, directory: Path, *public: Ed25519PrivateKey) -> System:
    """Return the system with a new signing key, and with the public halves of these."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    named = build.secret(directory, f"signing-{len(list(directory.iterdir()))}.pem", pem)
    files: list[str] = []
    for number, other in enumerate(public):
        half = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (directory / f"{number}.pub").write_bytes(half)
        files.append(f"{number}.pub")
    settings = system.settings.model_dump() | {"signing_key": named, "public_keys": files}
    return replace(system, settings=system.settings.model_validate(settings))


@pytest.fixture
def proven(clinic: Clinic, tmp_path: Path) -> Clinic:
    """The clinic after the night in which Anna's erasure was proven."""
    with_a_key = replace(clinic, system=with_key(clinic.system, tmp_path))
    night(with_a_key)
    return with_a_key


def made(clinic: Clinic, wanted: str = "1") -> dict[str, Any]:
    """Return the signed certificate of a request."""
    known = trail.read(clinic.system, wanted)
    return signatures.sign(clinic.system, certificate.make(clinic.system, known, NOW))


def test_it_says_first_what_was_not_inspected_and_the_page_has_no_green_seal(
    proven: Clinic,
) -> None:
    found = made(proven)
    first = list(found)[:4]
    assert first == ["schema", "says", "inspected_everywhere", "not_inspected"]
    assert "NOT INSPECTED: " in found["says"]
    assert not found["inspected_everywhere"]
    assert "log of the database server" in [one["place"] for one in found["not_inspected"]]
    page = signed.page(found)
    assert 'class="headline warn"' in page
    assert 'class="headline good"' not in page
    assert page.index("NOT INSPECTED") < page.index("What was erased")
    assert page.index("What was not inspected") < page.index("What was erased")
    for place in found["not_inspected"]:
        assert place["place"] in page
    # Its own proof tells what was not looked at, when the night's run has left the ledger, or knew more of others.
    with psycopg.connect(proven.admin, autocommit=True) as conn:
        conn.execute("update lifecycle.run set coverage = null")
    assert list(trail.read(proven.system, "1").unseen or ()) == found["not_inspected"]


def test_only_where_everything_was_inspected_and_is_on_record_it_says_so() -> None:
    says = certificate._says  # pyright: ignore[reportPrivateUsage]
    assert "every place that was promised was inspected" in says(0, 0)
    assert "every place" not in says(1, 0) + says(0, 1)


def test_it_says_what_went_what_stayed_on_which_ground_and_by_what_it_was_decided(
    proven: Clinic,
) -> None:
    found = made(proven)
    went = found["erasure"]
    assert went["rows_of_the_person_by_table"] == {
        "diary": 2,
        "finding": 2,
        "paper": 3,
        "person": 1,
        "scan": 2,
        "visit": 2,
    }
    assert {name: of["rows"] for name, of in went["deleted"].items()} == went[
        "rows_of_the_person_by_table"
    ]
    assert went["cleared_in_rows_of_others"]["visit.doctor_id"] == {"rows": 1}
    assert found["kept"] == [
        {
            "table": "request",
            "cleared": ["person_id"],
            "because": "proof that it was honoured",
            "rows": 1,
        }
    ]
    [papers] = found["outside"]
    assert (papers["place"], papers["at_least"]) == ("papers", False)
    assert papers["versions"] >= papers["keys"] > 0
    assert found["recipients_told"] == []
    assert "Art. 19" in found["not_known"][0]
    assert "rows person" in found["searched"]
    assert found["search"]["looked_at"] == len(found["searched"])
    assert found["decided_by"]["policy_sha256"] == proven.system.policy_digest
    assert len(found["decided_by"]["catalog_sha256"]) == 64
    assert found["claimed"] <= found["erased"] <= found["proven"]
    assert found["asked"].startswith("2026-10-22")
    assert found["deadline"].startswith("2026-11-22")


def test_the_payer_who_was_closed_is_a_recipient_who_was_told(
    clinic: Clinic, tmp_path: Path
) -> None:
    own = replace(clinic, system=with_key(clinic.system, tmp_path))
    clinic.ask("update person set household_id = 2 where person_id = %(o)s", o=OTTO)
    night(own)
    found = made(own)
    assert [one["recipient"] for one in found["recipients_told"]] == ["stripe"]
    assert {"place": "stripe", "customers": 1, "at_least": False} in found["outside"]


def test_no_value_of_anybody_is_in_it(clinic: Clinic, tmp_path: Path) -> None:
    clinic.ask(SENTINELS)
    assert "sentinel" in str(clinic.everything())
    own = replace(clinic, system=with_key(clinic.system, tmp_path))
    night(own)
    found = made(own)
    assert found["erasure"]["deleted"]["person"] == {"rows": 1}
    for said in (signatures.spelled(found).decode(), signed.page(found)):
        assert "sentinel" not in said.lower()
        assert not any(trace.lower() in said.lower() for trace in (*TRACES, OTTO, JOANNA))
        assert not any(customer in said for customer in clinic.customers)


STATES: dict[str, tuple[Change, str]] = {
    "due": (lambda _: None, "it is due"),
    "refused": (
        lambda c: (c.ask("insert into board values (7, 'anna@example.org')"), night(c)),
        "it is refused",
    ),
    "half-way": (SEALED, "it is interrupted"),
    "not proven": (ERASED, "it is erased, not proven"),
    "found again": (residue, "it is found again"),
    "canceled": (
        lambda c: c.ask("update request set state = 'canceled' where request_id = 1"),
        "it is canceled",
    ),
    "opened again": (
        lambda c: (night(c), c.ask("update request set state = 'pending' where request_id = 1")),
        "it is opened again",
    ),
    "closed by somebody else": (
        lambda c: c.ask("update request set state = 'completed' where request_id = 1"),
        "it is closed by somebody else",
    ),
    "proven by an earlier release": (
        lambda c: (night(c), c.ask("update lifecycle.erasure set proof = null")),
        "was not kept then",
    ),
}


@pytest.mark.parametrize(("change", "what"), STATES.values(), ids=list(STATES))
def test_of_an_erasure_that_is_not_proven_there_is_none(
    clinic: Clinic, change: Change, what: str
) -> None:
    change(clinic)
    with pytest.raises(Refused, match="there is no certificate of this request") as refused:
        certificate.make(clinic.system, trail.read(clinic.system, "1"), NOW)
    assert what in refused.value.what
    assert f"`lifecycle gdpr why {clinic.reference(1)}`" in refused.value.hint


def test_where_the_ledgers_lines_are_gone_it_says_so_first(proven: Clinic) -> None:
    proven.ask("set session_replication_role = replica; delete from lifecycle.evidence")
    found = made(proven)
    assert "NOT ON RECORD: 1 thing" in found["says"]
    assert "nothing of places outside the database" in found["not_on_record"][0]
    assert found["erasure"]["rows_of_the_person_by_table"]["person"] == 1
    assert "What is not on record" in signed.page(found)


def test_what_was_cut_off_outside_is_counted_as_at_least(clinic: Clinic, tmp_path: Path) -> None:
    own = replace(clinic, system=with_key(clinic.system, tmp_path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lifecycle.outside.objects.Objects.delete_versions", _cut)
        with pytest.raises(KeyboardInterrupt):
            night(own)
    own.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
    night(own)
    [papers] = made(own)["outside"]
    assert papers["at_least"]
    assert "at least " in signed.page(made(own))


def _cut(*_: object) -> None:
    raise KeyboardInterrupt


def _spelled_otherwise(signature: str) -> str:
    """Return another text of the same 64 bytes: the last letter of base64 has four bits that nothing needs."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = letters[letters.index(signature[-3]) ^ 1]
    other = f"{signature[:-3]}{last}=="
    assert base64.b64decode(other, validate=True) == base64.b64decode(signature)
    return other


def test_a_changed_certificate_is_found_and_an_earlier_key_counts_by_its_public_half(
    proven: Clinic, tmp_path: Path
) -> None:
    directory = tmp_path / "out"
    found = made(proven)
    digest = signed.write(directory, found)
    file = directory / "certificate.json"
    assert signatures.check(proven.system, file, certificate.SCHEMA, "certificate") == found
    assert digest in (directory / "certificate.html").read_text()
    whole = file.read_bytes()
    another = dict(found) | {"signature": base64.b64encode(bytes(64)).decode()}
    for body in (
        whole.replace(b'"rows": 1', b'"rows": 2', 1),
        whole.replace(b"{\n", b'{\n  "says": "all of it",\n', 1),
        whole + b"\n",
        whole.replace(b"  ", b" "),
        b"{}",
        b"[]",
        b"\xff",
        signatures.spelled({k: v for k, v in found.items() if k != "signature"}),
        signatures.spelled(another),
        signatures.spelled(found | {"signature": _spelled_otherwise(found["signature"])}),
    ):
        file.write_bytes(body)
        with pytest.raises(Unproven):
            signatures.check(proven.system, file, certificate.SCHEMA, "certificate")
    file.write_bytes(whole)
    with pytest.raises(Unproven, match="no key that counts"):
        signatures.check(with_key(proven.system, tmp_path), file, certificate.SCHEMA, "certificate")
    signs = signing.signing_key(proven.system.settings.signing_key)
    assert (
        signatures.check(
            with_key(proven.system, tmp_path, signs.key), file, certificate.SCHEMA, "certificate"
        )
        == found
    )
    nobody = proven.system.settings.model_copy(update={"signing_key": None})
    with pytest.raises(InputError, match="no signing key is set"):
        signatures.check(
            replace(proven.system, settings=nobody), file, certificate.SCHEMA, "certificate"
        )
    with pytest.raises(InputError, match="no signing key is set"):
        made(replace(proven, system=replace(proven.system, settings=nobody)))


CLASSES = {
    "bucket": "dumps",
    "keep": "30 days",
    "weekly": {"prefix": "weekly/", "keep": "12 weeks"},
    "monthly": {"prefix": "monthly/", "keep": "2 months"},
}


def promising(system: System, **dumps: Any) -> System:
    """Return the system with dumps of three classes promised."""
    bucket = system.policy.backups.dumps.bucket  # type: ignore[attr-defined]
    asked = Backups.model_validate({"dumps": CLASSES | {"bucket": bucket} | dumps})
    return replace(system, policy=system.policy.model_copy(update={"backups": asked}))


def test_the_last_copy_ends_by_the_list_where_it_can_be_read(world: World) -> None:
    system, taken = promising(world.system), world.dump()
    before = taken.started_at - timedelta(days=1)
    assert [(c.there, c.until, c.endless) for c in horizon.copies(system, (), before)] == [
        (0, None, False)
    ] * 3
    every = horizon.copies(system, (), taken.finished_at)
    daily, weekly, monthly = every
    assert (daily.there, daily.until) == (1, taken.slot + timedelta(days=30))
    # The host that began it and the database that proved may have clocks that are minutes apart.
    assert horizon.copies(system, (), taken.started_at - timedelta(minutes=4))[0] == daily
    # The daily dump becomes its week's copy, so the person is kept for as long as that.
    assert (weekly.there, weekly.until) == (0, taken.slot + timedelta(weeks=12))
    assert monthly.until is not None
    last = certificate._last(every)  # pyright: ignore[reportPrivateUsage]
    assert last["until"] == (taken.slot + timedelta(weeks=12)).isoformat()


def test_where_nothing_says_when_a_copy_ends_no_date_is_said(world: World) -> None:
    taken = world.dump()
    every = horizon.copies(promising(world.system, keep=None), (), taken.finished_at)
    assert (every[0].until, every[0].endless) == (None, True)
    last = certificate._last(every)  # pyright: ignore[reportPrivateUsage]
    assert last["until"] is None
    assert "daily dumps" in last["why"]


def test_a_dump_that_somebody_deleted_and_the_bucket_keeps_as_a_version_has_no_date(
    world: World,
) -> None:
    world.client.put_bucket_versioning(
        Bucket=world.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    taken, system = world.dump(), promising(world.system)
    assert not horizon.copies(system, (), taken.finished_at)[0].endless
    world.remove(taken)
    daily = horizon.copies(system, (), taken.finished_at)[0]
    assert (daily.there, daily.until, daily.endless) == (0, None, True)
    assert daily.note.startswith("1 more there")


def test_the_last_copy_ends_by_the_policy_where_no_list_can_be_read_and_it_says_so(
    proven: Clinic,
) -> None:
    asked = Backups.model_validate(
        {"dumps": CLASSES, "wal_g": {"window": "7 days", "rpo": "5 minutes", "rto": "1 hour"}}
    )
    policy = proven.system.policy.model_copy(update={"backups": asked})
    found = made(replace(proven, system=replace(proven.system, policy=policy)))
    daily, _, _, wal_g = found["copies"]
    assert daily["there"] is None
    assert "by the policy alone" in daily["note"]
    assert daily["until"] > found["proven"]
    assert wal_g["endless"]
    assert found["last_copy"]["until"] is None
    assert "No date can be said" in found["last_copy"]["why"]
    assert "not read" in signed.page(found)


def test_the_command_writes_it_signs_it_and_checks_it(
    proven: Clinic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (the_clinic.HERE / "clinic.yaml").read_text()
    name = proven.system.policy.database
    (tmp_path / "policy.yaml").write_text(text.replace("database: clinic", f"database: {name}"))
    own = proven.system.settings.model_dump(mode="json", exclude_none=True)
    (tmp_path / "lifecycle.yaml").write_text(json.dumps({"systems": {"clinic": own}}))
    monkeypatch.setenv("LIFECYCLE_SETTINGS", str(tmp_path / "lifecycle.yaml"))
    monkeypatch.setattr(cli_options.chosen, "as_json", False)
    out = tmp_path / "out"
    assert carry_out(["gdpr", "certificate", "1", "-o", str(out)]) == 0
    assert "NOT INSPECTED" in capsys.readouterr().out
    assert carry_out(["gdpr", "certificate", "1", "-o", str(out)]) == 2
    assert carry_out(["gdpr", "certificate", "--verify", str(out / "certificate.json")]) == 0
    assert f"request {proven.reference(1)}" in capsys.readouterr().out
    assert carry_out(["gdpr", "certificate", "--verify", str(out / "certificate.html")]) == 9
    assert carry_out(["gdpr", "certificate"]) == 2
    assert carry_out(["gdpr", "certificate", "2", "-o", str(tmp_path / "no")]) == 4
    assert "lifecycle gdpr why" in capsys.readouterr().err
    assert ANNA not in (out / "certificate.html").read_text()
