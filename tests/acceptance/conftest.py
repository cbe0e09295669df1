"""Gives each acceptance test a stage of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from lifecycle.postgres.server import Cluster
from tests.acceptance.stage import Stage


@pytest.fixture
def stage(cluster: Cluster, stage_database: str, tmp_path: Path) -> Iterator[Stage]:
    """A database with a ledger, and nothing running."""
    made = Stage(cluster, str(conninfo_to_dict(stage_database)["dbname"]), tmp_path)
    yield made
    made.close()
