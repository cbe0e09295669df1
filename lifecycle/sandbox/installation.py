"""A machine with a system on it, set up as its ops engineer would: database, buckets, Stripe, settings, policy.

For the demo and the acceptance tests. The schedule puts one job in each of the last hours, so that a daemon
that was away for a day finds all of them due, in an order that reads well.
"""

import secrets
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lifecycle.postgres.server import Cluster
from lifecycle.sandbox import s3, stripe_double
from lifecycle.systems.shipped import Cast, Shipped

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_ABSENT = """
    insert into lifecycle.schedule (system, job, cron, timezone, covered_until)
    values (%(system)s, %(job)s, %(cron)s, 'UTC', %(until)s)
        on conflict (system, job)
        do update set cron = excluded.cron, covered_until = excluded.covered_until
"""

# Who looks a day back by another schedule has not kept the one before it since he last looked.
_ENDED = """
    update lifecycle.generation
       set until = greatest(since, (select max(covered_until) from lifecycle.schedule where system = %(system)s))
     where system = %(system)s and until is null
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The directory where the installation keeps its settings and secrets."""

    directory: Path

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.directory / "lifecycle.yaml"

    @property
    def policy(self) -> Path:
        """The policy file, which a person may edit."""
        return self.directory / "policy.yaml"

    @property
    def listen(self) -> str:
        """The address where the daemon answers monitors."""
        return str(YAML().load(self.settings)["daemon"]["listen"])  # pyright: ignore[reportUnknownMemberType]

    def secret(self, name: str, value: str) -> dict[str, str]:
        """Write a secret that only its owner can read; return how the settings name it."""
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")
        return {"file": str(path)}

    def kept(self, name: str, make: Callable[[], str]) -> dict[str, str]:
        """Write a secret as `secret` does, unless it is there; return how the settings name it."""
        path = self.directory / name
        return self.secret(name, path.read_text(encoding="utf-8") if path.exists() else make())


def _signing_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def load(
    shipped: Shipped,
    cluster: Cluster,
    objects: "S3Client",
    stripe: str,
    *,
    seed: int,
    now: datetime,
) -> Cast:
    """Make the system's database with its sample, its objects and its customers; say who is who."""
    make_buckets(objects, shipped.buckets.values())
    with psycopg.connect(cluster.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(shipped.database)))
    with psycopg.connect(cluster.dsn(shipped.database), autocommit=True) as admin:
        admin.execute(shipped.schema)
        payer = StripeAccount(stripe)
        return shipped.load(admin, objects, shipped.buckets, payer, seed=seed, now=now)


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """Opens customers at the double, as the application would have."""

    url: str

    def create_customer(self, email: str, name: str) -> str:
        """Create a customer; return its id."""
        import stripe

        client = stripe.StripeClient(stripe_double.KEY, base_addresses={"api": self.url})
        return client.v1.customers.create(params={"email": email, "name": name}).id


def objects_at(url: str) -> "S3Client":
    """Return a client of the S3 server at `url`."""
    import boto3

    return boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=url,
        region_name=s3.REGION,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
    )


def make_buckets(objects: "S3Client", buckets: Iterable[str]) -> None:
    """Make the buckets, with versions."""
    for bucket in buckets:
        objects.create_bucket(Bucket=bucket)
        objects.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def write_policy(shipped: Shipped, place: Place, now: datetime) -> bool:
    """Write the policy of the system, on a schedule of one job an hour that ends an hour before `now`.

    One that a person has edited since is kept: of it only the schedule is moved, and that only where it is still
    ours. Return whether it is ours.
    """
    yaml, ours = YAML(), place.directory / "policy.ours"
    mine = not place.policy.exists() or place.policy.read_bytes() == ours.read_bytes()
    source = shipped.policy if mine else place.policy
    try:
        policy = yaml.load(source)  # pyright: ignore[reportUnknownMemberType]
        if mine or policy["schedule"] == yaml.load(ours)["schedule"]:  # pyright: ignore[reportUnknownMemberType]
            policy["schedule"] = schedule(shipped, now)
            yaml.dump(policy, place.policy)  # pyright: ignore[reportUnknownMemberType]
            plain = yaml.load(shipped.policy)  # pyright: ignore[reportUnknownMemberType]
            plain["schedule"] = schedule(shipped, now)
            yaml.dump(plain, ours)  # pyright: ignore[reportUnknownMemberType]
    except (YAMLError, KeyError, TypeError):
        return mine  # `policy check` will say it better
    return mine


def write_settings(
    shipped: Shipped, place: Place, cluster: Cluster, store: str, stripe: str
) -> None:
    """Write the settings and the secrets they name; keys that are there stay."""
    system: dict[str, object] = {
        "policy": "policy.yaml",
        "dsn": make_conninfo(cluster.dsn(shipped.database), user="lifecycle"),
        "reference_key": place.kept("reference.key", lambda: secrets.token_hex(32)),
        "signing_key": place.kept("signing.key", _signing_key),
        "buckets": dict(shipped.buckets),
        "s3": {
            "endpoint": store,
            "region": s3.REGION,
            "access_key": place.secret("s3-access.key", s3.ACCESS_KEY),
            "secret_key": place.secret("s3-secret.key", s3.SECRET_KEY),
        },
    }
    if shipped.customers:
        key = place.secret("stripe.key", stripe_double.KEY)
        system["stripe"] = {"key": key, "address": stripe}
    # One run at a time, so that the day reads from top to bottom.
    daemon = {"workers": 1, "tick": "1 second", "listen": _free_address()}
    settings = {"systems": {shipped.name: system}, "reports": "reports", "daemon": daemon}
    YAML().dump(settings, place.settings)  # pyright: ignore[reportUnknownMemberType]


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def day(shipped: Shipped) -> tuple[str, ...]:
    """Return the jobs of the system's day, in the order in which its policy names them."""
    return tuple(YAML().load(shipped.policy)["schedule"])  # pyright: ignore[reportUnknownMemberType]


def schedule(shipped: Shipped, now: datetime) -> dict[str, str]:
    """Return the day's jobs, each once a day, an hour apart, the last one an hour before `now`."""
    jobs = day(shipped)
    slots = [now - timedelta(hours=hours) for hours in range(len(jobs), 0, -1)]
    return {job: f"{slot.minute} {slot.hour} * * *" for job, slot in zip(jobs, slots, strict=True)}


def be_absent(shipped: Shipped, cluster: Cluster, now: datetime) -> None:
    """Leave the ledger as a daemon leaves it that was switched off a day before `now`."""
    of = {"system": shipped.name}
    with psycopg.connect(cluster.dsn(shipped.database)) as admin:
        admin.execute(_ENDED, of)
        for job, cron in schedule(shipped, now).items():
            values = {"job": job, "cron": cron, "until": now - timedelta(days=1)}
            admin.execute(_ABSENT, of | values)
