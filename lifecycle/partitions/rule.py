"""How one table is partitioned, as the policy says it: by time, into a set by hash, or by lists of values. Pure."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from lifecycle.config.span import Span
from lifecycle.partitions.bounds import Holds
from lifecycle.partitions.grid import Every, every
from lifecycle.partitions.stored import Stored
from lifecycle.policy.part import Column, Part, TableName, Text

MOST = 128
"""Leaves of one partition: so many of a plain table with two indexes were attached within the 200 ms for which others
may wait, of one with foreign keys, triggers and policies fewer; 1024 never are (measured)."""

MOST_AHEAD = 400
"""Partitions beyond the current one."""


def _is_length(text: str) -> str:
    if not re.match(
        r"^(([2-9]|[1-9]\d) (year|quarter|month|week|day|hour)s|(year|quarter|month|week|day|hour))$",
        text,
    ):
        raise ValueError(
            f"{text!r} is no length of a partition; write 'year', 'quarter', 'month', 'week', 'day' or 'hour', "
            "or several, like '6 months'"
        )
    return text


class Then(Part):
    """How each partition of a table by time is partitioned again."""

    by: Column = Field(description="the key column of the second level", examples=["member_id"])
    every: Annotated[str, AfterValidator(_is_length)] | None = Field(
        default=None,
        description="of the same key: the length of one partition of the second level",
        examples=["day"],
    )
    hash: Annotated[int, Field(ge=2, le=MOST)] | None = Field(
        default=None,
        description=f"of how many hash partitions each set is, {MOST} at most: one ATTACH takes all, in an instant",
        examples=[16],
    )
    list: (
        Annotated[
            dict[Column, Annotated[tuple[Text, ...], Field(min_length=1)]], Field(min_length=1)
        ]
        | None
    ) = Field(default=None, description="end of a partition's name -> the values it takes")

    @model_validator(mode="after")
    def _one_way(self) -> "Then":
        if [self.every, self.hash, self.list].count(None) != 2:
            raise ValueError("must say one way: `every:`, or `hash:`, or `list:`")
        _each_once(self.list)
        return self

    @property
    def strategy(self) -> str:
        """Return how a partition is partitioned again, as PostgreSQL calls it."""
        return "hash" if self.hash else "list" if self.list else "range"

    @property
    def length(self) -> Every:
        """Return the length of one partition of the second level."""
        return every(self.every or "day")


def _each_once(values: Mapping[str, tuple[str, ...]] | None) -> None:
    twice = [v for of in (values or {}).values() for v in of]
    if len(twice) != len(set(twice)):
        raise ValueError("`list:` has a value twice; a row can be in one partition only")


class Partitioning(Part):
    """A partitioned table: by time, and the next ones are made before rows need them, or a set that is whole."""

    by: Column = Field(description="the partition key column", examples=["created_at"])
    every: Annotated[str, AfterValidator(_is_length)] | None = Field(
        default=None,
        description="the length of one partition: `month`, `6 months`; a year, quarter, month, week, day or hour",
        examples=["month", "6 months"],
    )
    ahead: Annotated[int, Field(ge=1, le=MOST_AHEAD)] | Span | None = Field(
        default=None,
        description="how many partitions must exist beyond the current one, or how far they must reach: `60 days`",
        examples=[3, "60 days"],
    )
    holds: Holds | None = Field(
        default=None,
        description="what a key holds that is no date or timestamp: so many seconds, milliseconds, microseconds or "
        "nanoseconds since 1970 (integer, bigint), or `uuidv7` (uuid)",
    )
    hash: Annotated[int, Field(ge=2, le=1024)] | None = Field(
        default=None, description="of how many hash partitions the set is", examples=[4]
    )
    list: (
        Annotated[
            dict[Column, Annotated[tuple[Text, ...], Field(min_length=1)]], Field(min_length=1)
        ]
        | None
    ) = Field(default=None, description="end of a partition's name -> the values it takes")
    then: Then | None = Field(
        default=None,
        description="of a table by time: how each of its partitions is partitioned again",
    )
    stored: Stored | None = Field(
        default=None, description="where the partitions that are made lie, and how"
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Partitioning":
        if [self.every, self.hash, self.list].count(None) != 2:
            raise ValueError("must say one way: `every:` with `ahead:`, or `hash:`, or `list:`")
        if (self.every is None) != (self.ahead is None):
            raise ValueError("needs `every:` and `ahead:`, the one with the other")
        if self.holds and not self.every:
            raise ValueError("`holds:` is of a key that is partitioned by time; take it out")
        if self.then and not self.every:
            raise ValueError("`then:` is of a table that is partitioned by time; take it out")
        if self.then and self.then.every and self.then.by != self.by:
            raise ValueError(
                "`then: {every: ...}` cuts shorter periods of the same key: write the same `by`"
            )
        _each_once(self.list)
        return self

    @model_validator(mode="after")
    def _reaches(self) -> "Partitioning":
        if not isinstance(self.ahead, Span):
            return self
        one = self.length.span
        if self.ahead.can_be_shorter_than(one):
            raise ValueError(
                f"`ahead: {self.ahead}` can be shorter than one partition, and the next would be made at the last "
                f"moment; write {one} or more"
            )
        if self.ahead.at_most() > MOST_AHEAD * one.at_least():
            raise ValueError(
                f"`ahead: {self.ahead}` can be more than {MOST_AHEAD} partitions; write less, or a longer `every`"
            )
        return self

    @property
    def strategy(self) -> str:
        """Return how the table must be partitioned, as PostgreSQL calls it."""
        return "hash" if self.hash else "list" if self.list else "range"

    @property
    def words(self) -> str:
        """Return the way in a word or two: `6 months`, `hash 4`, `list`."""
        return self.every or (f"hash {self.hash}" if self.hash else "list")

    @property
    def length(self) -> Every:
        """Return the length of one partition of a table partitioned by time."""
        return every(self.every or "year")


Partitions = dict[TableName, Partitioning]
