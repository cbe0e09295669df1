"""What an object store says of an object, without a byte of it. Never asks one: `objects.py` does."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Head:
    """The newest version of an object: its size in bytes, the SHA-256 (hex) that `put_file` noted, when it was stored.

    Two of the same bytes are the same, whenever they were stored.
    """

    size: int
    sha256: str | None
    stored_at: datetime | None = field(default=None, compare=False)
