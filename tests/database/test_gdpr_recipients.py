"""Who else was given a person's data is told that they were erased, by a real server that acknowledges it or does not."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gdpr import certificate, recipients, trail
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside.keys import reference_key
from lifecycle.system import System
from tests import build
from tests.database.office import NOW, Office, opened

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978"
SCHEMA = """
    alter table people add crm_id text;
    update people set crm_id = 'crm-' || id * 1000 where id < 3;
"""
SEARCHED = Verdict.UNVERIFIED


@dataclass
class Ear:
    """A recipient. `answers`: the status of each answer in turn, the last of them for ever."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [200])
    heard: list[tuple[dict[str, str], bytes]] = field(
        default_factory=list[tuple[dict[str, str], bytes]]
    )


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.heard.append((dict(self.headers.items()), body))
            self.send_response(made.answers.pop(0) if len(made.answers) > 1 else made.answers[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}/erased?token=t0ken"
        yield made
        server.shutdown()


class Told(Office):
    """An office whose people are known to a recipient, where its settings say."""

    set: dict[str, Any] = {}  # noqa: RUF012 - of one test

    def system(self) -> System:
        where = {"recipients": self.set} if self.set else {}
        return build.system(self.admin, self.policy, **build.reference_key(self.directory), **where)


@pytest.fixture
def told(database: str, tmp_path: Path, ear: Ear) -> Told:
    made = opened(database, tmp_path, SCHEMA, {})
    policy = made.policy.model_dump(mode="json", exclude_none=True)
    policy["erasure"]["recipients"] = {"crm": {"known_by": "crm_id", "because": "newsletters"}}
    office = Told(made.admin, made.directory, made.policy)
    office.say(policy)
    office.set = {
        "crm": {
            "url": build.secret(tmp_path, "crm.url", ear.url),
            "key": build.secret(tmp_path, "crm.key", KEY),
        }
    }
    return office


def what(outcome: Outcome) -> str:
    [failure] = outcome.failures
    return failure.what


def test_a_recipient_is_told_when_the_person_is_gone_by_what_it_knows_them_by_and_nothing_else(
    told: Told, ear: Ear
) -> None:
    told.asks(1)
    outcome = told.erase()
    assert outcome.verdict is SEARCHED, outcome.failures
    assert told.states() == {1: "completed"}
    [(headers, body)] = ear.heard
    said = json.loads(body)
    assert (said["event"], said["known_by"]) == ("erased", ["crm-1000"])
    assert b"anna" not in body
    at, _, digest = headers["Lifecycle-Signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(KEY.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digest, expected)
    assert headers["Idempotency-Key"] == said["message"]
    lines = told.ask(
        "select kind from lifecycle.evidence where event = 'gdpr.recipient_told' order by id"
    )
    assert lines == ["intent", "outcome"]
    kept = told.ask("select row_to_json(e)::text from lifecycle.evidence e") + told.ask(
        "select row_to_json(e)::text from lifecycle.erasure e"
    )
    assert not any("crm-1000" in one or "t0ken" in one for one in kept)


def test_until_it_is_acknowledged_the_request_is_open_and_says_so_and_each_night_asks_again(
    told: Told, ear: Ear
) -> None:
    ear.answers = [503, 401, 204]
    told.asks(1)
    first = told.erase()
    assert first.verdict is Verdict.FAIL
    assert "crm (127.0.0.1 answered 503) has not acknowledged" in what(first)
    assert told.states() == {1: "processing"}
    assert told.ask("select count(*) from people where id = 1") == [0]
    assert "answered 401" in what(told.erase())
    assert told.erase().verdict is SEARCHED
    assert told.states() == {1: "completed"}
    assert len({headers["Idempotency-Key"] for headers, _ in ear.heard}) == 1
    assert len({body for _, body in ear.heard}) == 1
    reference = reference_key(told.system().settings.reference_key).reference("request", "1")
    made = certificate.make(told.system(), trail.read(told.system(), reference), NOW)
    [one] = made["recipients_told"]
    assert one["recipient"] == "crm"
    assert one["told"] < one["at"]
    assert made["not_on_record"] == []


def test_who_has_acknowledged_is_not_told_again_when_the_proof_is_made_anew(
    told: Told, ear: Ear
) -> None:
    told.ask(
        """create function stop() returns trigger language plpgsql as $$ begin
               if new.event = 'gdpr.proven' then raise exception 'no'; end if; return new; end $$;
           create trigger stop before insert on lifecycle.evidence for each row execute function stop()"""
    )
    told.asks(1)
    assert told.erase().verdict is Verdict.FAIL
    told.ask("drop trigger stop on lifecycle.evidence")
    assert told.erase().verdict is SEARCHED
    assert len(ear.heard) == 1


def test_who_was_given_nothing_of_a_person_is_not_told(told: Told, ear: Ear) -> None:
    told.asks(3)
    assert told.erase().verdict is SEARCHED
    assert ear.heard == []


@pytest.mark.parametrize(
    ("url", "key", "why"),
    [
        ("", KEY, "the settings do not say where"),
        ("http://crm.example/erased", KEY, "does not begin with https://"),
        ("https://crm.example/erased", "short", "fewer than 32 signs"),
    ],
)
def test_a_recipient_that_could_not_be_told_is_refused_before_anything_is_touched(
    told: Told, tmp_path: Path, url: str, key: str, why: str
) -> None:
    told.set = {}
    if url:
        told.set = {
            "crm": {
                "url": build.secret(tmp_path, "odd.url", url),
                "key": build.secret(tmp_path, "odd.key", key),
            }
        }
    told.asks(1)
    assert why in what(told.erase())
    assert told.states() == {1: "pending"}
    assert told.ask("select count(*) from people where id = 1") == [1]


def test_a_signature_is_of_its_second_and_of_the_body() -> None:
    assert recipients.signed(KEY, 1, b"a") != recipients.signed(KEY, 2, b"a")
    assert recipients.signed(KEY, 1, b"a") != recipients.signed(KEY, 1, b"b")
