"""The policy's section `timescale:`, how hypertables are cut and compressed: its sense, alone and here. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.policy.draft_text import quote
from lifecycle.policy.look import TIME, Look
from lifecycle.policy.model import Policy
from lifecycle.policy.part import Column, Part, TableName
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.words import did_you_mean

EXTENSION = "timescaledb"

Ordered = Annotated[str, Field(pattern=r"^\S+( asc| desc)?$", max_length=68)]
"""A column, and which way: `at desc`."""


class Hypertable(Part):
    """How one hypertable is cut into chunks, and from when on and how a chunk is compressed."""

    chunks: Span | None = Field(
        default=None,
        description="how long one chunk is: compared, and set by the table's owner; a month is 30 days to TimescaleDB",
        examples=["1 month"],
    )
    compress: Span | None = Field(
        default=None,
        description="how long after its end a chunk is compressed",
        examples=["30 days"],
    )
    segment_by: tuple[Column, ...] = Field(
        default=(),
        description="with `compress`: the columns of which a compressed batch has one value each, as queries ask by",
        examples=[["device_id"]],
    )
    order_by: tuple[Ordered, ...] = Field(
        default=(),
        description="with `compress`: how the rows of a batch are ordered, the time among it",
        examples=[["at desc"]],
    )

    @model_validator(mode="after")
    def _says_something_whole(self) -> "Hypertable":
        if self.chunks is None and self.compress is None:
            raise ValueError("must say `chunks` or `compress`, or both")
        if self.compress is None and (self.segment_by or self.order_by):
            raise ValueError("`segment_by` and `order_by` go with `compress`")
        if self.compress is not None and not self.order_by:
            raise ValueError(
                "`compress` needs `order_by`, like `[at desc]`: what TimescaleDB would choose, nobody has promised"
            )
        names = [*self.segment_by, *(name for name, _ in self.ordered)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice} stands there twice, under `segment_by` and `order_by`")
        return self

    @property
    def ordered(self) -> tuple[tuple[str, bool], ...]:
        """Return the columns of `order_by`, each with whether it falls."""
        return tuple((one.split(" ")[0], one.endswith(" desc")) for one in self.order_by)

    @property
    def width(self) -> timedelta | None:
        """Return how long a chunk is as TimescaleDB counts: a month has 30 days, a year 12 months."""
        if self.chunks is None:
            return None
        days = {"month": 30, "year": 360}.get(self.chunks.unit)
        return timedelta(days=days * self.chunks.count) if days else self.chunks.at_least()


Hypertables = dict[TableName, Hypertable]


def _tables(kept: Hypertables) -> Iterator[tuple[Where, str]]:
    for name in kept:
        yield ("timescale", name), name


def _sense(kept: Hypertables, policy: Policy) -> Iterator[Mistake]:
    for name, rule in kept.items():
        if rule.compress is not None:
            for key, what, instead in _of_people(name, rule, policy):
                yield Mistake(("timescale", name, key), what, instead)


_APART = "take `compress` out; or keep what this is about apart, in a table that is not compressed"


def _of_people(name: str, rule: Hypertable, policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield why a person could not be erased from it: at which key, what, and what to do.

    Whole batches go, so a batch must have rows of one person alone, and nobody may want to change a row in one.
    """
    declared = policy.tables.get(name)
    if declared is None or declared.personal is not None:
        return
    for kind, how in (declared.owner or {}).items():
        if not isinstance(how, str):
            what = f"rows of {name} are a {kind}'s by way of other rows, and a batch is cut by columns of its own"
            yield (
                "compress",
                what,
                f"give it a column that names the {kind}, or take `compress` out",
            )
        elif how not in rule.segment_by:
            what = f"{how} says which {kind} a row of {name} is about, and a batch would mix people: none could go"
            yield "segment_by", what, f"add {how}: a person's batches then go whole"
    if declared.keep or declared.emptied or declared.author:
        what = f"rows of {name} stay and change in an erasure, and a compressed row does not change by itself"
        yield "compress", what, _APART
    if any(subject.table == name for subject in policy.subjects.values()):
        yield "compress", f"{name} says who people are", _APART


