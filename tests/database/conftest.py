"""The firm that several files of attacks work on: one template per worker, a copy per test."""

from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.postgres.server import Cluster
from tests.conftest import a_database
from tests.database import firm as the_firm
from tests.database.firm import Firm


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
