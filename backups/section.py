"""The policy's section `backups:`, what is copied and how it is proven. It names no table. Pure."""

from collections.abc import Iterator

from pydantic import Field

from backups.wal_g import words
from backups.wal_g.words import WalG
from lifecycle.config.mistake import Mistake
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy
from lifecycle.policy.part import Part, Text
from lifecycle.policy.section import Section


class Dumps(Part):
    """A logical dump of the whole database with a manifest of exact counts."""

    bucket: Text = Field(description="the bucket, by its name in the settings")
    prefix: Text = Field(
        default="daily/", description="what the keys of dumps begin with", examples=["daily/"]
    )


class Backups(Part):
    """What is copied, and how it is proven."""

    dumps: Dumps | None = Field(default=None, description="a daily dump, and its daily drill")
    wal_g: WalG | None = Field(
        default=None,
        description="base backups and the log, by WAL-G, and the drill that comes back",
    )


def _sense(backups: Backups, _policy: Policy) -> Iterator[Mistake]:
    yield from words.sense(backups.wal_g)


def _truth(backups: Backups, look: Look) -> None:
    words.truth(backups.wal_g, look)


SECTION = Section[Backups, Backups](
    "backups",
    Backups,
    default=Backups(),
    about="what is copied and proven",
    sense=_sense,
    truth=_truth,
)
