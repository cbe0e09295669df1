"""mistyped.py: a mistyped command line is answered in our words, with what was meant, and never in a library's."""

import json

import pytest

from lifecycle.cli import carry_out

ALL_RUNS = "Commands are: list, show, cancel, resume."
CASES = {
    "runs lst": ("no such command 'lst'", f"Did you mean `list`? {ALL_RUNS}"),
    "schdule list": ("no such command 'schdule'", "Did you mean `schedule`? "),
    "runs zzz": ("no such command 'zzz'", ALL_RUNS),
    "partitions aply x": ("no such command 'aply'", "Did you mean `apply`? "),
    "runs list --cont 3": ("no such option --cont", "Did you mean `--count`? "),
    "--sytem x runs list": ("no such option --sytem", "Did you mean `--system`? "),
    "runs list --zzz": ("no such option --zzz", "See `lifecycle runs list --help`."),
    "runs list --count 0": ("--count is less than 1", "See `lifecycle runs list --help`."),
    "runs list --count 2000": ("--count is more than 1000", "See "),
    "runs list --count x": ("--count is not a whole number", "See "),
    "runs list --count": ("--count needs a value", "See "),
    "runs list --count=": ("--count is not a whole number", "See "),
    "runs list --json=3": ("--json takes no value", "See "),
    "runs show": ("RUN is missing", "See `lifecycle runs show --help`."),
    "runs show x": ("RUN is not a whole number", "See "),
    "runs show 1.5": ("RUN is not a whole number", "See "),
    "runs show 1 2 3": ("too many words: 2 3", "See "),
    "runs cancel x": ("RUN is not a whole number", "See "),
    "runbooks show": ("RUNBOOK is missing", "See "),
    "runbooks lst": ("no such command 'lst'", "Did you mean `list`? "),
    "schedule pause backups.dump": ("--because is missing", "See "),
    "schedule preview": ("JOB is missing", "See "),
    "run": ("JOB is missing", "See `lifecycle run --help`."),
    "retention apply": ("PLAN is missing", "See "),
    "gdpr verify": ("REQUEST is missing", "See "),
    "gdpr why": ("REFERENCE is missing", "See "),
    "gdpr certificate": (
        "a certificate is made of one REFERENCE, or one FILE is checked with --verify",
        "See ",
    ),
    "policy generate": ("--from-dsn is missing", "See "),
    "policy check --liv": ("no such option --liv", "Did you mean `--live`? "),
    "policy check a b": ("too many words: b", "See "),
    "demo --seed x": ("--seed is not a whole number", "See "),
    "daemon --until-idl": ("no such option --until-idl", "Did you mean `--until-idle`? "),
    "doctor all": ("too many words: all", "See "),
    "init --print": ("no such option --print", "Did you mean `--print-sql`? "),
}
THEIRS = (
    "Input should",
    "Got unexpected",
    "Invalid value",
    "Possible options",
    "valid integer",
    "pydantic",
)


@pytest.mark.parametrize(("words", "expected"), CASES.items(), ids=list(CASES))
def test_a_mistyped_command_line_is_answered_in_our_words(
    words: str, expected: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out(words.split()) == 2
    said = capsys.readouterr()
    what, hint = said.err.removesuffix("\n").split("\n")
    assert what == f"error: {expected[0]}"
    assert hint.startswith(f"hint: {expected[1]}")
    assert not any(word in said.err for word in THEIRS)
    assert said.out == ""


def test_with_json_it_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(["runs", "lst", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"] == "no such command 'lst'"
    assert document["hint"].startswith("Did you mean `list`?")
