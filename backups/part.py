"""What all parts of a manifest share: fixed, and no key that nobody knows."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")
