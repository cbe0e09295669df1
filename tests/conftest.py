"""The real parts the tests run on: per worker one PostgreSQL cluster, one S3 server, one Stripe double.

A missing part is a failure, never a skip. A test has a database of its own, and its own buckets and customers on the
servers all tests share; `vitalis` gives it a copy of the sample system, cloned from a template in 0.1 s.
"""

import functools
import itertools
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lifecycle import cli_options
from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.policy import load
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog, server
from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import s3, stripe_double
from lifecycle.system import System
from lifecycle.systems.vitalis import sample
from tests import build, initdb, memory, postgresql
from tests.acceptance.stage import lay
from tests.progress import Progress

VITALIS = Path(sample.__file__).parent
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HEADER = pytest.StashKey[str]()
# No example fails because a neighbour is busy: neither a slow one, nor one that is slowly drawn.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")
_numbers = itertools.count()
PLAIN = sql.SQL("")
"""No options of `create database`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first: those of real WAL-G, and a server's way back, by name begun last and alone."""
    items.sort(key=lambda item: not {"wal_g", "test_way_back.py"} & {*item.path.parts})


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the PostgreSQL and where its files lie, before anything is collected; report as it goes."""
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # as a shell has it for what it runs beside
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Processes are started by the hundred: each would compile anew what nobody was allowed to keep.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    place = memory.begin()
    config.add_cleanup(lambda: memory.end(place))
    binaries = postgresql.choose()
    copies = initdb.begin()
    config.add_cleanup(lambda: memory.end(copies))
    config.stash[HEADER] = f"PostgreSQL {binaries.major} from {binaries.bindir}"
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, pytest.TerminalReporter) and config.get_verbosity() == 0:
        config.pluginmanager.register(Progress(reporter), "progress")


def pytest_report_header(config: pytest.Config) -> str:
    """Name the server the tests run on."""
    return config.stash[HEADER]


@pytest.fixture(autouse=True)
def _nothing_chosen() -> None:
    """Let what was said on one command line be over when the next one begins, as in a process of its own."""
    for name, value in asdict(cli_options.Chosen()).items():
        setattr(cli_options.chosen, name, value)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running private cluster with room for many connections; durability off."""
    settings = {
        "max_connections": "200",
        "max_locks_per_transaction": "512",
        "max_prepared_transactions": "4",
        "autovacuum": "off",  # whether the planner has samples is for a test to say
        "jit": "off",  # compiling a question to a big catalog takes a superuser ten times what answering it does
    }
    with server.temporary(server.find_binaries(), settings=settings) as running:
        yield running


@pytest.fixture
def database(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The superuser's conninfo of an empty database of this test's own, with `create database`'s options, if given."""
    yield from a_database(cluster, "template0", getattr(request, "param", PLAIN))


@pytest.fixture(scope="session")
def ledger_template(cluster: Cluster) -> Iterator[str]:
    """A database with the service's own tables that no system has been given yet, for cloning."""
    for conninfo in a_database(cluster, "template0"):
        name = str(conninfo_to_dict(conninfo)["dbname"])
        policy = Policy.model_validate({"system": "nobody", "database": name, "tables": {}})
        with psycopg.connect(conninfo, autocommit=True) as conn:
            install.install(conn, policy, catalog.read(conn), None)
            conn.execute("delete from lifecycle.installation")
        yield name


@pytest.fixture
def ledger(cluster: Cluster, ledger_template: str) -> Iterator[str]:
    """As `database`, with the service's own tables in it: to make them takes half of a short test's time."""
    yield from a_database(cluster, ledger_template)


@pytest.fixture(scope="session")
def stage_template(cluster: Cluster) -> Iterator[str]:
    """A database with a ledger and what processes write into, for cloning."""
    for conninfo in a_database(cluster, "template0"):
        with psycopg.connect(conninfo, autocommit=True) as conn:
            lay(conn)
        yield str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture
def stage_database(cluster: Cluster, stage_template: str) -> Iterator[str]:
    """The superuser's conninfo of a copy of that, to be given to a `Stage`."""
    yield from a_database(cluster, stage_template)


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of an S3 server and a Stripe double, for buckets and customers of each test's own."""
    where = tmp_path_factory.mktemp("outside")
    with s3.start(where) as store, stripe_double.start(where) as stripe:
        yield store.url, stripe.url


def a_database(cluster: Cluster, template: str, options: sql.SQL = PLAIN) -> Iterator[str]:
    """Make a database from a template, yield its superuser's conninfo, and drop it."""
    name = f"t{next(_numbers)}"
    parts = {"name": sql.Identifier(name), "template": sql.Identifier(template), "options": options}
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(
            sql.SQL(
                "create database {name} template {template} strategy file_copy {options}"
            ).format(**parts)
        )
    yield cluster.dsn(name)
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {name} with (force)").format(name=parts["name"]))


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


@functools.cache
def vitalis_policy() -> Policy:
    """Return the sample's policy, read once: it takes 40 ms."""
    return load.policy(VITALIS / "policy.yaml")[0]


@pytest.fixture(scope="session")
def vitalis_template(cluster: Cluster) -> Iterator[tuple[str, sample.Cast]]:
    """A database with the schema, the sample and the installation, for cloning."""
    database = a_database(cluster, "template0")
    conninfo = next(database)
    policy = vitalis_policy()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute((VITALIS / "schema.sql").read_bytes())
        objects: Any = NoObjects()
        cast = sample.load(conn, objects, {"documents": "documents"}, NoPayer(), seed=1, now=NOW)
        install.install(conn, policy, catalog.read(conn), None)
    yield str(conninfo_to_dict(conninfo)["dbname"]), cast
    next(database, None)


@pytest.fixture
def vitalis(
    cluster: Cluster, vitalis_template: tuple[str, sample.Cast], tmp_path: Path
) -> Iterator[Vitalis]:
    """A copy of the sample system, without objects and without Stripe."""
    template, cast = vitalis_template
    policy = vitalis_policy()
    for conninfo in a_database(cluster, template):
        system = build.system(conninfo, policy, {"base": tmp_path}, **build.reference_key(tmp_path))
        yield Vitalis(conninfo, system, cast)
