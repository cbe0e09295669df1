"""The policy's section `archives:`, where rows go that leave the database and are kept. It names no table. Pure."""

from pydantic import Field

from lifecycle.policy.part import Part, Text
from lifecycle.policy.section import Section


class Archives(Part):
    """Where archives of rows lie, as Parquet."""

    bucket: Text | None = Field(
        default=None,
        description="the bucket, by its name in the settings; without one nothing is archived",
        examples=["archives"],
    )
    prefix: Text = Field(
        default="archives/",
        description="what the keys of archives begin with",
        examples=["archives/"],
    )


SECTION = Section[Archives, Archives](
    "archives",
    Archives,
    default=Archives(),
    about="where rows go that leave the database and are kept",
)
