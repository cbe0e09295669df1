"""The firm and the clinic that several files work on: one template per worker, a copy per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.postgres.server import Cluster
from tests.conftest import a_database
from tests.database import clinic as the_clinic
from tests.database import firm as the_firm
from tests.database.clinic import Clinic
from tests.database.firm import Firm
from tests.database.shop import Shop


@pytest.fixture(scope="session")
def firm_template(cluster: Cluster) -> Iterator[str]:
    """A database with the firm's tables and installation, for cloning."""
    for conninfo in a_database(cluster, "template0"):
        the_firm.make(conninfo)
        yield str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture
def firm(cluster: Cluster, firm_template: str) -> Iterator[Firm]:
    """A copy of the firm."""
    for conninfo in a_database(cluster, firm_template):
        yield Firm(conninfo)


@pytest.fixture(scope="session")
def clinic_template(cluster: Cluster) -> Iterator[str]:
    """A database with the clinic's tables, people and installation, for cloning."""
    for conninfo in a_database(cluster, "template0"):
        the_clinic.make(conninfo)
        yield str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture
def clinic(
    cluster: Cluster, clinic_template: str, tmp_path: Path, outside: tuple[str, str]
) -> Iterator[Clinic]:
    """A copy of the clinic with buckets and customers of its own."""
    for conninfo in a_database(cluster, clinic_template):
        with the_clinic.opened(conninfo, tmp_path, *outside) as opened:
            yield opened


@pytest.fixture
def shop(ledger: str, tmp_path: Path) -> Shop:
    """A database of the test's own with the shop's roles."""
    return Shop(ledger, tmp_path)
