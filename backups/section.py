"""The policy's section `backups:`, what is copied and how it is proven. Only a shape: it names no table. Pure."""

from pydantic import Field

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


SECTION = Section[Backups, Backups](
    "backups", Backups, default=Backups(), about="what is copied and proven"
)
