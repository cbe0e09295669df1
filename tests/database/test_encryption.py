"""`doctor` names a database on another host that nobody asks for a certificate of its name."""

import contextlib

import pytest
from psycopg.conninfo import make_conninfo

from lifecycle.admin import database as doctor
from lifecycle.outcome import Verdict
from lifecycle.postgres import connect
from tests.database.firm import Firm

BELOW = ("disable", "allow", "prefer", "require", "verify-ca")


@pytest.mark.parametrize("mode", BELOW)
@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.5", "2001:db8::7", "fe80::7%eth0"])
def test_a_database_elsewhere_must_show_a_certificate_of_its_name(address: str, mode: str) -> None:
    found = doctor.encryption("clinic: encryption", "db.example", address, mode)
    assert found.verdict is Verdict.FAIL
    assert "db.example" in found.what
    assert f"sslmode={mode}" in found.what
    assert "sslmode=verify-full sslrootcert=FILE" in found.fix
    well = doctor.encryption("clinic: encryption", "db.example", address, "verify-full")
    assert well.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("host", "address"),
    [("/run/postgresql", ""), ("@pg", ""), ("localhost", "127.0.0.1"), ("db.example", "::1")],
)
def test_what_leaves_this_host_nowhere_needs_none(host: str, address: str) -> None:
    assert doctor.encryption("a", host, address, "prefer").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("dsn", "env", "said"),
    [("", None, "prefer"), ("sslmode=require", "allow", "require"), ("", "verify-ca", "verify-ca")],
)
def test_what_libpq_goes_by_counts(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, dsn: str, env: str | None, said: str
) -> None:
    if env:
        monkeypatch.setenv("PGSSLMODE", env)
    info = make_conninfo(firm.admin, **dict([dsn.split("=")] if dsn else []))
    with contextlib.closing(connect.connect(info, "a test", write=False)) as conn:
        assert doctor.sslmode(conn) == said


def test_a_socket_is_told_as_one(firm: Firm) -> None:
    [found] = [f for f in doctor.findings(firm.system()) if f.check == "firm: encryption"]
    assert (found.verdict, "socket" in found.what) == (Verdict.PASS, True)
