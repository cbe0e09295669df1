"""A server with TimescaleDB, whole or under its Apache licence."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.postgres import server
from lifecycle.postgres.server import Cluster
from tests.house import House


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    settings = {
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "timescaledb.max_background_workers": "0",  # no job of its own runs beside a test
        "max_locks_per_transaction": "512",
        "autovacuum": "off",
    }
    with server.temporary(server.find_binaries(), settings=settings) as running:
        yield running


@pytest.fixture(params=["timescale", "apache"])
def house(database: str, request: pytest.FixtureRequest) -> House:
    """A house with the extension, on each of its editions."""
    name = conninfo_to_dict(database)["dbname"]
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(f"alter database {name} set timescaledb.license = '{request.param}'".encode())
    made = House(database)
    made.say("create extension timescaledb")
    return made
