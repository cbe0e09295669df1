"""alert.py, ping.py: what reaches a person, over real HTTP, SMTP with STARTTLS and a real program."""

import contextlib
import ipaddress
import json
import socketserver
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import Connection
from psycopg.rows import TupleRow
from structlog.testing import capture_logs

from lifecycle.admin import logins
from lifecycle.ledger import alerts, claims
from lifecycle.ledger.alert import Alert
from lifecycle.outside import ping
from lifecycle.postgres import ddl
from lifecycle.settings.model import Settings
from lifecycle.watch import alert, channel

PERSON = "carol@mail.example"
SLOT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Listener:
    """A web server on loopback that keeps what it was told and answers as it is asked to."""

    url: str
    heard: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    answers: list[int] = field(default_factory=list[int])
    delay: float = 0

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(listening.delay)
            listening.heard.append((self.path, body))
            code = listening.answers.pop(0) if listening.answers else 204
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening = Listener(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield listening
        server.shutdown()
        thread.join()


@dataclass
class PostOffice:
    """An SMTP server on loopback that speaks STARTTLS and keeps the letters."""

    port: int
    certificate: Path
    letters: list[str] = field(default_factory=list[str])
    logins: list[str] = field(default_factory=list[str])
    unencrypted: list[str] = field(default_factory=list[str])


def certificate(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    paths = directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.fixture
def post_office(tmp_path: Path) -> Iterator[PostOffice]:
    own, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)

    plain = {"EHLO": "250-here\r\n250 STARTTLS", "STARTTLS": "220 go"}
    safe = {
        "EHLO": "250-here\r\n250 AUTH PLAIN",
        "AUTH": "235 in",
        "DATA": "354 go",
        "QUIT": "221 bye",
    }

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"220 here\r\n")
            with contextlib.suppress(OSError):
                office.unencrypted += self.talk(self.request, plain, until="STARTTLS")
                with context.wrap_socket(self.request, server_side=True) as wire:
                    self.talk(wire, safe, until="QUIT")

        def talk(self, wire: Any, answers: dict[str, str], *, until: str) -> list[str]:
            said: list[str] = []
            with wire.makefile("rb", buffering=0) as reader:
                while line := reader.readline().decode().strip():
                    said.append(line)
                    word = line.split()[0].upper()
                    wire.sendall(f"{answers.get(word, '250 fine')}\r\n".encode())
                    if word == "AUTH":
                        office.logins.append(line)
                    if word == "DATA":
                        office.letters.append(b"".join(iter(reader.readline, b".\r\n")).decode())
                        wire.sendall(b"250 taken\r\n")
                    if word == until:
                        break
            return said

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        office = PostOffice(server.server_address[1], own)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield office
        server.shutdown()
        thread.join()


