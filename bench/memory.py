"""Peak memory of the jobs that pass over data, on one amount of rows and on ten times as many. Aim: flat."""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from ruamel.yaml import YAML

from lifecycle.admin import install
from lifecycle.policy import load
from lifecycle.postgres import catalog, server
from lifecycle.sandbox import installation, s3
from lifecycle.sandbox.installation import Place

ROWS = 20_000
BUCKETS = {"backups": "growth-backups", "erasure-ledger": "growth-erasures"}
JOBS = ("backups.dump", "retention.expire", "gdpr.erase")

_SCHEMA = """
    create table people (id bigint primary key, email text not null);
    create table events (id bigint primary key, person_id bigint not null references people,
                         at timestamptz not null, note text);
    create index on events (person_id);
    create table requests (id bigint primary key, person_id bigint references people, asked timestamptz not null,
                           due timestamptz not null, status text not null, completed timestamptz);
    insert into people select n, 'person' || n || '@example.org' from generate_series(1, 10) as n;
"""
_ROWS = """
    insert into events
    select n, 1 + n %% 10, now() - case when n %% 2 = 0 then interval '400 days' else interval '1 day' end,
           repeat(md5(n::text), 8)
      from generate_series(1, %(rows)s) as n
"""
_REQUEST = """
    insert into requests values (1, 1, now() - interval '31 days', now() - interval '1 day', 'pending', null)
"""
_POLICY = """
system: growth
database: DATABASE
limits: {rows_per_run: 1000000}
retention:
  - {table: events, after: 1 year, by: at, do: delete, because: a year is enough}
subjects: {person: {table: people, key: id, identifiers: [email]}}
tables:
  people: {owner: {person: id}}
  events: {owner: {person: person_id}}
  requests: {owner: {person: person_id}, keep: {clear: [person_id], because: proof}}
erasure:
  subject: person
  grace: 30 days
  requests:
    {table: requests, key: id, subject: person_id, requested: asked, due: due, status: status, completed: completed}
backups: {dumps: {bucket: backups}}
"""


def measure() -> Iterator[str]:
    """Yield each job's peak resident memory on both amounts, and their ratio."""
    peaks: dict[str, list[float]] = {job: [] for job in JOBS}
    with (
        server.temporary(server.find_binaries()) as cluster,
        tempfile.TemporaryDirectory() as directory,
        s3.start(Path(directory) / "s3") as store,
    ):
        installation.make_buckets(installation.objects_at(store.url), BUCKETS.values())
        for database, rows in (("small", ROWS), ("large", 10 * ROWS)):
            with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
                admin.execute(b"create database " + database.encode())
            place = Place(Path(directory) / database)
            place.directory.mkdir()
            _prepare(place, cluster.dsn(database), database, rows, store.url)
            for job in JOBS:
                peaks[job].append(_peak_megabytes(place, "run", job))
    for job, (small, large) in peaks.items():
        yield f"{job}: {small:.0f} MB on {ROWS:,} rows, {large:.0f} MB on {10 * ROWS:,}: {large / small:.2f}x"


def _prepare(place: Place, conninfo: str, database: str, rows: int, store: str) -> None:
    (place.directory / "policy.yaml").write_text(
        _POLICY.replace("DATABASE", database), encoding="utf-8"
    )
    system = {
        "policy": "policy.yaml",
        "dsn": make_conninfo(conninfo, user="lifecycle"),
        "reference_key": place.secret("reference.key", secrets.token_hex(32)),
        "buckets": BUCKETS,
        "s3": {
            "endpoint": store,
            "access_key": place.secret("access.key", s3.ACCESS_KEY),
            "secret_key": place.secret("secret.key", s3.SECRET_KEY),
        },
    }
    YAML().dump({"systems": {"growth": system}}, place.settings)  # pyright: ignore[reportUnknownMemberType]
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(_SCHEMA.encode())
        admin.execute(_ROWS, {"rows": rows})
        admin.execute(_REQUEST)
        admin.execute("vacuum analyze")
        policy = load.policy(place.directory / "policy.yaml")[0]
        install.install(admin, policy, catalog.read(admin), None)


def _peak_megabytes(place: Place, *words: str) -> float:
    """Run a command of the product; return the peak of its own process."""
    environment = dict(os.environ) | {"LIFECYCLE_SETTINGS": str(place.settings)}
    quiet = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "lifecycle", *words],
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1), (os.POSIX_SPAWN_DUP2, quiet, 2)],
    )
    os.close(quiet)
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(
            f"`lifecycle {' '.join(words)}` ended with {os.waitstatus_to_exitcode(status)}"
        )
    return used.ru_maxrss / 1024
