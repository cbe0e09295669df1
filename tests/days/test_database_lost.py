"""The runbook "database-lost", carried out: the server is destroyed, an empty one made, and the application is answered."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lifecycle.admin import install
from lifecycle.policy import whole
from lifecycle.postgres import catalog, server
from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import s3
from tests import build, forked
from tests.database.test_backups import SCHEMA, World, client_of
from tests.days.test_way_back import ASKED, ask

POLICY: dict[str, Any] = {
    "system": "small",
    "database": "shop",
    "tables": {},
    "backups": {"dumps": {"bucket": "backups", "prefix": "daily/"}},
}


@dataclass(frozen=True)
class Disaster:
    """What is left when the server is gone: a settings file, a policy, a bucket; and what the application heard before."""

    directory: Path
    answers: list[Any]

    def lifecycle(
        self, admin: str, *words: str, typed: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        environment = dict(os.environ) | {
            "LIFECYCLE_SETTINGS": str(self.directory / "lifecycle.yaml"),
            "LIFECYCLE_ADMIN_DSN": admin,
        }
        return forked.run(words, environment, Path.cwd(), timeout=200, typed=typed)


@pytest.fixture
def disaster(cluster: Cluster, outside: tuple[str, str], tmp_path: Path) -> Iterator[Disaster]:
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    client = client_of(outside[0])
    client.create_bucket(Bucket="disaster")
    scratch = Path(tempfile.mkdtemp(prefix="lc-lost-"))
    scratch.chmod(0o755)
    own: dict[str, Any] = {
        "signing_key": build.secret(tmp_path, "signing.pem", pem.decode()),
        "buckets": {"backups": "disaster"},
        "s3": {
            "endpoint": outside[0],
            "access_key": build.secret(tmp_path, "access.key", s3.ACCESS_KEY),
            "secret_key": build.secret(tmp_path, "secret.key", s3.SECRET_KEY),
        },
    }
    (tmp_path / "policy.yaml").write_text(json.dumps(POLICY))
    system = own | {"policy": "policy.yaml", "dsn": "host=/nowhere dbname=shop user=lifecycle"}
    settings = {"systems": {"small": system}, "scratch": str(scratch), "daemon": {"listen": None}}
    (tmp_path / "lifecycle.yaml").write_text(json.dumps(settings))
    with server.temporary(cluster.binaries) as doomed:
        with psycopg.connect(doomed.dsn(), autocommit=True) as admin:
            admin.execute("create role small_owner nologin; create role web login password 'x'")
            admin.execute("create database shop owner small_owner")
        policy = whole.model().model_validate(POLICY)
        with psycopg.connect(doomed.dsn("shop"), autocommit=True) as admin:
            admin.execute(SCHEMA)
            admin.execute("grant select on all tables in schema public, side to web")
            admin.execute("alter table people owner to small_owner")
            install.install(admin, policy, catalog.read(admin), None)
        machine = {"base": tmp_path, "scratch": str(scratch)}
        there = build.system(doomed.dsn("shop"), policy, machine, **own)
        World(doomed.dsn("shop"), there, client, "disaster").dump()
        answers = ask(doomed.dsn("shop"), *ASKED)
    yield Disaster(tmp_path, answers)
    shutil.rmtree(scratch)


@pytest.mark.slow
def test_one_runbook_brings_the_database_back_onto_an_empty_server(
    disaster: Disaster, cluster: Cluster
):
    with server.temporary(cluster.binaries) as empty:
        shown = disaster.lifecycle(empty.dsn(), "--json", "backups", "restore", "plan")
        assert shown.returncode == 0, shown.stderr
        plan = json.loads(shown.stdout)["hash"]
        walked = disaster.lifecycle(
            *(empty.dsn(), "runbooks", "run", "database-lost", "--plan", plan),
            typed="r\nstopped\nr\nr\nno better copy\nr\n"
            "s\nthe test's settings name the old server\nr\nnobody was erased\nr\nset\n"
            "s\nas above\nr\ntold\n",
        )
        assert walked.returncode == 0, walked.stdout + walked.stderr
        assert ask(empty.dsn("shop"), *ASKED) == disaster.answers
        with psycopg.connect(empty.dsn("shop", user="web")) as web:  # the application's login
            assert web.execute("select count(*) from readings").fetchone() == (1806,)
        again = disaster.lifecycle(empty.dsn(), "--json", "backups", "restore", "plan")
        assert json.loads(again.stdout)["steps"] == []


@pytest.mark.slow
def test_a_server_with_anything_on_it_is_refused_with_its_exit_code(
    disaster: Disaster, cluster: Cluster
):
    with server.temporary(cluster.binaries) as full:
        with psycopg.connect(full.dsn(), autocommit=True) as admin:
            admin.execute("create database shop")
        shown = disaster.lifecycle(full.dsn(), "--json", "backups", "restore", "plan")
        refused = disaster.lifecycle(
            full.dsn(), "backups", "restore", "apply", json.loads(shown.stdout)["hash"]
        )
        assert (refused.returncode, "it is not empty: it has shop" in refused.stderr) == (4, True)
        changed = disaster.lifecycle(full.dsn(), "backups", "restore", "apply", "0" * 16)
        assert changed.returncode == 4
