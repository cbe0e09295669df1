"""One alert. A module of its own: the process that sends it asks no database, and loads no driver of one."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """What is said to the outside: no more than this, and nothing about a person."""

    id: int
    system: str
    job: str | None
    run: int | None
    kind: str
    message: str
    created_at: datetime
