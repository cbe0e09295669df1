"""A person's rows in a hypertable go with them where it is not compressed, and the proof looks into every chunk."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from lifecycle.admin import install
from lifecycle.outcome import Verdict
from lifecycle.policy.model import Table
from lifecycle.postgres import catalog
from lifecycle.postgres.server import Cluster
from tests.conftest import a_database
from tests.database import clinic as the_clinic
from tests.database.clinic import ANNA, Clinic

OTTO = "b0000000-0000-4000-8000-00000000000b"
BEATS = """
    set role clinic_owner;
    create table beat (person_id uuid not null references person, at timestamptz not null, note text);
    select from public.create_hypertable('beat', 'at', chunk_time_interval => interval '30 days',
                                         partitioning_column => 'person_id', number_partitions => 4);
    insert into beat select %(who)s, timestamptz '2026-01-01Z' + n * interval '10 days', 'beat of ' || %(word)s
      from generate_series(0, 20) n;
    reset role;
"""


@pytest.fixture
def clinic(cluster: Cluster, tmp_path: Path, outside: tuple[str, str]) -> Iterator[Clinic]:
    """The clinic, with a hypertable in which Anna and Otto have rows."""
    for conninfo in a_database(cluster, "template0"):
        the_clinic.make(conninfo)
        with the_clinic.opened(conninfo, tmp_path, *outside) as made:
            with psycopg.connect(conninfo, autocommit=True) as conn:
                conn.execute("create extension timescaledb")
                [(owner,)] = conn.execute(
                    "select tableowner from pg_tables where tablename = 'person'"
                ).fetchall()
                beats = BEATS.replace("clinic_owner", owner)
                beats = beats.replace("%(who)s", f"'{ANNA}'").replace(
                    "%(word)s", "'anna@example.org'"
                )
                conn.execute(beats.encode())
                conn.execute(f"insert into beat select '{OTTO}', at, 'his' from beat".encode())
                tables = made.system.policy.tables
                beat = Table.model_validate({"owner": {"person": "person_id"}})
                policy = made.system.policy.model_copy(update={"tables": {**tables, "beat": beat}})
                install.install(conn, policy, catalog.read(conn), None)
            yield replace(made, system=replace(made.system, policy=policy))


def test_their_rows_go_from_every_chunk_and_nobody_elses(clinic: Clinic) -> None:
    outcome = clinic.erase()
    assert outcome.failures == (), outcome.failures
    assert outcome.verdict is Verdict.UNVERIFIED
    assert clinic.ask("select count(*) from beat where person_id = %(a)s", a=ANNA) == [0]
    assert clinic.ask("select count(*) from beat") == [21]
    assert clinic.traces() == []


def test_rows_beside_all_chunks_leave_an_erasure_unproven(clinic: Clinic) -> None:
    with psycopg.connect(clinic.admin, autocommit=True) as conn:
        conn.execute("set timescaledb.restoring = on")
        conn.execute(f"insert into beat values ('{ANNA}', '2026-01-01Z', 'hers')".encode())
    [failure] = clinic.erase().failures
    assert failure.what.startswith("rows may stand in the hypertable itself")
