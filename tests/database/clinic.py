"""The clinic: a small system with everything that makes an erasure hard, its objects and its payer."""

import contextlib
import functools
import itertools
import json
import time
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import stripe

from gdpr.promise import PROMISE
from lifecycle import clock
from lifecycle.admin import install
from lifecycle.ledger import claims
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Outcome
from lifecycle.outside import objects
from lifecycle.outside.keys import reference_key
from lifecycle.outside.objects import Objects
from lifecycle.plan import Plan
from lifecycle.policy import load
from lifecycle.policy.model import Policy
from lifecycle.postgres import catalog
from lifecycle.sandbox import stripe_double
from lifecycle.system import System
from tests import build, declare
from tests.keep import keep

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ANNA, OTTO, JOANNA = (f"{x}0000000-0000-4000-8000-00000000000{x}" for x in "abc")
TRACES = (ANNA, "anna@example.org", 'Anna \\"Nan\\" Lind', 'Anna "Nan" Lind')
_numbers = itertools.count()


@dataclass(frozen=True)
class Clinic:
    """One copy of the clinic."""

    admin: str
    system: System
    store: Objects
    stripe: stripe.StripeClient
    stripe_url: str
    customers: tuple[str, str]

    def ask(self, query: str, **values: Any) -> list[Any]:
        """Run a statement as superuser and return its rows, of one column as values."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            found = conn.execute(query.encode(), values or None)
            rows = found.fetchall() if found.description else []
        return [row[0] if len(row) == 1 else row for row in rows]

    def claim(self) -> Claim:
        """Take a new run; one that died before counts as lost."""
        self.ask("update lifecycle.run set state = 'lost', holder = null where state = 'running'")
        with contextlib.closing(self.system.connect("test")) as conn:
            at = NOW.replace(microsecond=self.ask("select count(*) from lifecycle.run")[0])
            return claims.claim_new(
                conn, "clinic", "gdpr.erase", at, claims.new_holder(), asked_by="person"
            )

    def erase(self, now: datetime = NOW, shown: Plan[Any] | None = None) -> Outcome:
        """Do what the night's job does."""
        return keep(PROMISE, self.system, self.claim(), now, shown)

    def declared(self, does: str = "checks") -> "Clinic":
        """Return the clinic with every trigger declared that is there now, as if somebody had read it."""
        policy = declare.triggers_now(self.admin, self.system.policy, does)
        return replace(self, system=replace(self.system, policy=policy))

    def reference(self, number: int) -> str:
        """Return the reference of a request."""
        key = reference_key(self.system.settings.reference_key)
        return key.reference("request", str(number))

    def lines_outside(self) -> list[dict[str, Any]]:
        """Return what the bucket outside the database says of proven erasures."""
        bucket = self.system.settings.buckets["erasure-ledger"]
        found = self.store.client.list_objects_v2(Bucket=bucket, Prefix="erasures/")
        keys = [one.get("Key", "") for one in found.get("Contents", [])]
        return [json.loads(self.store.get_bytes("erasure-ledger", key)) for key in keys]

    def everything(self) -> dict[str, list[Any]]:
        """Return every row of every table but the audit log, as text."""
        tables = (
            "household",
            "person",
            "visit",
            "finding",
            "paper",
            "scan",
            "diary",
            "board",
            "request",
        )
        found: dict[str, list[Any]] = {}
        with psycopg.connect(self.admin, autocommit=True) as conn:
            for table in tables:
                rows = conn.execute(f"select t::text from {table} as t order by 1".encode())
                found[table] = [row[0] for row in rows]
        return found

    def traces(self) -> list[tuple[str, int]]:
        """Return the tables in which Anna is found, by a search that shares nothing with the product's."""
        found: list[tuple[str, int]] = []
        with psycopg.connect(self.admin, autocommit=True) as conn:
            names = conn.execute(
                "select oid::regclass::text from pg_class where relkind in ('r', 'm') "
                "and relnamespace in ('public'::regnamespace, 'lifecycle'::regnamespace)"
            ).fetchall()
            for (name,) in names:
                rows = conn.execute(f"select row_to_json(t)::text from {name} as t".encode())
                texts = [row[0].lower() for row in rows]
                hits = sum(
                    any(trace.lower() in text.replace("joanna", "j") for trace in TRACES)
                    for text in texts
                )
                if hits:
                    found.append((name, hits))
        return found

    def fail(self, fault: dict[str, Any]) -> None:
        """Order a fault at the Stripe double."""
        self.double("POST", "faults", fault)

    def calls(self) -> list[tuple[str, int | None]]:
        """Return (method, status) of what the Stripe double was asked since the clinic was opened."""
        return [(r["method"], r["status"]) for r in self.double("GET", "requests")["data"]]

    def double(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        order = urllib.request.Request(f"{self.stripe_url}/_double/{path}", data, method=method)
        with urllib.request.urlopen(order, timeout=10) as answer:
            return json.load(answer)


@functools.cache
def the_policy() -> Policy:
    """Return the clinic's policy, read once."""
    return load.policy(HERE / "clinic.yaml")[0]


def make(conninfo: str) -> None:
    """Make the clinic's tables, people and installation in an empty database: a template for `opened`."""
    policy = the_policy()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute((HERE / "clinic.sql").read_bytes())
        install.install(conn, policy, catalog.read(conn), None)


@contextlib.contextmanager
def opened(database: str, directory: Path, store_url: str, stripe_url: str) -> Generator[Clinic]:
    """Open a copy of what `make` made, with buckets and customers of its own."""
    number = next(_numbers)
    system = build.system(
        database,
        the_policy(),
        {"base": directory},
        **build.reference_key(directory),
        **build.store_at(store_url, directory),
        **build.payer_at(stripe_url, directory),
        buckets={"papers": f"papers-{number}", "erasure-ledger": f"ledger-{number}"},
    )
    client = stripe.StripeClient(stripe_double.KEY, base_addresses={"api": stripe_url})
    customers = tuple(
        client.v1.customers.create({"email": e}).id for e in ("a@example.org", "j@example.org")
    )
    with contextlib.closing(objects.store(system)) as store:
        for bucket in system.settings.buckets.values():
            store.client.create_bucket(Bucket=bucket)
        store.client.put_bucket_versioning(
            Bucket=f"papers-{number}", VersioningConfiguration={"Status": "Enabled"}
        )
        for object_key in ("scan-1", "scan-1", "scan-1.jpg", "scan-2", "scan-10", "family"):
            store.put_bytes("papers", object_key, b"content")
        store.client.delete_object(Bucket=f"papers-{number}", Key="scan-2")
        clinic = Clinic(database, system, store, client, stripe_url, (customers[0], customers[1]))
        clinic.ask(
            "update household set customer = (%(c)s::text[])[household_id] where household_id <= 2",
            c=list(customers),
        )
        clinic.double("DELETE", "faults")
        clinic.double("DELETE", "requests")
        yield clinic


def lock(clinic: Clinic) -> datetime:
    """Put the papers into a bucket of the same name with Object Lock; return until when Anna's scan is locked there.

    Both versions of `scan-1` are, and the hidden one of `scan-2` is under a legal hold.
    """
    client, bucket = clinic.store.client, clinic.system.settings.buckets["papers"]
    listed = client.list_object_versions(Bucket=bucket)
    for one in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]:
        key, version = str(one.get("Key")), str(one.get("VersionId"))
        client.delete_object(Bucket=bucket, Key=key, VersionId=version)
    client.delete_bucket(Bucket=bucket)
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    until = clock.now().replace(microsecond=0) + timedelta(days=2)
    for key in ("scan-1", "scan-1"):
        clinic.store.put_bytes("papers", key, b"content", locked_until=until)
    for key in ("scan-1.jpg", "scan-2", "scan-10", "family"):
        clinic.store.put_bytes("papers", key, b"content")
    [hidden] = clinic.store.versions("papers", "scan-2")
    client.put_object_legal_hold(
        Bucket=bucket, Key="scan-2", VersionId=hidden, LegalHold={"Status": "ON"}
    )
    client.delete_object(Bucket=bucket, Key="scan-2")
    return until


def unlock(clinic: Clinic) -> None:
    """Lift every lock of the papers, by the key of somebody who may."""
    client, bucket = clinic.store.client, clinic.system.settings.buckets["papers"]
    for key, version in (
        *(("scan-1", one) for one in clinic.store.versions("papers", "scan-1")),
        (
            "scan-2",
            client.list_object_versions(Bucket=bucket, Prefix="scan-2")["Versions"][0].get(
                "VersionId", ""
            ),
        ),
    ):
        client.put_object_legal_hold(
            Bucket=bucket, Key=key, VersionId=version, LegalHold={"Status": "OFF"}
        )
        client.put_object_retention(
            Bucket=bucket,
            Key=key,
            VersionId=version,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": clock.now() + timedelta(seconds=1)},
            BypassGovernanceRetention=True,
        )
    time.sleep(1.5)
