"""The runbooks about one request: each command of a page is typed, and ends as the page says that it would."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from lifecycle.errors import Refused
from lifecycle.outside.commands import Finished
from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from runbooks import erasing
from runbooks.books import book
from tests import forked
from tests.database import clinic as the_clinic
from tests.database.clinic import Clinic
from tests.database.test_gdpr_why import SEALED, ask, hold, night, residue, then

BOOKS = {state: name for name, states in erasing.BOOKS.items() for state in states}


def typed(
    clinic: Clinic, place: Path, more: str = "", admin: str = "", **own: object
) -> Callable[..., Finished]:
    """Return how a command is typed where the clinic is installed; `more` of its policy, `own` of its settings."""
    text = (the_clinic.HERE / "clinic.yaml").read_text() + more
    name = clinic.system.policy.database
    (place / "policy.yaml").write_text(text.replace("database: clinic", f"database: {name}"))
    theirs = clinic.system.settings.model_dump(mode="json", exclude_none=True) | own
    machine = {"reports": str(place / "reports"), "scratch": str(place / "scratch")}
    (place / "scratch").mkdir(exist_ok=True)
    (place / "lifecycle.yaml").write_text(json.dumps({"systems": {"clinic": theirs}} | machine))
    environment = os.environ | {"LIFECYCLE_SETTINGS": str(place / "lifecycle.yaml")}
    environment |= {"LIFECYCLE_ADMIN_DSN": admin} if admin else {}

    def run(*words: str, answers: str = "") -> Finished:
        ended = forked.run(words, environment, place, timeout=120, typed=answers)
        return Finished("lifecycle", ended.returncode, ended.stdout, ended.stderr, 0.0)

    return run


def test_a_book_is_refused_for_a_request_that_stands_elsewhere_and_the_right_one_is_named(
    clinic: Clinic,
) -> None:
    SEALED(clinic)
    about = {"request": "1"}
    assert book("erasure-stuck").gather(clinic.system, about).request == clinic.reference(1)
    for other in erasing.BOOKS.keys() - {"erasure-stuck"}:
        with pytest.raises(Refused, match="it is interrupted") as refused:
            book(other).gather(clinic.system, about)
        named = f"runbooks run erasure-stuck --request {clinic.reference(1)}"
        assert named in refused.value.hint


def test_where_nothing_is_to_be_done_the_book_says_so(clinic: Clinic) -> None:
    ask("update request set due = '2099-12-20 06:00Z' where request_id = 1")(clinic)
    with pytest.raises(Refused, match="it is in grace") as refused:
        book("erasure-stuck").gather(clinic.system, {"request": "1"})
    assert "can change their mind" in refused.value.hint


def mend(clinic: Clinic) -> None:
    ask("delete from board where board_id = 7")(clinic)


def reopen(clinic: Clinic) -> None:
    ask("update request set state = 'processing' where request_id = 1")(clinic)


REFUSED = then(ask("insert into board values (7, 'anna@example.org')"), night)
WALKS = {
    "refused": (REFUSED, "mend", mend),
    "found again": (residue, "mend", mend),
    "locked": (the_clinic.lock, "lift", the_clinic.unlock),
    "canceled half-way": (
        then(SEALED, ask("update request set state = 'canceled' where request_id = 1")),
        "reopen",
        reopen,
    ),
}


@pytest.mark.parametrize(("change", "by_hand", "done"), WALKS.values(), ids=list(WALKS))
def test_who_follows_the_page_ends_with_a_person_who_is_proven_gone(
    clinic: Clinic,
    tmp_path: Path,
    change: Callable[[Clinic], object],
    by_hand: str,
    done: Callable[[Clinic], None],
) -> None:
    change(clinic)
    run = typed(clinic, tmp_path)
    state = json.loads(run("gdpr", "why", "1", "--json").stdout)["state"]
    chosen = book(BOOKS[state])
    steps = chosen.steps(chosen.gather(clinic.system, {"request": "1"}))
    proven = next(step for step in steps if step.id == "proven")
    assert proven.judge(run(*proven.words)) is False, "before anything was done"
    for step in steps:
        if step.id == by_hand:
            done(clinic)
        if step.words and step.id not in ("doctor", "check"):  # of the test's own installation
            ended = run(*step.words)
            assert step.judge(ended), (step.id, ended)
    assert clinic.traces() == []


def test_a_hold_is_shown_and_keeps_the_run_from_what_the_book_promises(
    clinic: Clinic, tmp_path: Path
) -> None:
    hold(clinic)
    run = typed(clinic, tmp_path)
    steps = {
        s.id: s
        for s in book("erasure-stuck").steps(
            book("erasure-stuck").gather(clinic.system, {"request": "1"})
        )
    }
    assert "a lawsuit" in run(*steps["holds"].words).stdout
    assert steps["run"].judge(run(*steps["run"].words)) is False
    assert steps["proven"].judge(run(*steps["proven"].words)) is False


@pytest.mark.slow
def test_somebody_is_led_to_the_end_and_a_person_who_asks_again_gets_the_certificate(
    clinic: Clinic, tmp_path: Path
) -> None:
    REFUSED(clinic)
    run = typed(clinic, tmp_path)
    mend(clinic)
    stuck = run(
        "runbooks",
        "run",
        "erasure-stuck",
        "--request",
        "1",
        answers="r\ns\nnot here\nr\nr\nthe note is gone\nr\nr\nr\ntold\n",
    )
    assert stuck.exit_code == 0, stuck
    assert "Walked to its end." in stuck.stdout
    assert not any(trace in stuck.stdout for trace in the_clinic.TRACES)
    asks = run(
        "runbooks",
        "run",
        "erased-person-asks",
        "--request",
        "1",
        answers="r\nr\nr\nnobody\ns\nno key to sign here\nr\nsent\n",
    )
    assert asks.exit_code == 0, asks
    assert "found nowhere it was looked" in asks.stdout


def replayed_as_the_page_says(clinic: Clinic, run: Callable[..., Finished]) -> None:
    about = {"plan": json.loads(run("--json", "gdpr", "replay", "plan").stdout)["hash"]}
    chosen = book("restored-database-came-up")
    steps = chosen.steps(chosen.gather(clinic.system, about))
    lifted = next(step for step in steps if step.id == "check")
    assert lifted.judge(run(*lifted.words)) is False, "before anything was done"
    for step in steps:
        if step.words:
            ended = run(*step.words)
            assert step.judge(ended), (step.id, ended)


@pytest.mark.slow
def test_a_restore_brings_back_whoever_was_erased_and_who_follows_the_page_has_them_erased_again(
    clinic: Clinic, cluster: Cluster, tmp_path: Path
) -> None:
    """Dumped, erased, the server lost, restored onto an empty one, fenced, replayed, opened: all as it is typed."""
    name, bucket = (
        clinic.system.policy.database,
        f"{clinic.system.settings.buckets['papers']}-dumps",
    )
    clinic.store.client.create_bucket(Bucket=bucket)
    buckets = clinic.system.settings.buckets | {"backups": bucket}
    dumps = "backups: {dumps: {bucket: backups}}\n"
    run = typed(clinic, tmp_path, dumps, clinic.admin, buckets=buckets)
    assert run("init").exit_code == 0
    before = run("run", "backups.dump")
    assert before.exit_code in (0, 9), before
    assert run("run", "gdpr.erase").exit_code in (0, 9)
    assert clinic.traces() == []
    with server.temporary(cluster.binaries) as empty:
        dsn = make_conninfo(empty.dsn(name), user="lifecycle")
        run = typed(clinic, tmp_path, dumps, empty.dsn(), buckets=buckets, dsn=dsn)
        shown = json.loads(run("--json", "backups", "restore", "plan").stdout)
        closed = run("backups", "restore", "apply", shown["hash"])
        assert (closed.exit_code, "closed but to the service" in closed.stdout) == (9, True), closed
        back = replace(clinic, admin=empty.dsn(name))
        assert back.traces() != []
        assert run("init", "--dsn", empty.dsn(name)).exit_code == 0
        replayed_as_the_page_says(back, run)
        assert back.traces() == []
        dumped = empty.run("pg_dump", "-d", empty.dsn(name)).lower().replace("joanna", "")
        assert not [trace for trace in the_clinic.TRACES if trace.lower() in dumped]
        shown = json.loads(run("--json", "backups", "restore", "plan").stdout)
        assert [step["verb"] for step in shown["steps"]] == ["open"]
        assert run("backups", "restore", "apply", shown["hash"]).exit_code == 0
