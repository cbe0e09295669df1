"""One hold, as the ledger has it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

Covers = Literal["person", "table", "span", "value"]


@dataclass(frozen=True, slots=True)
class What:
    """What a hold is on.

    person   `subject` and `key`: all that is this person's
    table    every row of `table`
    span     rows of `table` whose `column` is from `since` on and before `before`
    value    rows of every table whose `column` is `key`: all of one tenant
    """

    covers: Covers
    subject: str | None = None
    table: str | None = None
    column: str | None = None
    key: str | None = None
    since: datetime | None = None
    before: datetime | None = None

    def __str__(self) -> str:
        """Return it without a person's key or a value: those stand in the ledger alone."""
        match self.covers:
            case "person":
                return f"one {self.subject}"
            case "table":
                return f"all of {self.table}"
            case "span":
                return f"{self.table} with {self.column} from {self.since} to {self.before}"
            case "value":
                return f"one value of {self.column} in every table"


@dataclass(frozen=True, slots=True)
class Hold(What):
    """A hold that stands: its number, why, by whom, since when, and until when; None is until it is released."""

    number: int = 0
    because: str = ""
    placed_by: str = ""
    placed_at: datetime | None = None
    until: datetime | None = None


def read(row: Sequence[Any]) -> Hold:
    """Return a hold as the statements of this room have it."""
    number, covers, subject, table, column, key, since, before, because, by, at, until = row
    return Hold(covers, subject, table, column, key, since, before, number, because, by, at, until)


def values(what: What) -> dict[str, object]:
    """Return it as the statements of this room want it."""
    return {field.name: getattr(what, field.name) for field in fields(What)}
