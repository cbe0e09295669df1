"""why.py: whatever becomes of a request, one command says where it stands, and names nobody."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gdpr import night as nights
from gdpr import outside, request, trail, why
from gdpr.promise import PROMISE
from gdpr.told import lines
from lifecycle import cli_options
from lifecycle.cli import carry_out
from lifecycle.errors import NotFound, Unreachable
from lifecycle.holds import place
from lifecycle.holds.hold import What
from lifecycle.ledger import claims
from tests.database import clinic as the_clinic
from tests.database.clinic import ANNA, JOANNA, NOW, TRACES, Clinic
from tests.keep import keep, plan

LATE = datetime(2027, 3, 1, 12, tzinfo=UTC)
Change = Callable[[Clinic], None]


def away(*_: object, **__: object) -> NoReturn:
    """Be a part of the world that does not answer."""
    raise Unreachable("away", hint="")


def night(clinic: Clinic, part: tuple[object, str] | None = None) -> None:
    """Do what a night does, to its end on the ledger; with a part of the world away it is cut off there."""
    claim = clinic.claim()
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Unreachable):
        if part:
            patch.setattr(*part, away)
        outcome = keep(PROMISE, clinic.system, claim, NOW)
        with contextlib.closing(clinic.system.connect("test")) as conn:
            claims.finish(conn, claim, outcome)
    clinic.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")


def told(clinic: Clinic, wanted: str = "1", now: datetime = NOW) -> dict[str, Any]:
    """Return what is said of a request; nothing in it is of a person, and asking changed nothing."""
    before = clinic.everything(), clinic.ask("select e::text from lifecycle.erasure e order by 1")
    found = why.document(trail.read(clinic.system, wanted), now)
    said = json.dumps(found, default=str) + "\n".join(lines(found))
    assert not any(trace.lower() in said.lower() for trace in (*TRACES, JOANNA))
    after = clinic.everything(), clinic.ask("select e::text from lifecycle.erasure e order by 1")
    assert after == before
    return found


def hold(clinic: Clinic) -> None:
    with clinic.system.connect("test") as conn:
        what = What("person", subject="person", key=ANNA)
        place.place(conn, what, because="a lawsuit", placed_by="case 7", until=None)


def ask(text: str) -> Change:
    return lambda clinic: void(clinic.ask(text))


def void(_: object) -> None:
    """Drop what was returned."""


def then(*changes: Change) -> Change:
    return lambda clinic: [change(clinic) for change in changes].clear()


ERASED: Change = lambda clinic: night(clinic, (nights, "prove"))  # noqa: E731
SEALED: Change = lambda clinic: night(clinic, (outside, "delete_payers"))  # noqa: E731


locked: Change = lambda clinic: void(the_clinic.lock(clinic))  # noqa: E731


def residue(clinic: Clinic) -> None:
    """Let somebody write her address between erasure and proof."""
    looked = nights.prove

    def late(*args: Any) -> Any:
        clinic.ask("insert into board values (7, 'anna@example.org was here')")
        return looked(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nights, "prove", late)
        night(clinic)


STATES: dict[str, tuple[str, Change, str]] = {
    "due": ("due", ask("select 1"), "no run has taken it"),
    "in grace": (
        "in grace",
        ask("update request set due = '2026-12-20 06:00Z' where request_id = 1"),
        "can change their mind",
    ),
    "refused": (
        "refused",
        then(ask("insert into board values (7, 'anna@example.org')"), night),
        "refused it. Nothing is erased",
    ),
    "on hold": ("on hold", hold, "2 rows of visit on legal hold"),
    "on hold, half-way": ("on hold", then(SEALED, hold), "Part of the person is gone already"),
    "locked": (
        "locked",
        locked,
        "Object Lock keeps 3 versions of their objects in papers: 2 until",
    ),
    "locked, and refused": ("locked", then(locked, night), "lift it in the object store"),
    "killed between claim and note": (
        "interrupted",
        lambda clinic: night(clinic, (request, "_seal")),
        "before its note was sealed",
    ),
    "killed half-way": ("interrupted", SEALED, "its note is sealed"),
    "erased": ("erased, not proven", ERASED, "has not passed"),
    "found again": ("found again", residue, "found the person"),
    "proven": ("proven", night, "found nowhere it was looked"),
    "proven, its row gone": (
        "proven",
        then(night, ask("delete from request where request_id = 1")),
        "row itself is gone",
    ),
    "opened again": (
        "opened again",
        then(night, ask("update request set state = 'pending' where request_id = 1")),
        "somebody opened it again",
    ),
    "canceled": (
        "canceled",
        ask("update request set state = 'canceled' where request_id = 1"),
        "no erasure of it is open",
    ),
    "canceled half-way": (
        "canceled half-way",
        then(SEALED, ask("update request set state = 'canceled' where request_id = 1")),
        "canceled the request since",
    ),
    "closed half-way": (
        "closed half-way",
        then(ERASED, ask("update request set state = 'completed' where request_id = 1")),
        "closed the request since",
    ),
    "vanished half-way": (
        "vanished half-way",
        then(ERASED, ask("delete from request where request_id = 1")),
        "gone from the application's table",
    ),
    "vanished after the claim": (
        "vanished",
        then(
            lambda clinic: night(clinic, (request, "_seal")),
            ask("delete from request where request_id = 1"),
        ),
        "its row is gone from the application's table",
    ),
    "closed by somebody else": (
        "closed by somebody else",
        ask("update request set state = 'completed' where request_id = 1"),
        "nothing was proven",
    ),
    "unclear": (
        "unclear",
        ask("update request set state = 'maybe' where request_id = 1"),
        "no word of the policy",
    ),
    "without a date": (
        "without a date",
        ask("update request set due = 'infinity' where request_id = 1"),
        "nobody can say when it is due",
    ),
}


@pytest.mark.parametrize(("state", "change", "words"), STATES.values(), ids=list(STATES))
def test_every_state_of_a_request_is_told_with_its_next_step(
    clinic: Clinic, state: str, change: Change, words: str
) -> None:
    change(clinic)
    reference = clinic.reference(1)
    found = told(clinic, reference)
    assert (found["reference"], found["state"]) == (reference, state)
    assert words in found["meaning"] + found["next"]
    assert found["next"]
    assert told(clinic, "1") == found


def test_of_a_reference_that_nobody_has_it_says_so(clinic: Clinic) -> None:
    for wanted in ("99", "0" * 32):
        with pytest.raises(NotFound, match="no request and no erasure"):
            trail.read(clinic.system, wanted)


def test_of_a_proven_one_it_says_when_what_went_and_what_nobody_looked_at(clinic: Clinic) -> None:
    night(clinic)
    found = told(clinic)
    assert found["asked"].isoformat() == "2026-10-22T06:00:00+00:00"
    assert found["deadline"].isoformat() == "2026-11-22T06:00:00+00:00"
    assert found["claimed"] <= found["erased"] <= found["proven"]
    assert found["rows"]["person"] == 1
    assert found["looked"]["counts"]["rows"] > 0
    assert found["found"] == []
    assert "log of the database server" in [one["place"] for one in found["not_looked_at"]]
    assert not found["past_deadline"]
    assert told(clinic, now=LATE)["past_deadline"] is False


def test_a_refusal_is_told_with_its_hint_and_the_deadline_that_has_passed(clinic: Clinic) -> None:
    clinic.ask("insert into board values (7, 'anna@example.org')")
    night(clinic)
    found = told(clinic, now=LATE)
    assert found["past_deadline"]
    [refusal] = found["refused"]
    assert "board" in refusal["what"]
    said = "\n".join(lines(found))
    assert "by law (GDPR Art. 12(3)), which has passed" in said
    assert f"hint: {refusal['hint']}" in said


def test_where_the_person_was_found_again_the_places_are_named_until_they_are_gone(
    clinic: Clinic,
) -> None:
    residue(clinic)
    assert told(clinic)["found"] == ["board"]
    night(clinic)
    found = told(clinic)
    assert "could not end it" in found["meaning"] or found["state"] == "found again"
    assert "board" in found["refused"][0]["what"]
    clinic.ask("delete from board where board_id = 7")
    night(clinic)
    assert (told(clinic)["state"], told(clinic)["found"]) == ("proven", [])


def test_what_was_announced_outside_and_has_no_outcome_is_named(clinic: Clinic) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lifecycle.outside.objects.Objects.delete_versions", away)
        night(clinic)
    assert told(clinic)["announced_without_outcome"] == ["gdpr.objects_deleted at papers"]
    night(clinic)
    assert told(clinic)["announced_without_outcome"] == []


def test_a_second_request_of_the_same_person_is_answered_by_the_first_and_says_so(
    clinic: Clinic,
) -> None:
    clinic.ask(
        "insert into request values (9, %(a)s, '2026-11-01Z', '2026-12-01Z', 'pending')", a=ANNA
    )
    night(clinic)
    found = told(clinic, "9")
    assert (found["state"], found["answered_by"]) == ("proven", clinic.reference(1))


def test_a_number_that_is_anothers_now_tells_of_the_other_and_of_the_first_only_that_it_was(
    clinic: Clinic,
) -> None:
    night(clinic)
    clinic.ask("update board set words = 'nobody'")
    clinic.ask("delete from request")
    clinic.ask(
        "insert into request values (1, %(j)s, '2026-10-21 06:00Z', '2026-11-20 06:00Z')", j=JOANNA
    )
    found = told(clinic)
    assert (found["state"], found["others_under_this_number"]) == ("due", 1)
    assert (found["rows"], found["looked"], found["erased"]) == ({}, None, None)
    night(clinic)
    found = told(clinic)
    assert (found["state"], found["others_under_this_number"]) == ("proven", 1)


def test_a_run_that_is_at_it_is_told_and_one_that_was_killed_is_not(clinic: Clinic) -> None:
    claim = clinic.claim()
    assert told(clinic)["state"] == "at work"
    clinic.ask(
        "update lifecycle.heartbeat set at = at - interval '1 day' where run_id = %(r)s", r=claim.id
    )
    clinic.ask(
        "update lifecycle.run set started_at = started_at - interval '1 day' where id = %(r)s",
        r=claim.id,
    )
    assert told(clinic)["state"] == "due"


def test_a_plan_of_one_other_request_says_nothing_of_this_one(clinic: Clinic) -> None:
    clinic.ask("insert into board values (7, 'anna@example.org')")
    night(clinic)
    refused = told(clinic)
    clinic.ask(
        "update request set due = '2026-11-20 06:00Z', asked = '2026-10-20Z' where request_id = 2"
    )
    shown = plan(PROMISE, clinic.system, NOW, clinic.reference(2))
    outcome = clinic.erase(shown=shown)
    clinic.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
    assert outcome is not None
    assert told(clinic)["refused"] == refused["refused"]


def test_the_command_prints_it_for_people_and_for_machines(
    clinic: Clinic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    night(clinic)
    text = (the_clinic.HERE / "clinic.yaml").read_text()
    name = clinic.system.policy.database
    (tmp_path / "policy.yaml").write_text(text.replace("database: clinic", f"database: {name}"))
    own = clinic.system.settings.model_dump(mode="json", exclude_none=True)
    (tmp_path / "lifecycle.yaml").write_text(json.dumps({"systems": {"clinic": own}}))
    monkeypatch.setenv("LIFECYCLE_SETTINGS", str(tmp_path / "lifecycle.yaml"))
    monkeypatch.setattr(cli_options.chosen, "as_json", False)
    assert carry_out(["gdpr", "why", clinic.reference(1)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"request {clinic.reference(1)}: proven\n")
    assert said.endswith("next: None.\n")
    assert carry_out(["gdpr", "why", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "lifecycle.gdpr-why.v1"
    monkeypatch.setattr(cli_options.chosen, "as_json", False)
    assert carry_out(["gdpr", "why", "99"]) == 6
