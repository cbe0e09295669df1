"""A server with TimescaleDB, whole or under its Apache licence."""

from collections.abc import Iterator

import pytest

from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from tests.house import House


@pytest.fixture(scope="session", params=["timescale", "apache"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server of each edition. TimescaleDB takes its licence from the server's own configuration, and no other."""
    settings = {
        "shared_preload_libraries": "timescaledb",
        "timescaledb.license": request.param,
        "timescaledb.telemetry_level": "off",
        "timescaledb.max_background_workers": "0",  # no job of its own runs beside a test
        "max_locks_per_transaction": "512",
        "autovacuum": "off",
    }
    with server.temporary(server.find_binaries(), settings=settings) as running:
        yield running


@pytest.fixture
def house(database: str) -> House:
    """A house with the extension, on each of its editions."""
    made = House(database)
    made.say("create extension timescaledb")
    return made
