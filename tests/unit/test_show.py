"""show.py: what people and machines are told."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from lifecycle import show
from lifecycle.outcome import Failure, Outcome, Verdict
from lifecycle.plan import Decision, Plan, Step
from tests.days import page

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLAN = Plan(
    room="partitions",
    system="vitalis",
    database="vitalis",
    policy_digest="abc",
    decision=Decision(
        (Step("create partition", "audit_log_2026_q2", "quarter, 2 ahead", "a short lock"),),
        refusals=(Failure("users", "it is not partitioned", "Correct the policy."),),
        notes=("wearable_daily is complete",),
    ),
)


def test_a_plan_for_people_names_each_step_its_reason_its_cost_and_how_to_apply_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.plan(PLAN, as_json=False, remembered=True)
    out = capsys.readouterr().out
    for words in ("create partition", "audit_log_2026_q2", "quarter, 2 ahead", "a short lock"):
        assert words in out
    assert f"lifecycle partitions apply {PLAN.hash}" in out
    assert "note: wearable_daily is complete" in out
    assert "refused: users: it is not partitioned\n  hint: Correct the policy." in out


def test_a_plan_that_could_not_be_remembered_says_so_and_offers_no_hash(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.plan(PLAN, as_json=False, remembered=False)
    out = capsys.readouterr().out
    assert "was not remembered" in out
    assert "apply " not in out


def test_a_plan_for_machines_is_one_document_with_its_hash(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.plan(PLAN, as_json=True, remembered=True)
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "lifecycle.plan.v1"
    assert document["hash"] == PLAN.hash
    assert document["steps"][0]["target"] == "audit_log_2026_q2"


def test_a_plan_without_steps_says_so_and_offers_nothing_to_apply(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.plan(
        Plan("gdpr", "vitalis", "vitalis", "abc", Decision(())), as_json=False, remembered=True
    )
    out = capsys.readouterr().out
    assert "nothing to do" in out
    assert "apply" not in out


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.FAIL, 1), (Verdict.UNVERIFIED, 9)])
@pytest.mark.parametrize("as_json", [True, False])
def test_an_outcome_nobody_can_be_content_with_has_an_exit_code_of_its_own(
    verdict: Verdict, code: int, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = Failure("documents", "3 objects are still there", "Look at the bucket's policy.")
    with pytest.raises(typer.Exit) as ended:
        show.outcome(Outcome(verdict, "not done", {"rows": 1200}, (failure,)), as_json)
    assert ended.value.exit_code == code
    out = capsys.readouterr().out
    assert "3 objects are still there" in out
    assert "Look at the bucket's policy." in out
    if as_json:
        assert json.loads(out)["counts"] == {"rows": 1200}
    else:
        assert "rows: 1,200" in out


def test_a_pass_and_a_room_that_is_not_configured_end_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.outcome(Outcome(Verdict.PASS, "done"), as_json=False)
    show.outcome(Outcome(Verdict.NOT_CONFIGURED, "no backups"), as_json=False)
    assert capsys.readouterr().out == "pass: done\nnot configured: no backups\n"


def test_a_table_into_a_pipe_is_never_cut_or_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    show.table("jobs", ("job", "why"), [("a", long)], as_json=False)
    assert long in capsys.readouterr().out


def test_rows_for_machines_have_the_columns_as_keys_and_times_with_their_zone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("a", NOON, None, timedelta(minutes=1))]
    show.table("runs", ("job", "last success", "next", "took"), rows, as_json=True)
    document: Mapping[str, list[Mapping[str, object]]] = json.loads(capsys.readouterr().out)
    assert document["rows"] == [
        {"job": "a", "last_success": "2026-03-01T12:00:00+00:00", "next": None, "took": 60.0}
    ]


def test_an_empty_table_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    show.table("runs", ("job",), [], as_json=False)
    assert capsys.readouterr().out == "runs: none.\n"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (2.25, "2.2"),
        (NOON, "2026-03-01 12:00:00Z"),
        (timedelta(hours=1, milliseconds=10), "1 h"),
        (Verdict.UNVERIFIED, "could not verify"),
    ],
)
def test_values_are_written_as_people_read_them(value: object, words: str) -> None:
    assert show.cell(value) == words


def test_a_table_name_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.table("t", ("table",), [("evil\x1b[2Jname",)], as_json=False)
    show.text("also \x1b]0;this\x07")
    assert "\x1b" not in capsys.readouterr().out


def test_a_terminal_that_calls_itself_dumb_is_as_wide_as_it_says(tmp_path: Path) -> None:
    said = "from lifecycle import show; show.table('t', ('a', 'b'), [('x' * 40, 'y' * 45)], False)"
    dumb = {**os.environ, "TERM": "dumb", "PYTHONPATH": str(Path.cwd())}
    code, out = page.typed(f'{sys.executable} -c "{said}"', "", tmp_path, dumb)
    assert (code, out.splitlines()[-1].split()) == (0, ["x" * 40, "y" * 45])
