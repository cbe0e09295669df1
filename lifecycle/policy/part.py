"""What every part of a policy file is made of: strict and frozen shapes, and names as SQL has them without quotes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Column = Annotated[str, Field(min_length=1, max_length=63)]
TableName = Annotated[str, Field(min_length=1, max_length=127)]


class Part(BaseModel):
    """What all parts of the policy share."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True
    )
