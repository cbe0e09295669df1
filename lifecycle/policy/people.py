"""The people a policy speaks of: where each kind of them is, and what names one of them. Shapes only."""

from typing import Annotated, Literal

from pydantic import Field

from lifecycle.policy.part import Column, Part, TableName, Text

Form = Literal["text", "email", "phone", "digits"]
"""How a value that names somebody is written, so that two spellings of it are one.

    text     as it stands
    email    in any case, without what surrounds it             Anna@Example.org = anna@example.org
    phone    its digits, with or without the country            +49 170 123 45 67 = 0170-1234567
    digits   its digits                                          12-345 678 = 12345678
"""

Value = str | int | bool
"""A value of a column, as YAML writes it."""


class Payer(Part):
    """Where the payment processor's id of a person's customer stands."""

    column: Text = Field(description="`table.column` that holds the Stripe customer id")


class Identifier(Part):
    """Values that name the person: a column of their own row or of another table's rows that are theirs, or in JSON."""

    column: Text = Field(
        description="a column of the subject's table, or `table.column` of a table that is theirs",
        examples=["contacts.value"],
    )
    path: Text | None = Field(
        default=None,
        description="where in a JSON column the values stand, as a jsonpath of PostgreSQL",
        examples=["$.email"],
    )
    form: Form = Field(default="text", description="how its values are written")
    weak: bool = Field(
        default=False,
        description="a name that others may have too: its hits are shown to a person, and decide nothing",
    )
    earlier: bool = Field(
        default=False,
        description="what the person went by before: a table of earlier values, or the images of an audit log",
    )
    where: dict[Column, Value] = Field(
        default_factory=dict[str, Value],
        description="only in rows whose columns have these values",
        examples=[{"kind": "email"}],
    )


class Subject(Part):
    """One kind of person whose data this database holds."""

    table: TableName = Field(description="the table with one row per person")
    key: Column = Field(
        description="the column that identifies the person, referenced by all that is theirs"
    )
    where: dict[Column, Value | tuple[Value, ...]] = Field(
        default_factory=dict[str, Value | tuple[Value, ...]],
        description="which rows of the table are people of this kind, where it holds several kinds",
        examples=[{"role": ["patient", "member"]}],
    )
    identifiers: tuple[Column | Identifier, ...] = Field(
        default=(),
        description="columns whose values name the person; the proof searches for them everywhere",
    )
    payer: Payer | None = Field(
        default=None, description="who pays for the person, where that is a customer at Stripe"
    )
    tombstone: Annotated[dict[Column, Value], Field(min_length=1)] | None = Field(
        default=None,
        description="the row that stands for whoever is erased, where a reference may not be NULL: its key and values",
        examples=[{"user_id": 0, "email": "erased@example.invalid"}],
    )

    def names(self) -> tuple[Identifier, ...]:
        """Return the identifiers, those written as a bare column too."""
        return tuple(
            one if isinstance(one, Identifier) else Identifier(column=one)
            for one in self.identifiers
        )

    @property
    def own_identifiers(self) -> tuple[str, ...]:
        """Return the identifiers that stand in the person's own row, by column."""
        return tuple(one.column for one in self.names() if "." not in one.column and not one.path)