def _truth(kept: Hypertables, look: Look) -> None:
    if kept and EXTENSION not in look.catalog.extensions:
        look.notes.append(
            "TimescaleDB is not in this database: nothing of `timescale` can be kept, and each run fails with it"
        )
        return
    for name, rule in kept.items():
        table = look.catalog.tables.get(name)
        if table is not None:
            for key, what, instead in wrong(rule, look.catalog, table):
                path: Where = ("timescale", name, *((key,) if key else ()))
                look.say(path, what, instead)


def wrong(rule: Hypertable, catalog: Catalog, table: Table) -> Iterator[tuple[str, str, str]]:
    """Yield why this cannot be kept of the table as it is: at which key, what, and what to do."""
    if table.kind != "h":
        what = f"{table.name} is no hypertable"
        yield "", what, "take it out, or have its owner call create_hypertable"
        return
    time = table.column(table.partition_key or "")
    if time is None or not TIME.match(time.type):
        what = f"the time of {table.name} is no date or timestamp"
        yield "", what, "take it out: nobody knows how old a chunk of it is"
    elif rule.compress is not None:
        yield from _of_columns(rule, table, time.name)
        yield from _excluded(catalog, table)


def _of_columns(rule: Hypertable, table: Table, time: str) -> Iterator[tuple[str, str, str]]:
    named = [("segment_by", name) for name in rule.segment_by]
    named += [("order_by", name) for name, _ in rule.ordered]
    for key, name in named:
        if table.column(name) is None:
            names = [column.name for column in table.columns]
            otherwise = f"its columns are: {', '.join(names[:12])}"
            what = f"{table.name} has no column {name!r}"
            yield key, what, did_you_mean(name, names, otherwise)
    if time not in dict(rule.ordered):
        what = f"{time}, the time of {table.name}, is not in it, and TimescaleDB would add it"
        yield "order_by", what, f"add `{time} desc`"


def _excluded(catalog: Catalog, table: Table) -> Iterator[tuple[str, str, str]]:
    """Yield what TimescaleDB compresses no chunk beside."""
    if table.rls:
        yield (
            "compress",
            f"{table.name} has row security, and TimescaleDB compresses no such table: each excludes the other",
            "take `compress` out, or have its owner switch row security off and guard its readers by a view",
        )
    into = sorted({key.table for key in catalog.foreign_keys if key.referenced == table.name})
    if into:
        what = f"a foreign key of {', '.join(into)} leads to {table.name}, and under one no chunk is compressed"
        yield "compress", what, "take `compress` out, or drop the foreign key"


def _sentence(kept: Hypertables, name: str) -> Iterator[str]:
    rule = kept.get(name)
    if rule is not None and rule.chunks:
        yield f"chunks of {rule.chunks}"
    if rule is not None and rule.compress:
        segments = f" by {', '.join(rule.segment_by)}" if rule.segment_by else ""
        yield f"compressed{segments} {rule.compress} after the end of a chunk"


def _draft(policy: Policy, catalog: Catalog) -> Iterator[str]:
    names = [name for name in policy.tables if catalog.tables[name].kind == "h"]
    if names:
        yield "# Hypertables are compressed by what is written here; `segment_by` names whose rows these are:"
        yield "# timescale:"
    for name in names:
        key = catalog.tables[name].partition_key or "time"
        yield f"#  {quote(name)}: {{compress: 30 days, order_by: [{quote(f'{key} desc')}]}}"


SECTION = Section[Hypertables, Hypertables](
    "timescale",
    Hypertables,
    default={},
    about="hypertable of TimescaleDB's -> how it is cut and compressed",
    tables=_tables,
    sense=_sense,
    truth=_truth,
    sentence=_sentence,
    draft=_draft,
)
