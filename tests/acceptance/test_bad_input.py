"""Every bad input that a person can give: one clear error, a hint, the documented exit code, and nothing changed.

The real command line as a process of its own, on real servers. No traceback without `--debug`.
"""

import ipaddress
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import s3
from tests.acceptance.workspace import Workspace
from tests.waiting import wait_until

Ended = "subprocess.CompletedProcess[str]"
PASSWORD = "correct-horse"


@pytest.fixture
def at(vitalis: Any, tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, vitalis.admin)


def refused(ended: "subprocess.CompletedProcess[str]", code: int, what: str) -> None:
    """Assert that a command said one error and one hint, and ended with this exit code."""
    said = ended.stderr
    assert ended.returncode == code, said + ended.stdout
    assert "Traceback" not in said
    assert ended.stdout == ""
    assert len(re.findall(r"^error: ", said, re.MULTILINE)) == 1, said
    assert re.search(rf"^error: .*{what}", said, re.MULTILINE | re.DOTALL), said
    [hint] = re.findall(r"^hint: (.*)$", said, re.MULTILINE)
    assert hint[0].isupper()
    assert hint.endswith((".", "`", "!", "?"))


def unchanged(at: Workspace, code: int, what: str, *words: str) -> None:
    """Assert that a command is refused and leaves the database as it was."""
    before = at.picture()
    refused(at.cli(*words), code, what)
    assert at.picture() == before


# --- words


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("nonsense",), 2, "no such command 'nonsense'"),
        (("partitions", "nonsense"), 2, "no such command 'nonsense'"),
        (("runs", "list", "--nonsense"), 2, "no such option"),
        (("runs", "show"), 2, "RUN is missing"),
        (("runs", "show", "seven"), 2, "RUN is not a whole number"),
        (("runs", "show", "999999"), 6, "no run has the number 999999"),
        (("--system", "heartguard", "runs", "list"), 6, "no system is called 'heartguard'"),
        (("runs", "list", "--system", "heartguard"), 6, "no system is called 'heartguard'"),
        (("run", "retention.expier"), 6, "no job is called 'retention.expier'"),
        (("schedule", "preview", "nothing"), 6, "no job is called 'nothing'"),
        (("run", "retention.expire", "--scheduled-for", "yesterday"), 2, "not an instant"),
        (("partitions", "apply", "0123456789abcdef"), 6, "nobody was shown a plan '0123456789abcdef'"),
        (("retention", "apply", "0123456789abcdef"), 6, "nobody was shown a plan '0123456789abcdef'"),
        (("--settings", "/nonexistent.yaml", "runs", "list"), 2, "does not exist"),
    ],
)  # fmt: skip
def test_words_that_name_nothing_are_refused(
    at: Workspace, words: tuple[str, ...], code: int, what: str
) -> None:
    unchanged(at, code, what, *words)


def test_a_command_that_is_nearly_right_is_told_the_right_one(at: Workspace) -> None:
    assert "Did you mean `retention`?" in at.cli("retentoin").stderr


def test_a_name_is_asked_for_where_there_are_several_systems(at: Workspace) -> None:
    elsewhere = at.system | {"dsn": make_conninfo(at.system["dsn"], dbname="elsewhere")}
    at.machine = {"systems": {"vitalis": at.system, "other": elsewhere}}
    unchanged(at, 2, "several systems", "runs", "list")


# --- files


