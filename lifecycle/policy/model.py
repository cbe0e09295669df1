"""The ground's part of a policy file: who the people are, and whose data each table holds. Frozen and strict.

What is promised about these tables is brought by the rooms, a section each: `section.py` says what a section is,
`whole.py` puts them together. An unknown key or a wrong type is a mistake.

Table names are written as in SQL without quotes: `users` for a table in schema `public`, else
`schema.table`. Every table of the database is declared, if only as holding nobody's data.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lifecycle.config.span import Span

Text = Annotated[str, Field(min_length=1)]
Column = Annotated[str, Field(min_length=1, max_length=63)]
TableName = Annotated[str, Field(min_length=1, max_length=127)]


class Part(BaseModel):
    """What all parts of the policy share."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True
    )


class Payer(Part):
    """Where the payment processor's id of a person's customer stands."""

    column: Text = Field(description="`table.column` that holds the Stripe customer id")


class Subject(Part):
    """One kind of person whose data this database holds."""

    table: TableName = Field(description="the table with one row per person")
    key: Column = Field(
        description="the column that identifies the person, referenced by all that is theirs"
    )
    identifiers: tuple[Column, ...] = Field(
        default=(),
        description="columns whose values name the person; the proof searches for them everywhere",
    )
    payer: Payer | None = Field(
        default=None, description="who pays for the person, where that is a customer at Stripe"
    )


class Through(Part):
    """Owned by whoever owns the row that these foreign key columns point to."""

    through: Annotated[tuple[Column, ...], Field(min_length=1)] = Field(
        description="the foreign key columns; with several keys, the row goes with any of their owners"
    )


class SharedBy(Part):
    """Shared by several people, and gone with the last of them."""

    shared_by: Text = Field(
        description="`table.column` of the subject's table that points here",
        examples=["users.account_id"],
    )


Owner = Column | Through | SharedBy
"""How a row belongs to a person: by the column that names them, or by the row it leads to."""


class Kept(Part):
    """The row survives an erasure; the columns named are set to NULL."""

    clear: Annotated[tuple[Column, ...], Field(min_length=1)] = Field(
        description="the columns that are set to NULL, so that the row names nobody"
    )
    because: Text = Field(
        description="why the row may stay, as the compliance officer would say it"
    )


class Declared(Part):
    """Code of the application that runs when rows of a table are changed, as it was when somebody read it."""

    does: Text = Field(
        description="what it does: `audits`, `refuses`, `checks`, `computes`, `notifies`, `sets COLUMN` or "
        "`archives to TABLE`",
        examples=["audits"],
    )
    digest: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] = Field(
        description="of its definition and function; `lifecycle policy check --live` prints it"
    )


class Table(Part):
    """Whose data a table holds, and what an erasure does with it."""

    owner: dict[str, Owner] | None = Field(
        default=None,
        description="subject kind -> the column that names the person, or how the row is reached",
    )
    personal: Literal["none"] | None = Field(
        default=None, description="`none`: nobody's data, with the reason"
    )
    because: Text | None = Field(
        default=None, description="why it is nobody's data; needed with `personal: none`"
    )
    keep: Kept | None = Field(
        default=None, description="the row survives an erasure, without what names the person"
    )
    mentions: dict[Column, Literal["set null"]] = Field(
        default_factory=dict[str, Literal["set null"]],
        description="columns of this table that may point to another person or to another person's row",
    )
    objects: tuple[Column, ...] = Field(
        default=(), description="columns that hold S3 keys of the person's objects"
    )
    bucket: Text | None = Field(
        default=None, description="the bucket of `objects`, by its name in the settings"
    )
    triggers: dict[Text, Declared] = Field(
        default_factory=dict[str, Declared],
        description="trigger -> what it does, where runs of ours write; a partition's own is `partition.trigger`",
    )
    rules: dict[Text, Declared] = Field(
        default_factory=dict[str, Declared], description="rewrite rule -> what it does, likewise"
    )
    functions: dict[Text, Declared] = Field(
        default_factory=dict[str, Declared],
        description="function of its checks, indexes, generated columns or types -> `checks` or `computes`",
    )

    @model_validator(mode="after")
    def _one_of_owner_and_none(self) -> "Table":
        if (self.owner is None) == (self.personal is None):
            raise ValueError(
                "must say whose data it holds: `owner: {user: user_id}`, or `personal: none` with `because:`"
            )
        if self.personal == "none" and not self.because:
            raise ValueError("`personal: none` needs the reason: add `because:`")
        if self.personal == "none" and (self.keep or self.objects):
            raise ValueError(
                "nobody's data has no `keep` or `objects`: say whose it is with `owner:`"
            )
        if bool(self.objects) != bool(self.bucket):
            raise ValueError("`objects` and `bucket` go together: which bucket are these keys in?")
        return self


class Limits(Part):
    """What one unattended run may destroy. A person can go beyond by applying a plan they have seen."""

    rows_per_run: Annotated[int, Field(ge=1)] = Field(
        default=100_000,
        description="the cap: the most rows a run nobody looked at may end or change, per run and per person erased",
    )
    floor: Span = Field(
        default=Span(30, "day"), description="no retention rule may be shorter than this"
    )


class Policy(Part):
    """All promises about one database. Ask a room's section for its part: `SECTION.of(policy)`."""

    system: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")] = Field(
        description="the system's name"
    )
    database: Text = Field(description="the database this is written for; another one is refused")
    timezone: Text = Field(
        default="UTC", description="the zone in which days begin and schedules are read"
    )
    schedule: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="job -> cron expression, where the job's own default does not suit",
        examples=[{"partitions.create": "0 1 * * *"}],
    )
    limits: Limits = Field(default=Limits(), description="what a run that nobody looked at may do")
    subjects: dict[str, Subject] = Field(
        default_factory=dict[str, Subject], description="kind of person -> where they are"
    )
    tables: dict[TableName, Table] = Field(description="table -> whose data it holds; every table")
