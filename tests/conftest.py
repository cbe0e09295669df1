"""The real parts the tests run on: one PostgreSQL cluster per session, a database per test, S3, Stripe.

A missing part is a failure, never a skip. `vitalis` gives a test its own copy of the sample system, cloned from
a template in a few hundred milliseconds.
"""

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.policy import load
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, server
from lifecycle.postgres.server import Cluster
from lifecycle.settings.model import Secret, Settings, SystemSettings
from lifecycle.system import System
from lifecycle.systems.vitalis import sample

VITALIS = Path(sample.__file__).parent
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_numbers = itertools.count()


def pytest_report_header() -> str:
    """Name the server the tests run on."""
    binaries = server.find_binaries()
    return f"PostgreSQL {binaries.major} from {binaries.bindir}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running private cluster with room for many connections; durability off."""
    settings = {"max_connections": "200", "max_locks_per_transaction": "512"}
    with server.temporary(server.find_binaries(), settings=settings) as running:
        yield running


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """The superuser's conninfo of an empty database of this test's own."""
    yield from _database(cluster, "template0")


def _database(cluster: Cluster, template: str) -> Iterator[str]:
    name = f"t{next(_numbers)}"
    identifiers = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {name} template {template} strategy file_copy").format(
                **identifiers
            )
        )
    yield cluster.dsn(name)
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {name} with (force)").format(**identifiers))


class NoPayer:
    """Stands where a test does not look at Stripe: invents customer ids."""

    def create_customer(self, email: str, name: str) -> str:
        return f"cus_{secrets.token_hex(7)}"


class NoObjects:
    """Stands where a test does not look at S3: takes every object and keeps none."""

    def put_object(self, **_: object) -> None:
        """Take an object."""

    def delete_object(self, **_: object) -> None:
        """Take a delete."""


@dataclass(frozen=True)
class Vitalis:
    """The sample system of one test."""

    admin: str
    system: System
    cast: sample.Cast

    def claim(self, job: str, at: datetime = NOW) -> Claim:
        """Put a run of `job` on the ledger and claim it for this process."""
        with self.system.connect("test") as conn:
            claims.enqueue(conn, "vitalis", job, at, asked_by="person")
            return claims.claim_one(conn, "vitalis", job, at, claims.new_holder())


def system_for(conninfo: str, policy: Policy, directory: Path, **settings: object) -> System:
    """Return a System whose service role enters the private cluster by its socket."""
    parts = conninfo_to_dict(conninfo)
    name = str(parts["dbname"])
    key = directory / "reference.key"
    if not key.exists():
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
    own = SystemSettings.model_validate(
        {
            "policy": "policy.yaml",
            "dsn": make_conninfo(conninfo, user="lifecycle"),
            "reference_key": Secret(file=str(key)),
        }
        | settings
    )
    machine = Settings(systems={policy.system: own}, base=directory)
    return System(policy.model_copy(update={"database": name}), "0" * 64, own, machine)


@pytest.fixture(scope="session")
def vitalis_template(cluster: Cluster) -> Iterator[tuple[str, sample.Cast]]:
    """A database with the schema, the sample and the installation, for cloning."""
    database = _database(cluster, "template0")
    conninfo = next(database)
    policy = load.policy(VITALIS / "policy.yaml")[0]
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute((VITALIS / "schema.sql").read_bytes())
        cast = sample.load(conn, NoObjects(), "documents", NoPayer(), seed=1, now=NOW)  # pyright: ignore[reportArgumentType]
        install.install(conn, policy, catalog.read(conn), None)
    yield str(conninfo_to_dict(conninfo)["dbname"]), cast
    next(database, None)


@pytest.fixture
def vitalis(
    cluster: Cluster, vitalis_template: tuple[str, sample.Cast], tmp_path: Path
) -> Iterator[Vitalis]:
    """A copy of the sample system, without objects and without Stripe."""
    template, cast = vitalis_template
    policy = load.policy(VITALIS / "policy.yaml")[0]
    for conninfo in _database(cluster, template):
        yield Vitalis(conninfo, system_for(conninfo, policy, tmp_path), cast)
