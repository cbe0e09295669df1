"""A house whose rules archive what ends: a database of the test's own, and a bucket."""

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3

from lifecycle.outcome import Outcome
from lifecycle.sandbox import s3
from lifecycle.system import System
from retention.archive import shelf
from retention.archive.manifest import Manifest
from retention.archive.section import Archives
from tests import build
from tests.house import House

PLAIN = "create table log (id int primary key, at timestamptz, value text default 'v');"
DELETE = {"table": "log", "after": "90 days", "by": "at", "do": "delete", "archive": True}


class Archiving(House):
    """A house with a bucket for its archives."""

    def __init__(self, conninfo: str, url: str, directory: Path) -> None:
        super().__init__(conninfo)
        self.directory = directory
        self.bucket = f"archives-{hashlib.sha256(conninfo.encode()).hexdigest()[:12]}"
        self.own = build.store_at(url, directory) | {"buckets": {"archives": self.bucket}}
        self.client: Any = boto3.client(  # pyright: ignore[reportUnknownMemberType]
            "s3",
            endpoint_url=url,
            region_name=s3.REGION,
            aws_access_key_id=s3.ACCESS_KEY,
            aws_secret_access_key=s3.SECRET_KEY,
        )
        self.client.create_bucket(Bucket=self.bucket)
        self.policy = self.policy.model_copy(update={"archives": Archives(bucket="archives")})

    def system(self) -> System:
        machine = {"base": self.directory, "scratch": "scratch"}
        return build.system(self.admin, self.policy, machine, **self.own)

    def archives(self) -> list[Manifest]:
        on = shelf.shelf(self.system())
        with closing(on.store):
            return [found for _, found in on.all() if isinstance(found, Manifest)]

    def events(self) -> list[str]:
        return [
            f"{kind} {event}"
            for kind, event in self.ask(
                "select kind, event from lifecycle.evidence where event ~ '^retention|dropped' order by id"
            )
        ]


def told(outcome: Outcome) -> str:
    return "; ".join(f"{failure.target}: {failure.what}" for failure in outcome.failures)
