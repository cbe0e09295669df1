"""What a row leads to without a foreign key, as a policy says it. Shapes only; `virtual.py` resolves them.

Under `references:` of a table:

      device_serial: {to: devices(serial)}                                     by a column
      parcel: {columns: [shop_id, parcel_no], to: parcels(shop_id, number)}    by several
      owner_id: {type: owner_type, of: {Patient: patients(id), Visit: visits(id)}}
      payer: {columns: [payload], path: "$.payer.id", to: patients(id)}        by values inside a JSON column
      recipient: {to: patients(email), form: email}                            by what both have, in any spelling

A reference has a name, which the other words of its table use: `owner: {patient: {through: [parcel]}}`,
`mentions: {payer: set null}`. Without `columns` it is the column of that name.
"""

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from lifecycle.policy.part import Column, Part, Text
from lifecycle.policy.people import Form

_TARGET = re.compile(r"(?P<table>[^()]+?)\s*\(\s*(?P<columns>[^()]+?)\s*\)")


class Target(NamedTuple):
    """The columns of a table that a reference leads to."""

    table: str
    columns: tuple[str, ...]


def _spelled(text: str) -> str:
    if not _TARGET.fullmatch(text):
        raise ValueError(f"{text!r} names no columns; write it like `visits(visit_id)`")
    return text


To = Annotated[Text, AfterValidator(_spelled)]


class Reference(Part):
    """What a row leads to without a foreign key."""

    columns: Annotated[tuple[Column, ...], Field(min_length=1)] | None = Field(
        default=None, description="the columns that refer; without it, the one of this name"
    )
    to: To | None = Field(
        default=None,
        description="`table(columns)` whose values they have",
        examples=["devices(serial)"],
    )
    type: Column | None = Field(
        default=None, description="the column that says of which kind the other row is"
    )
    of: Annotated[dict[Text, To], Field(min_length=1)] | None = Field(
        default=None,
        description="value of `type` -> `table(columns)`",
        examples=[{"Visit": "visits(visit_id)"}],
    )
    path: Text | None = Field(
        default=None,
        description="where in a JSON column the values stand, as a jsonpath of PostgreSQL",
        examples=["$.participants[*].id"],
    )
    form: Form = Field(default="text", description="how both sides are written, where they differ")

    @model_validator(mode="after")
    def _one_target(self) -> "Reference":
        if (self.to is None) == (self.of is None):
            raise ValueError(
                "must say what it leads to: `to: visits(visit_id)`, or `type:` with `of:`"
            )
        if (self.type is None) != (self.of is None):
            raise ValueError(
                "`type` and `of` go together: which column says what the other row is?"
            )
        if self.path is not None and len(self.columns or (".",)) > 1:
            raise ValueError("`path` leads into one column: name that one alone")
        return self

    @property
    def plain(self) -> bool:
        """Say whether it is what a foreign key would be: equal values of columns, and nothing else."""
        return self.of is None and self.path is None and self.form == "text"

    def targets(self) -> tuple[tuple[str | None, Target], ...]:
        """Return (value of the type column, target) of everything it may lead to."""
        said = self.of if self.of is not None else {None: self.to or ""}
        return tuple((value, _target(text)) for value, text in said.items())


def _target(text: str) -> Target:
    found = _TARGET.fullmatch(text)
    assert found is not None
    return Target(found["table"], tuple(c.strip() for c in found["columns"].split(",")))