@pytest.fixture
def ledger(database: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(logins.ROLES)
        conn.execute(logins.MAKE)
        for text in ddl.render(tuple(ddl.migrations(("lifecycle.ledger",)))):
            conn.execute(text.encode())
        yield conn


@pytest.fixture
def secret(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    def keep(value: str) -> dict[str, str]:
        path = tmp_path / f"secret{len(list(tmp_path.iterdir()))}"
        path.touch(mode=0o600)
        path.write_text(value)
        return {"file": str(path)}

    return keep


@pytest.fixture
def settings(secret: Callable[[str], dict[str, str]]) -> Callable[..., Settings]:
    def make(webhook: str | None = None, pings: object = None, **channels: object) -> Settings:
        if webhook is not None:
            channels["webhook"] = secret(webhook)
        own = {"vitalis": {"policy": "p.yaml", "dsn": "dbname=vitalis"}}
        return Settings.model_validate({"systems": own, "alerts": channels, "pings": pings or {}})

    return make


def write(conn: Connection[TupleRow], *messages: str, system: str = "vitalis") -> None:
    for message in messages:
        alerts.write(conn, system, "fail", message)


def states(conn: Connection[TupleRow]) -> list[tuple[bool, int, int]]:
    """Return (delivered, attempts, minutes until the next try) of each alert."""
    return conn.execute("""
        select delivered_at is not null, attempts,
               round(extract(epoch from not_before - clock_timestamp()) / 60)::int
          from lifecycle.alert order by id""").fetchall()  # type: ignore[return-value]


def test_a_webhook_gets_the_alert_as_json_and_nothing_else(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    claims.enqueue(ledger, "vitalis", "gdpr.erase", SLOT, asked_by="person")
    claim = claims.claim_one(ledger, "vitalis", "gdpr.erase", SLOT, "me")
    alerts.write(
        ledger,
        "vitalis",
        "fail",
        "gdpr.erase: 1 table failed",
        job="gdpr.erase",
        run_id=claim.id,
    )
    assert alert.deliver(ledger, settings(f"{listener.url}/hook/token"), "vitalis") == 1
    [(path, _)] = listener.heard
    [document] = listener.documents()
    assert path == "/hook/token"
    assert datetime.fromisoformat(document.pop("created_at")).tzinfo is not None
    assert document == {
        "system": "vitalis",
        "job": "gdpr.erase",
        "run": claim.id,
        "kind": "fail",
        "message": "gdpr.erase: 1 table failed",
    }
    assert states(ledger)[0][:2] == (True, 1)


def test_what_is_delivered_is_not_sent_again(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    write(ledger, "once")
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 1
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0
    assert len(listener.heard) == 1


def test_jobs_that_pass_again_at_the_same_time_are_one_message(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    for job in ("a.one", "a.two", "a.three"):
        alerts.write(ledger, "vitalis", "recovered", f"{job} passes again", job=job)
    write(ledger, "another failed")
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 4
    bad, good = listener.documents()
    assert (bad["kind"], good["kind"], good["job"]) == ("fail", "recovered", None)
    assert good["message"] == "a.one passes again; a.two passes again; a.three passes again"
    assert {row[0] for row in states(ledger)} == {True}
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0


def test_an_alert_nobody_took_comes_back_after_1_2_4_up_to_60_minutes(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    write(ledger, "again")
    listener.answers = [500] * 9
    waits: list[int] = []
    for _ in range(8):
        assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0
        assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0  # not before its time
        waits.append(states(ledger)[0][2])
        ledger.execute("update lifecycle.alert set not_before = clock_timestamp()")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(listener.heard) == 8
    listener.answers = []
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 1
    assert states(ledger)[0][:2] == (True, 9)


def test_alerts_that_no_process_can_send_are_failed_tries_and_the_log_names_them(
    ledger: Connection[TupleRow],
    settings: Callable[..., Settings],
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(ledger, "one", "two")
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(sys, "executable", "/nonexistent/python")
        assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0
    assert [row[:3] for row in states(ledger)] == [(False, 1, 1)] * 2
    assert [line["event"] for line in logs] == ["alert.no_sender", *["alert.nobody_told"] * 2]
    ledger.execute("update lifecycle.alert set not_before = clock_timestamp()")
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 2


def test_an_alert_that_every_channel_refuses_is_named_in_the_log(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    write(ledger, "again")
    listener.answers = [500]
    with capture_logs() as logs:
        assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0
    assert [line["event"] for line in logs] == ["alert.not_sent", "alert.nobody_told"]


def test_no_channel_needs_a_place_on_the_disk(
    settings: Callable[..., Settings],
    listener: Listener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    heard = tmp_path / "heard"
    command = ["/bin/sh", "-c", f"cat > {heard}; echo much; echo more >&2"]
    message = Alert(1, "vitalis", None, None, "fail", "told", datetime.now(UTC))
    for _, tell in channel.channels(settings(listener.url, command=command).alerts):
        tell(message)
    assert json.loads(heard.read_text()) == listener.documents()[0]


def test_several_daemons_send_each_alert_once(
    ledger: Connection[TupleRow],
    database: str,
    settings: Callable[..., Settings],
    listener: Listener,
) -> None:
    messages = {f"alert {number}" for number in range(30)}
    write(ledger, *messages)
    listener.delay = 0.01
    chosen = settings(listener.url)

    def daemon(_: int) -> int:
        sent = 0
        with psycopg.connect(database, autocommit=True) as conn:
            while count := alert.deliver(conn, chosen, "vitalis"):
                sent += count
        return sent

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(daemon, range(4))) == 30
    assert sorted(d["message"] for d in listener.documents()) == sorted(messages)


def test_an_alert_whose_sender_died_is_sent_by_another_after_the_lease(
    ledger: Connection[TupleRow],
    database: str,
    settings: Callable[..., Settings],
    listener: Listener,
) -> None:
    write(ledger, "taken and dropped")
    with psycopg.connect(database, autocommit=True) as dying:
        assert alerts.take(dying, "vitalis") is not None
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0
    ledger.execute("update lifecycle.alert set not_before = not_before - interval '61 seconds'")
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 1


def test_one_channel_that_fails_neither_stops_nor_repeats_the_other(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    write(ledger, "told")
    chosen = settings(listener.url, command=["/nonexistent/program"])
    with capture_logs() as logs:
        assert alert.deliver(ledger, chosen, "vitalis") == 1
    assert [(line["event"], line["channel"]) for line in logs] == [
        ("alert.sent", "webhook"),
        ("alert.not_sent", "command"),
    ]
    assert len(listener.heard) == 1


def test_a_program_gets_the_alert_on_standard_input(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], tmp_path: Path
) -> None:
    write(ledger, "for the program")
    into = tmp_path / "heard"
    program = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    chosen = settings(command=[sys.executable, "-c", program, str(into)])
    assert alert.deliver(ledger, chosen, "vitalis") == 1
    assert json.loads(into.read_text())["message"] == "for the program"


def test_a_program_that_ends_badly_has_not_taken_the_alert(
    ledger: Connection[TupleRow], settings: Callable[..., Settings]
) -> None:
    write(ledger, "refused")
    assert alert.deliver(ledger, settings(command=["/bin/false"]), "vitalis") == 0
    assert states(ledger)[0][:2] == (False, 1)


def test_a_mail_goes_over_starttls_and_says_nothing_before_it(
    ledger: Connection[TupleRow],
    settings: Callable[..., Settings],
    post_office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(post_office.certificate))
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    write(ledger, "by mail")
    smtp = {
        "host": "127.0.0.1", "port": post_office.port, "user": "u", "password": {"env": "SMTP_PASSWORD"},
        "sender": "lifecycle@firm.example", "to": ["oncall@firm.example"],
    }  # fmt: skip
    assert alert.deliver(ledger, settings(smtp=smtp), "vitalis") == 1
    [letter] = post_office.letters
    assert "by mail" in letter
    assert "Subject: [lifecycle] vitalis: fail" in letter
    assert len(post_office.logins) == 1
    assert {line.split()[0].upper() for line in post_office.unencrypted} == {"EHLO", "STARTTLS"}


def test_a_mail_server_with_a_foreign_certificate_gets_neither_password_nor_alert(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], post_office: PostOffice
) -> None:
    write(ledger, "not for you")
    smtp = {
        "host": "127.0.0.1",
        "port": post_office.port,
        "sender": "a@b.example",
        "to": ["c@d.example"],
    }
    with capture_logs() as logs:
        assert alert.deliver(ledger, settings(smtp=smtp), "vitalis") == 0
    assert post_office.letters == []
    assert logs[0]["event"] == "alert.not_sent"


def test_a_mail_password_is_never_sent_unencrypted(
    ledger: Connection[TupleRow],
    settings: Callable[..., Settings],
    post_office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    write(ledger, "x")
    smtp = {
        "host": "127.0.0.1", "port": post_office.port, "user": "u", "password": {"env": "SMTP_PASSWORD"},
        "sender": "a@b.example", "to": ["c@d.example"], "starttls": False,
    }  # fmt: skip
    assert alert.deliver(ledger, settings(smtp=smtp), "vitalis") == 0
    assert post_office.unencrypted == []


def test_without_a_channel_nothing_is_marked_and_one_warning_is_given(
    ledger: Connection[TupleRow], settings: Callable[..., Settings]
) -> None:
    alert.warn_nobody_is_told.cache_clear()
    write(ledger, "open")
    with capture_logs() as logs:
        for _ in range(3):
            assert alert.deliver(ledger, settings(), "vitalis") == 0
    assert [line["event"] for line in logs] == ["alert.not_configured"]
    assert states(ledger)[0][:2] == (False, 0)


def test_another_systems_alerts_are_left_to_its_own_daemon(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    write(ledger, "theirs", system="heartguard")
    assert alert.deliver(ledger, settings(listener.url), "vitalis") == 0
    assert listener.heard == []


def test_an_address_in_a_message_is_taken_out_before_it_leaves(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    write(ledger, f"about {PERSON}")
    alert.deliver(ledger, settings(listener.url), "vitalis")
    assert PERSON not in str(listener.heard)


def test_neither_a_redirect_nor_the_log_gives_the_webhooks_token_away(
    ledger: Connection[TupleRow], settings: Callable[..., Settings], listener: Listener
) -> None:
    write(ledger, "x")
    listener.answers = [302]
    with capture_logs() as logs:
        assert alert.deliver(ledger, settings(f"{listener.url}/T0KEN"), "vitalis") == 0
    assert len(listener.heard) == 1
    assert "T0KEN" not in str(logs)


def test_a_job_pings_its_start_and_its_end_under_one_id(
    settings: Callable[..., Settings], secret: Callable[[str], dict[str, str]], listener: Listener
) -> None:
    switch = secret(f"{listener.url}/ping/uuid")
    chosen = settings(pings={"jobs": {"gdpr.erase": switch}, "daemon": switch})
    signals: tuple[ping.Signal, ...] = ("start", "success", "fail")
    for signal in signals:
        assert ping.job(chosen, "gdpr.erase", signal, 7)
    assert ping.daemon(chosen)
    paths = [path for path, _ in listener.heard]
    assert [path.partition("?rid=")[0] for path in paths] == [
        "/ping/uuid/start",
        "/ping/uuid",
        "/ping/uuid/fail",
        "/ping/uuid",
    ]
    rids = {path.partition("?rid=")[2] for path in paths[:3]}
    assert len(rids) == 1
    assert len(rids.pop()) == 36
    assert listener.heard[2][1] == b"run 7: fail\n"


def test_a_ping_is_tried_three_times_and_its_failure_is_logged_and_never_raised(
    settings: Callable[..., Settings],
    secret: Callable[[str], dict[str, str]],
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ping, "PAUSES", (0.0, 0.0))
    chosen = settings(pings={"daemon": secret(f"{listener.url}/T0KEN")})
    listener.answers = [503, 503]
    assert ping.daemon(chosen)
    listener.answers = [503, 503, 503]
    with capture_logs() as logs:
        assert not ping.daemon(chosen)
    assert len(listener.heard) == 6
    assert logs[0]["event"] == "ping.not_heard"
    assert "T0KEN" not in str(logs)


def test_a_job_without_a_switch_pings_nobody(settings: Callable[..., Settings]) -> None:
    assert not ping.job(settings(), "gdpr.erase", "start", 1)
    assert not ping.daemon(settings())
