"""What a system that comes with the product brings, and which systems there are.

Knows what somebody needs who sets one up as its owner would. Never says what is promised about it: its policy does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

from psycopg import Connection

from lifecycle.errors import NotFound
from lifecycle.words import choices

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

NAMES = ("vitalis", "heartguard", "longevity-coach", "keep-going-care")

_KEPT = ("backups", "erasure-ledger", "records")
"""The buckets that the product itself writes to."""


class Payer(Protocol):
    """The payment processor, as far as a sample needs it."""

    def create_customer(self, email: str, name: str) -> str:
        """Create a customer and return the processor's id of it."""
        ...


class Cast(Protocol):
    """Who has a part in the story that every sample tells: somebody who is due, and somebody who is not."""

    @property
    def due(self) -> object:
        """The key of a person whose request is due."""
        ...

    @property
    def due_request(self) -> object:
        """The key of that request."""
        ...

    @property
    def not_yet(self) -> object:
        """The key of a person who has asked, and can still change their mind."""
        ...

    @property
    def not_yet_request(self) -> object:
        """The key of that request."""
        ...

    @property
    def rows(self) -> Mapping[str, int]:
        """Number of rows by table."""
        ...


class Sample(Protocol):
    """Fills an empty database, the system's own buckets and the payment processor."""

    def __call__(
        self,
        conn: Connection[Any],
        objects: "S3Client",
        buckets: Mapping[str, str],
        payer: Payer,
        *,
        seed: int,
        now: datetime,
    ) -> Cast:
        """Make the sample on a superuser's connection, and say who is who. `buckets` are real names by ours.

        Raise ValueError if `now` has no time zone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shipped:
    """One system that comes with the product."""

    name: str
    """As its policy, the settings and the command line call it."""
    sample: str
    """What the sample holds, as a person says it."""
    load: Sample
    identifying: LiteralString
    """A query for the texts that give a person away without carrying a tag: keys, addresses of machines."""
    papers: tuple[str, ...] = ()
    """The buckets of people's objects, by their names in the settings."""
    customers: bool = False
    """Whether its people are customers of the payment processor."""

    @property
    def database(self) -> str:
        """The name of its database."""
        return self.name.replace("-", "_")

    @property
    def folder(self) -> Path:
        """Where its schema, policy and rows lie."""
        return Path(__file__).parent / self.database

    @property
    def schema(self) -> bytes:
        """The SQL that makes its tables and roles in an empty database."""
        return (self.folder / "schema.sql").read_bytes()

    @property
    def policy(self) -> Path:
        """Its policy file."""
        return self.folder / "policy.yaml"

    @property
    def buckets(self) -> Mapping[str, str]:
        """The buckets as its owner calls them, by their names in the settings."""
        return {bucket: f"{self.name}-{bucket}" for bucket in (*self.papers, *_KEPT)}


def named(name: str) -> Shipped:
    """Return the system of this name. Raise NotFound with the names there are."""
    if name not in NAMES:
        raise NotFound(
            f"no system called {name!r} comes with the product",
            hint=choices(name, NAMES, "There are"),
        )
    module = import_module(f"lifecycle.systems.{name.replace('-', '_')}.sample")
    return module.SYSTEM
