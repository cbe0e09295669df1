"""A rule of the policy's section `retention:`: what ends, when, and how. Pure; `rules.py` binds it to its table."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from lifecycle.config.span import Span
from lifecycle.policy.names import split_column
from lifecycle.policy.part import Column, Part, Text
from lifecycle.policy.people import Value
from lifecycle.words import counted

GRACE = Span(7, "day")
"""How long a partition stands alone where the rule does not say it."""


_BYTES = {"MB": 2**20, "GB": 2**30, "TB": 2**40}


def _is_size(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,4} (MB|GB|TB)", text):
        raise ValueError(f"{text!r} is no size; write it like '500 MB', '50 GB' or '2 TB'")
    return text


class RetentionRule(Part):
    """Rows, one column of them, or whole partitions, that end some time after a moment named in the row itself."""

    table: Text = Field(
        description="a table, or `table.column` with `do: clear`",
        examples=["wearable_daily.raw_data"],
    )
    after: Span | None = Field(
        default=None,
        description="how long it is kept; whole days end at midnight in the policy's time zone",
        examples=["90 days"],
    )
    by: Column | None = Field(
        default=None,
        description="the date or timestamp column that starts the clock; default: the partition key",
    )
    expires: Column | None = Field(
        default=None,
        description="instead of `after`: the date or timestamp column that says when the row ends",
        examples=["expires_at"],
    )
    newest: Annotated[int, Field(ge=1, le=9999)] | None = Field(
        default=None,
        description="instead of `after`, with `do: drop`: how many partitions stay, with the current one",
        examples=[24],
    )
    size: Annotated[Text, AfterValidator(_is_size)] | None = Field(
        default=None,
        description="instead of `after`, with `do: drop`: how large the table may be, with its indexes; the oldest "
        "partitions go until it is",
        examples=["50 GB"],
    )
    where: dict[Column, Value | tuple[Value, ...]] = Field(
        default_factory=dict[str, Value | tuple[Value, ...]],
        description="only rows whose columns have these values",
        examples=[{"status": ["done", "failed"]}],
    )
    unless: dict[Column, Value | tuple[Value, ...]] = Field(
        default_factory=dict[str, Value | tuple[Value, ...]],
        description="with `do: drop`: a partition stays whole while a row of it has these values",
        examples=[{"state": ["pending"]}],
    )
    zone: Text | None = Field(
        default=None,
        description="the time zone in which a clock without one was written; default: the policy's",
        examples=["UTC"],
    )
    do: Literal["delete", "clear", "drop", "move"] = Field(
        description="`delete` the row, `clear` the column to NULL, `move` the row into the table `to`, or `drop` "
        "partitions whose last row's time is over"
    )
    to: Text | None = Field(
        default=None,
        description="with `do: move`: the archive table that takes the rows, declared like every other",
        examples=["imports_archive"],
    )
    grace: Span | None = Field(
        default=None,
        description=f"with `do: drop`: how long a partition stands alone before it is dropped; default: {GRACE}",
        examples=["7 days"],
    )
    elsewhere: Literal["keep"] | None = Field(
        default=None,
        description="`keep`: rows in partitions that are foreign tables, on another server, stay there and are no "
        "longer overdue here; without it they fail the run",
        examples=["keep"],
    )
    archive: bool = Field(
        default=False,
        description="whether what ends is archived in `archives.bucket`, and that is proven, before it is destroyed",
        examples=[True],
    )
    keep: Span | None = Field(
        default=None,
        description="with `archive: true`: how long the archive itself is kept; without it, for ever",
        examples=["20 years"],
    )
    because: Text = Field(description="the reason, as the compliance officer would say it")

    @model_validator(mode="after")
    def _one_end(self) -> "RetentionRule":
        if [self.after, self.expires, self.newest, self.size].count(None) != 3:
            raise ValueError(
                "must say when it ends: `after: 90 days`, or `expires: expires_at`, a column that says it; of "
                "partitions also `newest: 24` or `size: 50 GB`, one of the four"
            )
        for column, values in (*self.scope, *self.kept_back):
            if not values:
                raise ValueError(f"`{column}` has no value; name one, or take it out")
        if self.expires is not None and self.by is not None:
            raise ValueError(
                "`by` starts the clock of `after`; with `expires` the row itself says when it ends"
            )
        return self

    @model_validator(mode="after")
    def _whole_partitions(self) -> "RetentionRule":
        if self.do != "drop" and self.grace is not None:
            raise ValueError("`grace` is for partitions: it goes with `do: drop` alone")
        if self.do != "drop" and (self.newest or self.size or self.unless):
            raise ValueError(
                "`newest`, `size` and `unless` are of whole partitions: they go with `do: drop` alone"
            )
        if self.do in ("clear", "move") and self.archive:
            raise ValueError("`archive` keeps whole rows: it goes with `do: delete` and `do: drop`")
        if self.keep is not None and not self.archive:
            raise ValueError("`keep` is for archives: it goes with `archive: true` alone")
        if (self.do == "move") != (self.to is not None):
            raise ValueError("`to` and `do: move` go together: into which table do the rows move?")
        if self.do == "drop" and (self.clock or self.where):
            raise ValueError(
                "`do: drop` ends whole partitions by the key of the table: without `by`, `expires` and `where`"
            )
        return self

    @property
    def done(self) -> str:
        """Return what the ledger and people are told has become of rows or values."""
        return {"clear": "cleared", "move": "moved"}.get(self.do, "deleted")

    @property
    def stands(self) -> Span:
        """Return how long a partition that was taken off stands alone before it is dropped."""
        return self.grace or GRACE

    @property
    def clock(self) -> str | None:
        """Return the column that it counts from, or that says the end; None for the partition key."""
        return self.expires or self.by

    @property
    def scope(self) -> tuple[tuple[str, tuple[Value, ...]], ...]:
        """Return the columns of `where` with their values."""
        return _listed(self.where)

    @property
    def told_by(self) -> str:
        """Return the word of the policy that says when it ends."""
        words = ("after", "expires", "newest", "size")
        return next(word for word in words if getattr(self, word) is not None)

    @property
    def bytes(self) -> int | None:
        """Return how large the table may be."""
        number, _, unit = (self.size or "").partition(" ")
        return int(number) * _BYTES[unit] if number else None

    @property
    def kept_back(self) -> tuple[tuple[str, tuple[Value, ...]], ...]:
        """Return the columns of `unless` with their values."""
        return _listed(self.unless)

    @property
    def label(self) -> str:
        """Return what it is about, in words that no other rule has: `jobs where status is done or failed`."""
        if self.do == "drop":
            return of_partitions(self.table)
        return self.table + (f" where {words(self.scope)}" if self.where else "")

    @property
    def ends(self) -> str:
        """Return when it ends, in words."""
        zone = f" in {self.zone}" if self.zone else ""
        unless = f", unless a row of it has: {words(self.kept_back)}" if self.unless else ""
        if self.newest is not None:
            return f"once {counted(self.newest, 'newer partition')} have begun{unless}"
        if self.size is not None:
            return f"while the table is larger than {self.size}, the oldest first{unless}"
        if self.after is None:
            return f"at their {self.expires}{zone}"
        ends = f"{self.after} after {self.by or 'the time they are partitioned by'}{zone}"
        return f"{ends}, with their partition{unless}" if self.do == "drop" else ends


def _listed(
    said: dict[str, Value | tuple[Value, ...]],
) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    return tuple((c, v if isinstance(v, tuple) else (v,)) for c, v in said.items())


def words(values: tuple[tuple[str, tuple[Value, ...]], ...]) -> str:
    """Return columns and their values in words: `state is done or failed and kind is 3`."""
    return " and ".join(f"{column} is {' or '.join(map(str, of))}" for column, of in values)


Rules = tuple[RetentionRule, ...]


def of_partitions(table: str) -> str:
    """Return what the rule that drops a table's partitions is about, in words that no rule about its rows has."""
    return f"partitions of {table}"


def target(rule: RetentionRule) -> tuple[str, str | None]:
    """Return (table, column) that a rule ends; the column is None where whole rows end."""
    return split_column(rule.table) if rule.do == "clear" else (rule.table, None)
