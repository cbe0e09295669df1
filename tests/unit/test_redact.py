"""redact.py and log.py: nothing personal and no secret leaves in a log line."""

import ast
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle import log
from lifecycle.errors import Refused
from lifecycle.outcome import Verdict
from lifecycle.redact import KEYS, LONGEST, REMOVED, redactor, text, value
from lifecycle.rooms import ROOMS

METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind"}
LOGGERS = {"log", "logger", "_log", "told", "get_logger()"}
CANARY = "canary.person+1@mail.example"


@pytest.mark.parametrize(
    ("words", "secret"),
    [
        (f"mail to {CANARY} bounced", CANARY),
        ("host=db password=hunter2 dbname=x", "hunter2"),
        (r"password = 'two \' words' dbname=x", "words"),
        ("postgresql://lifecycle:hunter2@db/vitalis", "hunter2"),
        ("key sk_live_51H8abcXYZ was refused", "51H8abcXYZ"),
        ("key sk_test_4eC39HqLyjWDarj was refused", "4eC39HqLyjWDarj"),
        ("customer cus_9s6XKzkNRiz8i3 is gone", "9s6XKzkNRiz8i3"),
        ("AKIAIOSFODNN7EXAMPLE may not", "IOSFODNN7"),
        ("Key (email)=(carol) already exists.", "carol"),
        ("Key (email, name)=(carol, Carol (née) B) already exists.", "Carol"),
        ("Failing row contains (1, Carol, 1970-01-01).", "Carol"),
        ('invalid input syntax for type uuid: "Carol"', "Carol"),
        ("POST https://hooks.example/T00/B00/xoxb-secret failed", "xoxb-secret"),
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ("user 0B8E7A52-8E4C-4b61-9F77-0d0f0c6a1d9e", "9F77"),
    ],
)
def test_what_looks_like_a_secret_or_a_person_is_taken_out_of_words(
    words: str, secret: str
) -> None:
    assert secret not in text(words)
    assert REMOVED in text(words)


@pytest.mark.parametrize(
    "words",
    [
        "gdpr.erased",
        "in_progress",
        "the server refused the password",
        "job retention.expire is late by 0:10:00",
        "documents, audit_log_2026_q2",
        "127.0.0.1:9877",
        "PostgreSQL refused a statement on users, users_email_key (SQLSTATE 23505)",
    ],
)
def test_ordinary_words_stay_as_they_are(words: str) -> None:
    assert text(words) == words


def test_a_key_nobody_has_listed_loses_its_value() -> None:
    assert redactor(None, "info", {"event": "a.b", "email": "x", "row": {"a": 1}}) == {
        "event": "a.b",
        "email": REMOVED,
        "row": REMOVED,
    }


def test_counts_stay_under_any_name_and_words_below_them_do_not() -> None:
    event = {"counts": {"users": 3, "note": "Carol", "deeper": {"photos": 2, "name": "Carol"}}}
    assert redactor(None, "info", event) == {
        "counts": {"users": 3, "note": REMOVED, "deeper": {"photos": 2, "name": REMOVED}}
    }


def test_lists_and_pairs_are_searched_too() -> None:
    assert value([CANARY, ("a", {"target": CANARY})]) == [REMOVED, ["a", {"target": REMOVED}]]


def test_an_object_is_named_by_its_type_as_its_own_words_may_quote_anything() -> None:
    class Row:
        def __repr__(self) -> str:
            return CANARY

    assert value(Row()) == "[Row]"
    assert value(b"Carol") == "[bytes]"


