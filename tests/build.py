"""The one builder of a `System` for tests, and of what its settings name: secrets, an object store, a payer."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from lifecycle.policy.model import Policy
from lifecycle.sandbox import s3, stripe_double
from lifecycle.settings.model import Settings, SystemSettings
from lifecycle.system import System

DIGEST = "0" * 64
"""Stands for the digest of a policy that no file holds."""


def system(
    conninfo: str, policy: Policy, machine: Mapping[str, object] | None = None, **own: object
) -> System:
    """Return a System that enters the database of this superuser's `conninfo` as the service does.

    `own` are settings of the system, `machine` those beside it. The policy is the database's, whatever it is called.
    """
    database = str(conninfo_to_dict(conninfo)["dbname"])
    dsn = make_conninfo(conninfo, user="lifecycle")
    settings = SystemSettings.model_validate({"policy": "policy.yaml", "dsn": dsn} | own)
    whole = Settings.model_validate({"systems": {policy.system: settings}} | dict(machine or {}))
    return System(policy.model_copy(update={"database": database}), DIGEST, settings, whole)


def secret(directory: Path, name: str, value: str) -> dict[str, str]:
    """Write a secret that its owner alone can read, and return how the settings name it."""
    path = directory / name
    path.touch(mode=0o600)
    path.write_text(value)
    return {"file": str(path)}


def reference_key(directory: Path) -> dict[str, dict[str, str]]:
    """Return the setting of a reference key; one that lies in `directory` stays."""
    file = directory / "reference.key"
    value = file.read_text() if file.exists() else secrets.token_hex(32)
    return {"reference_key": secret(directory, file.name, value)}


def store_at(url: str, directory: Path) -> dict[str, Any]:
    """Return the setting of the S3 stand-in at `url`."""
    access = secret(directory, "s3-access.key", s3.ACCESS_KEY)
    key = secret(directory, "s3-secret.key", s3.SECRET_KEY)
    return {"s3": {"endpoint": url, "access_key": access, "secret_key": key}}


def payer_at(url: str, directory: Path) -> dict[str, Any]:
    """Return the setting of the Stripe double at `url`."""
    key = secret(directory, "stripe.key", stripe_double.KEY)
    return {"stripe": {"key": key, "address": url}}


def extension(admin: Connection[TupleRow]) -> None:
    """Install the first of three extensions that this server offers: not every build brings the same."""
    offered = admin.execute(
        "select name from pg_available_extensions where name in ('pgcrypto', 'citext', 'vector') order by 1"
    ).fetchall()
    assert offered, "this PostgreSQL brings no extension that could be dumped"
    admin.execute(sql.SQL("create extension {}").format(sql.Identifier(offered[0][0])))
