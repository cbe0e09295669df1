"""Spans of time as people write them: `90 days`, `1 month`, `5 minutes`.

Months and years follow the calendar: one month before 31 March is the last day of February, because
the law counts that way (Regulation 1182/71, Art. 3). Days and longer are subtracted in the local calendar
of the caller's aware datetime, so a day is a date's day even across a DST change.
"""

import calendar
import re
from datetime import UTC as _UTC
from datetime import datetime, timedelta
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_PATTERN = r"^[1-9][0-9]{0,4} (second|minute|hour|day|week|month|year)s?$"
_LONGEST = timedelta(
    days=200 * 365
)  # beyond the calendar that Python and PostgreSQL share, sums go wrong
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


class Span:
    """A positive count of one unit, which may be written in the plural."""

    __slots__ = ("count", "unit")

    def __init__(self, count: int, unit: str) -> None:
        self.count = count
        self.unit = unit.removesuffix("s")

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Return the span that `text` spells, 200 years at most. Raise ValueError with what to write instead."""
        if not re.fullmatch(_PATTERN, text):
            raise ValueError(
                f"{text!r} is not a span of time; write a number and a unit, like '90 days' or '1 month'"
            )
        count, unit = text.split(" ")
        span = cls(int(count), unit)
        if span.at_least() > _LONGEST:
            raise ValueError(
                f"{text!r} is longer than 200 years; to keep rows for ever, write no rule"
            )
        return span

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    def __repr__(self) -> str:
        return f"Span({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and (self.count, self.unit) == (other.count, other.unit)

    def __hash__(self) -> int:
        return hash((self.count, self.unit))

    def before(self, moment: datetime) -> datetime:
        """Return the instant this span before `moment`."""
        return self._shift(moment, -self.count)

    def after(self, moment: datetime) -> datetime:
        """Return the instant this span after `moment`."""
        return self._shift(moment, self.count)

    def at_least(self) -> timedelta:
        """Return the shortest length this span can have (a month counts as 28 days, a year as 365)."""
        days = {"month": 28, "year": 365}.get(self.unit)
        return (
            timedelta(days=days * self.count)
            if days
            else timedelta(seconds=_SECONDS[self.unit] * self.count)
        )

    def at_most(self) -> timedelta:
        """Return the longest length this span can have (a month counts as 31 days, a year as 366)."""
        days = {"month": 31, "year": 366}.get(self.unit)
        return timedelta(days=days * self.count) if days else self.at_least()

    def can_be_shorter_than(self, other: "Span") -> bool:
        """Say whether this span can be shorter than `other`; months and years compare by the calendar."""
        months = {"month": 1, "year": 12}
        if self.unit in months and other.unit in months:
            return self.count * months[self.unit] < other.count * months[other.unit]
        return self.at_least() < other.at_most()

    def _shift(self, moment: datetime, count: int) -> datetime:
        if self.unit in ("second", "minute", "hour"):
            shifted = moment.astimezone(_UTC) + timedelta(seconds=_SECONDS[self.unit] * count)
            return shifted.astimezone(moment.tzinfo)
        if self.unit in ("day", "week"):
            return moment + timedelta(seconds=_SECONDS[self.unit] * count)
        months = moment.year * 12 + moment.month - 1 + count * (12 if self.unit == "year" else 1)
        year, month = divmod(months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls.parse,
            core_schema.str_schema(strict=True),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": _PATTERN, "examples": ["90 days", "1 month"]}