def test_times_verdicts_and_numbers_stay() -> None:
    assert value(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01 00:00:00+00:00"
    assert value(Verdict.PASS) == "pass"
    assert (value(None), value(True), value(3), value(0.5)) == (None, True, 3, 0.5)


def test_a_line_has_an_end() -> None:
    assert len(text("x" * 10 * LONGEST)) == LONGEST + 3


# Few keys, so that what is drawn is deep and not wide: listed ones, others, none, and a person's own.
inside = st.sampled_from(["event", "counts", "error", "email", "Łucja", "", CANARY])
nested = st.recursive(
    st.just(CANARY) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(inside, inner, max_size=4),
    max_leaves=30,
)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(st.sampled_from(sorted(KEYS)) | anything, nested, max_size=4))
def test_a_persons_address_never_comes_through_however_deep_it_lies(
    event: dict[str, object],
) -> None:
    assert CANARY not in json.dumps(redactor(None, "info", event))


PROGRAM = f"""
import logging, warnings
import psycopg, structlog
from lifecycle import log
from lifecycle.errors import Refused
log.configure()
log.configure()
logger = structlog.get_logger()
def dig():
    local_variable = "{CANARY}"
    error = psycopg.errors.UniqueViolation("Key (email)=({CANARY}) already exists")
    raise error
try:
    try:
        dig()
    except psycopg.Error as error:
        raise Refused("it would be wrong", hint="Do not.") from error
except Refused:
    logger.exception("gdpr.failed", target="users", email="{CANARY}")
    logging.getLogger("apscheduler.executors").exception("Job %s raised", "{CANARY}")
for name in ("botocore", "stripe", "psycopg", "urllib3", "boto3"):
    logging.getLogger(name).info("GET %s", "{CANARY}")
    logging.getLogger(name + ".deeper").debug("GET %s", "{CANARY}")
warnings.warn("about {CANARY}")
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == ""
    assert CANARY not in ended.stderr
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_our_lines_and_the_libraries_are_json_on_standard_error_once_each(
    lines: list[dict[str, Any]],
) -> None:
    assert [line["level"] for line in lines] == ["error", "error", "warning"]
    assert all("timestamp" in line for line in lines)
    assert lines[1]["event"] == "Job %s raised"
    assert lines[1]["logger"] == "apscheduler.executors"


def test_an_exception_is_told_by_type_place_and_our_own_words_only(
    lines: list[dict[str, Any]],
) -> None:
    chain = lines[0]["exception"]
    refused, violated = chain
    assert refused["error"] == "it would be wrong"
    assert refused["hint"] == "Do not."
    assert refused["code"] == Refused.exit_code
    assert violated["type"] == "UniqueViolation"
    assert violated["sqlstate"] == "23505"
    assert "local_variable" not in json.dumps(lines)
    assert "dig" in violated["frames"][-1]


def test_no_library_that_logs_requests_or_statements_is_let_below_warning() -> None:
    state = {name: logging.getLogger(name).level for name in log.QUIET}
    root = logging.getLogger()
    before = (root.handlers, root.level)
    try:
        log.configure()
        logging.getLogger().setLevel(logging.DEBUG)
        for name in ("boto3", "botocore", "stripe", "psycopg", "urllib3"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO)
            assert not logging.getLogger(f"{name}.below").isEnabledFor(logging.INFO)
    finally:
        logging.captureWarnings(capture=False)
        root.handlers, root.level = before
        for name, level in state.items():
            logging.getLogger(name).setLevel(level)


def logged() -> set[tuple[str, str]]:
    """Return (file, key) of every keyword given to a logger anywhere in the product."""
    root = Path(log.__file__).parents[1]
    found: set[tuple[str, str]] = set()
    for room in {room.partition(".")[0] for room in ROOMS}:
        for path in (root / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner = ast.unparse(node.func.value).rpartition(".")[2]
                    if node.func.attr in METHODS and owner in LOGGERS:
                        found |= {(path.name, word.arg) for word in node.keywords if word.arg}
    return found


def test_every_word_that_our_own_code_logs_is_listed_or_it_would_be_removed() -> None:
    found = logged()
    assert len(found) > 20
    assert {(file, key) for file, key in found if key not in KEYS | {"exc_info"}} == set()
