"""The sample system: who is due is gone from everywhere, and who stays is as before."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import stripe
from psycopg import sql

from gdpr import request
from lifecycle import install
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome, Verdict
from lifecycle.outside import objects
from lifecycle.outside.objects import Objects
from lifecycle.policy import load
from lifecycle.postgres import catalog
from lifecycle.sandbox import s3, stripe_double
from lifecycle.settings import S3, Secret, Stripe
from lifecycle.system import System
from lifecycle.systems.vitalis import sample
from tests.conftest import NOW, VITALIS, system_for

if TYPE_CHECKING:
    from lifecycle.systems.vitalis.sample import Cast


class Customers:
    """The double, as the sample needs it."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client = client

    def create_customer(self, email: str, name: str) -> str:
        return self.client.v1.customers.create({"email": email, "name": name}).id


@dataclass(frozen=True)
class Stage:
    """Vitalis with real objects and a payer."""

    admin: str
    system: System
    cast: "Cast"
    store: Objects
    stripe: stripe.StripeClient

    def ask(self, query: str, **values: Any) -> list[Any]:
        with psycopg.connect(self.admin, autocommit=True) as conn:
            return conn.execute(query.encode(), values).fetchall()

    def claim(self) -> Claim:
        with contextlib.closing(self.system.connect("test")) as conn:
            return claims.claim_new(
                conn, "vitalis", "gdpr.erase", NOW, claims.new_holder(), asked_by="person"
            )

    def erase(self) -> Outcome:
        return request.carry_out(self.system, self.claim(), NOW)


@pytest.fixture(scope="module")
def stage(
    database_for_module: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    where = tmp_path_factory.mktemp("stage")
    secret = where / "key"
    with s3.start(where) as store_at, stripe_double.start(where) as stripe_at:
        for name, text in (("key", s3.ACCESS_KEY), ("stripe", stripe_double.KEY)):
            (where / name).write_text(text)
            (where / name).chmod(0o600)
        key = Secret(file=str(secret))
        policy = load.policy(VITALIS / "policy.yaml")[0]
        system = system_for(
            database_for_module,
            policy,
            where,
            s3=S3(endpoint=store_at.url, access_key=key, secret_key=key),
            stripe=Stripe(key=Secret(file=str(where / "stripe")), address=stripe_at.url),
            buckets={"documents": "real-documents", "erasure-ledger": "real-ledger"},
        )
        client = stripe.StripeClient(stripe_double.KEY, base_addresses={"api": stripe_at.url})
        with contextlib.closing(objects.store(system)) as store:
            for bucket in ("real-documents", "real-ledger"):
                store.client.create_bucket(Bucket=bucket)
            store.client.put_bucket_versioning(
                Bucket="real-documents", VersioningConfiguration={"Status": "Enabled"}
            )
            with psycopg.connect(database_for_module, autocommit=True) as conn:
                conn.execute((VITALIS / "schema.sql").read_bytes())
                cast = sample.load(
                    conn, store.client, "real-documents", Customers(client), seed=1, now=NOW
                )
                install.install(conn, policy, catalog.read(conn), None)
            yield Stage(database_for_module, system, cast, store, client)


@pytest.fixture(scope="module")
def database_for_module(cluster: Any) -> Iterator[str]:
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database gdpr_vitalis template template0"))
    yield cluster.dsn("gdpr_vitalis")
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database gdpr_vitalis with (force)"))


def test_it(stage: Stage) -> None:
    outcome = stage.erase()
    print(outcome)
    assert outcome.verdict is Verdict.PASS