@pytest.mark.parametrize(
    ("change", "code", "what"),
    [
        ({"dsn": "host='unclosed"}, 2, "dsn cannot be read"),
        ({"dsn": "host=/tmp user=lifecycle password=hunter2"}, 2, "the dsn carries a password"),
        ({"dsn": "host=nowhere.invalid dbname=x user=lifecycle"}, 8, "host name .* cannot be resolved"),
        ({"dsn": "host=/nonexistent dbname=x user=lifecycle"}, 8, "no server listens"),
        ({"password": {"file": "/nonexistent"}}, 2, "cannot read secret file"),
        ({"password": {"env": "LIFECYCLE_NOT_SET"}}, 2, "LIFECYCLE_NOT_SET is not set"),
        ({"policy": "missing.yaml"}, 2, "missing.yaml"),
        ({"colour": "blue"}, 2, "lifecycle.yaml:[0-9]+: .*colour"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_right_are_refused(
    at: Workspace, change: dict[str, Any], code: int, what: str
) -> None:
    at.system |= change
    unchanged(at, code, what, "run", "partitions.create")


def test_a_secret_that_others_may_read_is_refused(at: Workspace) -> None:
    at.system["password"] = at.secret("password", PASSWORD)
    (at.directory / "password").chmod(0o644)
    unchanged(at, 2, r"open to others \(mode 0644\)", "run", "partitions.create")


@pytest.mark.parametrize(
    ("old", "new", "code", "what"),
    [
        ('partitions.create: "0 1 * * *"', 'partitions.create: "61 1 * * *"', 2, "61"),
        ('partitions.create: "0 1 * * *"', 'partitions.build: "0 1 * * *"', 6, "partitions.build"),
        ("timezone: UTC", "timezone: Mars/Olympus", 2, "Mars/Olympus"),
        ("grace: 30 days", "grace: a month", 2, "policy.yaml:[0-9]+: .*span of time"),
        ("every: quarter", "every: fortnight", 2, "policy.yaml:[0-9]+: "),
        ("system: vitalis", "system: heartguard", 2, "written for 'heartguard'"),
    ],
)
def test_a_policy_that_cannot_be_right_is_refused_before_anything_starts(
    at: Workspace, old: str, new: str, code: int, what: str
) -> None:
    assert old in at.policy
    at.policy = at.policy.replace(old, new)
    unchanged(at, code, what, "daemon", "--until-idle")


def test_a_policy_for_another_database_is_refused(at: Workspace) -> None:
    at.policy = at.policy.replace(f"database: {at.database}", "database: elsewhere")
    for words in (("run", "partitions.create"), ("partitions", "plan"), ("runs", "list")):
        unchanged(at, 4, "written for database 'elsewhere'", *words)


@pytest.mark.parametrize(
    "words", [("run", "partitions.create"), ("daemon", "--until-idle"), ("init",)]
)
def test_a_second_policy_for_a_database_is_refused(at: Workspace, words: tuple[str, ...]) -> None:
    second = at.policy.replace("system: vitalis", "system: second")
    (at.directory / "second.yaml").write_text(second)
    at.machine = {"systems": {"second": at.system | {"policy": "second.yaml"}}}
    before = at.picture()
    ended = at.cli(*words, env={"LIFECYCLE_ADMIN_DSN": at.admin})
    refused(ended, 4, "belongs to the policy of system 'vitalis'")
    assert at.picture() == before


# --- servers


def test_a_database_that_does_not_exist_is_refused(at: Workspace) -> None:
    at.system["dsn"] = make_conninfo(at.system["dsn"], dbname="nowhere")
    unchanged(at, 6, "the database in the dsn does not exist", "run", "partitions.create")


def test_a_user_who_does_not_exist_is_refused(at: Workspace) -> None:
    at.system["dsn"] = make_conninfo(at.system["dsn"], user="nobody_here")
    unchanged(at, 3, "the user in the dsn does not exist", "run", "partitions.create")


def test_a_closed_port_is_named(at: Workspace) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    at.system["dsn"] = f"host=127.0.0.1 port={port} dbname={at.database} user=lifecycle"
    unchanged(at, 8, "no server listens", "run", "partitions.create")


def test_the_daemon_says_when_its_own_address_is_taken(at: Workspace) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        at.machine = {"daemon": {"listen": f"127.0.0.1:{taken.getsockname()[1]}"}}
        unchanged(at, 2, "cannot listen on .*address already in use", "daemon")


def test_a_database_without_the_schema_is_sent_to_init(at: Workspace) -> None:
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute("drop schema lifecycle cascade")
    before = at.picture()
    ended = at.cli("runs", "list")
    refused(ended, 6, "missing")
    assert "lifecycle init" in ended.stderr
    assert at.picture() == before


def test_a_server_set_to_read_only_is_refused_for_work_and_taken_for_reading(at: Workspace) -> None:
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute(
            sql.SQL(
                "alter role lifecycle in database {} set default_transaction_read_only = on"
            ).format(sql.Identifier(at.database))
        )
    unchanged(at, 4, "the server is read-only", "run", "partitions.create")
    assert at.cli("check", "--json").returncode in (0, 10)


@pytest.mark.slow
def test_a_real_standby_is_refused_for_work(
    at: Workspace, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = Path(str(cluster.directory) + "-standby")
    standby = Cluster.create(directory, cluster.binaries, fast=True)
    try:
        cluster.run("rm" if False else "pg_basebackup", "-h", str(cluster.directory / "socket"), "-U", "postgres", "-D", str(directory / "copy"), "-X", "stream", "-c", "fast", "-R")  # fmt: skip
        subprocess.run(["rm", "-rf", str(standby.data)], check=True)
        (directory / "copy").rename(standby.data)
        standby.start(settings={"max_connections": "200", "max_locks_per_transaction": "512"})
        at.system["dsn"] = standby.dsn(at.database, "lifecycle")
        for words in (("run", "partitions.create"), ("retention", "plan"), ("gdpr", "plan")):
            unchanged(at, 4, r"read-only \(a standby in recovery\)", *words)
    finally:
        standby.destroy()


class OldServer(threading.Thread):
    """Speaks just enough of PostgreSQL's protocol to be a server of version 13."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.asked: list[bytes] = []

    def run(self) -> None:
        try:
            while True:
                self.talk(self.listening.accept()[0])
        except OSError:
            return

    def talk(self, wire: socket.socket) -> None:
        with wire:
            while struct.unpack("!II", self.exactly(wire, 8)[:8])[1] != 196608:
                wire.sendall(b"N")  # neither TLS nor GSSAPI
            self.exactly(wire, self.rest)
            wire.sendall(message(b"R", struct.pack("!I", 0)))
            for name, value in ((b"server_version", b"13.9"), (b"client_encoding", b"UTF8")):
                wire.sendall(message(b"S", name + b"\0" + value + b"\0"))
            wire.sendall(message(b"K", struct.pack("!II", 1, 1)) + message(b"Z", b"I"))
            while True:
                kind, length = struct.unpack("!cI", self.exactly(wire, 5))
                body = self.exactly(wire, length - 4)
                if kind != b"Q":
                    return
                self.asked.append(body)
                types = (
                    (b"v", 23, b"13"),
                    (b"r", 16, b"f"),
                    (b"o", 16, b"f"),
                    (b"d", 25, b"x"),
                    (b"b", 23, b"1"),
                )
                row = b"".join(
                    name + b"\0" + struct.pack("!IhIhih", 0, 0, oid, -1, -1, 0)
                    for name, oid, _ in types
                )
                values = b"".join(struct.pack("!I", len(value)) + value for *_, value in types)
                path = b"p\0" + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0)
                wire.sendall(
                    message(b"T", struct.pack("!h", 1) + path)
                    + message(b"D", struct.pack("!hI", 1, 0))
                    + message(b"C", b"SELECT 1\0")
                    + message(b"T", struct.pack("!h", 5) + row)
                    + message(b"D", struct.pack("!h", 5) + values)
                    + message(b"C", b"SELECT 1\0")
                    + message(b"Z", b"I")
                )

    def exactly(self, wire: socket.socket, count: int) -> bytes:
        got = b""
        while len(got) < count:
            part = wire.recv(count - len(got))
            if not part:
                raise ConnectionResetError
            got += part
        if count == 8:
            self.rest = struct.unpack("!I", got[:4])[0] - 8
        return got


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def test_a_server_of_an_unsupported_version_is_refused_before_it_is_asked_anything_else(
    at: Workspace,
) -> None:
    old = OldServer()
    old.start()
    at.system["dsn"] = f"host=127.0.0.1 port={old.port} dbname=x user=lifecycle"
    unchanged(at, 4, "PostgreSQL 13 is not supported", "run", "partitions.create")
    old.listening.close()
    [asked] = old.asked  # the path, then the version
    assert 0 < asked.index(b"search_path") < asked.index(b"server_version_num")


# --- passwords and certificates


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, int]]:
    """A server on a port of loopback, with TLS, that asks for a password by SCRAM."""
    with server.temporary(server.find_binaries()) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute(f"create role lifecycle login password '{PASSWORD}'")
            conn.execute("create database guarded")
        cluster.stop()
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        own, key = certificate(tmp_path_factory.mktemp("tls"), "db.example")
        for name, source in (("server.crt", own), ("server.key", key)):
            (cluster.data / name).write_bytes(source.read_bytes())
            (cluster.data / name).chmod(0o600)
            owner = cluster.data.stat()
            os.chown(cluster.data / name, owner.st_uid, owner.st_gid)
        rules = cluster.data / "pg_hba.conf"
        rules.write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        options = (
            f"-c port={port} -c listen_addresses=127.0.0.1 -c ssl=on -c unix_socket_directories="
        )
        cluster.run(
            "pg_ctl", "start", "-w", "-D", str(cluster.data), "-l", str(cluster.log), "-o", options
        )
        yield cluster, port
        cluster.stop("immediate")


def certificate(directory: Path, host: str) -> tuple[Path, Path]:
    """Make a certificate for a host name and 127.0.0.1's neighbour, signed by itself; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    own, secret = directory / "own.crt", directory / "own.key"
    own.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return own, secret


def test_a_wrong_password_is_refused_and_not_repeated(
    at: Workspace, guarded: tuple[Cluster, int]
) -> None:
    at.system["dsn"] = f"host=127.0.0.1 port={guarded[1]} dbname=guarded user=lifecycle"
    at.system["password"] = at.secret("password", "wrong-horse")
    ended = at.cli("run", "partitions.create")
    refused(ended, 3, "the server refused the password")
    assert "wrong-horse" not in ended.stderr


def test_a_missing_password_is_refused(at: Workspace, guarded: tuple[Cluster, int]) -> None:
    at.system["dsn"] = f"host=127.0.0.1 port={guarded[1]} dbname=guarded user=lifecycle"
    unchanged(at, 3, "the server refused the password", "run", "partitions.create")


@pytest.mark.parametrize("theirs", [True, False], ids=["another name", "another authority"])
def test_a_server_with_the_wrong_certificate_is_not_spoken_to(
    at: Workspace, guarded: tuple[Cluster, int], theirs: bool
) -> None:
    other = certificate(at.directory, "db.example")[0]
    root = guarded[0].data / "server.crt" if theirs else other
    (at.directory / "root.crt").write_bytes(root.read_bytes())
    at.system["dsn"] = (
        f"host=127.0.0.1 port={guarded[1]} dbname=guarded user=lifecycle "
        f"sslmode=verify-full sslrootcert={at.directory}/root.crt"
    )
    at.system["password"] = at.secret("password", PASSWORD)
    unchanged(at, 3, "certificate or TLS", "run", "partitions.create")


def test_a_server_without_encryption_is_refused_where_it_is_asked_for(at: Workspace) -> None:
    old = OldServer()
    old.start()
    at.system["dsn"] = f"host=127.0.0.1 port={old.port} dbname=x user=lifecycle sslmode=require"
    unchanged(at, 3, "certificate or TLS", "run", "partitions.create")
    old.listening.close()


# --- outside


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.start(tmp_path_factory.mktemp("s3")) as running:
        yield running.url


def at_store(at: Workspace, url: str, bucket: str) -> None:
    """Let the installation's bucket for dumps and documents be this one."""
    named = re.findall(r"bucket: ([a-z-]+)", at.policy)
    at.system |= {
        "s3": {
            "endpoint": url,
            "access_key": at.secret("access", s3.ACCESS_KEY),
            "secret_key": at.secret("secret", s3.SECRET_KEY),
        },
        "buckets": dict.fromkeys(named, bucket),
    }


def test_a_bucket_that_does_not_exist_fails_the_dump_with_its_name(
    at: Workspace, store: str
) -> None:
    at_store(at, store, "no-such-bucket")
    ended = at.cli("backups", "dump")
    assert ended.returncode == 6, ended.stderr
    assert "does not exist" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_store_that_does_not_answer_fails_the_dump(at: Workspace) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    at_store(at, f"http://127.0.0.1:{port}", "bucket")
    ended = at.cli("backups", "dump")
    assert ended.returncode == 8, ended.stderr
    assert "Traceback" not in ended.stderr


# --- the machine


@pytest.mark.parametrize(
    "words", [("policy", "schema"), ("runs", "list", "--json"), ("--help",), ("partitions", "plan")]
)
def test_a_full_disk_under_the_output_is_said_and_not_passed_over(
    at: Workspace, words: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = at.cli(*words, stdout=full)
    assert ended.returncode == 4
    assert ended.stderr.startswith("error: the disk is full")
    assert ended.stderr.count("\n") == 2


def test_a_file_that_may_not_grow_further_is_said_and_not_passed_over(at: Workspace) -> None:
    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    into = at.directory / "out"
    with into.open("w") as file:
        ended = at.cli("policy", "schema", stdout=file, before=little)
    assert ended.returncode == 4
    assert "the disk is full" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_reader_who_leaves_early_hears_no_complaint(at: Workspace) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        ended = at.cli("policy", "schema", stdout=pipe)
    assert ended.stderr == ""


def waiting(admin: str) -> bool:
    """Say whether a session of the product waits for a lock."""
    with psycopg.connect(admin, autocommit=True) as conn:
        row = conn.execute("""
            select exists (select from pg_stat_activity where application_name like 'lifecycle %'
                              and datname = current_database() and wait_event_type = 'Lock')""").fetchone()
    return row is not None and bool(row[0])


def test_ctrl_c_while_a_command_asks_the_database_ends_it_with_5(at: Workspace) -> None:
    before = at.picture()
    with psycopg.connect(at.admin) as blocking:
        blocking.execute("lock table lifecycle.run in access exclusive mode")
        process = at.begin("runs", "list")
        wait_until(lambda: waiting(at.admin))
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (5, "")
    assert said.splitlines()[0] == "error: stopped; nothing is half-done"
    assert said.splitlines()[1].startswith("hint: ")
    assert at.picture() == before


def test_ctrl_c_while_a_run_works_cancels_it_and_leaves_nothing_half_done(at: Workspace) -> None:
    relations = at.picture()[0]
    with psycopg.connect(at.admin) as blocking:
        blocking.execute("lock table users in access exclusive mode")
        process = at.begin("run", "retention.expire")
        blocking.execute("lock table ingestion_jobs in access exclusive mode")
        wait_until(lambda: waiting(at.admin))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert "error: " in said
    assert "Traceback" not in said
    with psycopg.connect(at.admin, autocommit=True) as conn:
        assert conn.execute("select state from lifecycle.run").fetchall() == [("cancelled",)]
    assert at.picture()[0] == relations


def test_ctrl_c_before_anything_has_begun_is_no_traceback_either(at: Workspace) -> None:
    for pause in (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4):
        process = at.begin("runs", "list")
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        if "Exception ignored in" in said:  # Python forgot it while it was loading itself
            assert "/lifecycle/" not in said
        elif process.returncode in {0, 5}:
            assert not said or said.startswith("error: stopped; nothing is half-done\nhint: ")
        else:  # Python itself was not up yet, or, run with -m, ends by the signal after we have answered
            assert "/lifecycle/" not in said
            assert process.returncode in {1, -signal.SIGINT}


# --- for machines


def test_with_json_an_error_is_one_document_on_standard_output(at: Workspace) -> None:
    import json

    ended = at.cli("--json", "runs", "show", "999999")
    document = json.loads(ended.stdout)
    assert document["exit_code"] == ended.returncode == 6
    assert document["error"] == "no run has the number 999999"
    assert document["hint"]
    assert ended.stderr == ""


def test_with_debug_the_place_is_shown_without_what_postgresql_quotes(at: Workspace) -> None:
    with psycopg.connect(at.admin, autocommit=True) as conn:
        conn.execute("drop table lifecycle.run cascade")
    ended = at.cli("--debug", "runs", "list")
    assert "lifecycle/ledger/runs.py" in ended.stderr
    assert "UndefinedTable" in ended.stderr
    assert 'relation "lifecycle.run"' not in ended.stderr
    assert ended.returncode == 6
