"""The policy's section `backups:`, what is copied and how it is proven. It names no table. Pure."""

from collections.abc import Iterator
from itertools import combinations

from pydantic import Field

from backups.wal_g import words
from backups.wal_g.words import WalG
from lifecycle.config.mistake import Mistake
from lifecycle.config.span import Span
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy
from lifecycle.policy.part import Part, Text
from lifecycle.policy.section import Section


class Copies(Part):
    """Copies of one daily dump in each week or month, kept longer than it."""

    prefix: Text = Field(description="what the keys of these copies begin with")
    keep: Span = Field(description="how long one is kept", examples=["12 weeks"])
    bucket: Text | None = Field(
        default=None, description="another bucket, by its name in the settings; default: the dumps'"
    )


class Dumps(Part):
    """A logical dump of the whole database with a manifest of exact counts."""

    bucket: Text = Field(description="the bucket, by its name in the settings")
    prefix: Text = Field(
        default="daily/", description="what the keys of dumps begin with", examples=["daily/"]
    )
    encrypt: bool = Field(
        default=False,
        description="encrypt each dump with age before it is stored, for the `dump_recipients` of the settings",
    )
    keep: Span | None = Field(
        default=None,
        description="how long a daily dump is kept; without it none is deleted",
        examples=["30 days"],
    )
    weekly: Copies | None = Field(
        default=None, description="a copy of the last dump of each week, Sunday's"
    )
    monthly: Copies | None = Field(
        default=None, description="a copy of the first dump of each month"
    )


class Backups(Part):
    """What is copied, and how it is proven."""

    dumps: Dumps | None = Field(default=None, description="a daily dump, and its daily drill")
    wal_g: WalG | None = Field(
        default=None,
        description="base backups and the log, by WAL-G, and the drill that comes back",
    )


def _truth(backups: Backups, look: Look) -> None:
    words.truth(backups.wal_g, look)


def _sense(backups: Backups, _policy: Policy) -> Iterator[Mistake]:
    yield from words.sense(backups.wal_g)
    if backups.dumps is None:
        return
    dumps = backups.dumps
    prefixes = {"prefix": dumps.prefix} | {
        name: copies.prefix
        for name, copies in (("weekly", dumps.weekly), ("monthly", dumps.monthly))
        if copies is not None
    }
    for (_, one), (name, other) in combinations(prefixes.items(), 2):
        if one.startswith(other) or other.startswith(one):
            where = ("backups", "dumps", name, "prefix")
            what = f"{other!r} and {one!r} could not be told apart: one begins with the other"
            yield Mistake(where, what, "write prefixes like daily/, weekly/ and monthly/")


SECTION = Section[Backups, Backups](
    "backups",
    Backups,
    default=Backups(),
    about="what is copied and proven",
    sense=_sense,
    truth=_truth,
)
