"""The shape of a policy file. Frozen and strict: an unknown key or a wrong type is a mistake.

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


class Partitioning(Part):
    """A range-partitioned table whose next partitions are made before rows need them."""

    by: Column = Field(description="the partition key column", examples=["created_at"])
    every: Literal["year", "quarter", "month", "week", "day", "hour"] = Field(
        description="the length of one partition"
    )
    ahead: Annotated[int, Field(ge=1, le=400)] = Field(
        description="how many partitions must exist beyond the current one"
    )


class RetentionRule(Part):
    """Rows, or one column of them, that end some time after a moment named in the row itself."""

    table: Text = Field(
        description="a table, or `table.column` with `do: clear`",
        examples=["wearable_daily.raw_data"],
    )
    after: Span = Field(
        description="how long it is kept; whole days end at midnight in the policy's time zone"
    )
    by: Column | None = Field(
        default=None,
        description="the date or timestamp column that starts the clock; default: the partition key",
    )
    do: Literal["delete", "clear"] = Field(
        description="`delete` the row, or `clear` the column to NULL"
    )
    because: Text = Field(description="the reason, as the compliance officer would say it")


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


class Kept(Part):
    """The row survives an erasure; the columns named are set to NULL."""

    clear: Annotated[tuple[Column, ...], Field(min_length=1)] = Field(
        description="the columns that are set to NULL, so that the row names nobody"
    )
    because: Text = Field(
        description="why the row may stay, as the compliance officer would say it"
    )


class Table(Part):
    """Whose data a table holds, and what an erasure does with it."""

    owner: dict[str, Column | Through | SharedBy] | None = Field(
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


class Audit(Part):
    """The application's audit log. Its rows are never deleted; an erasure anonymises them."""

    table: TableName = Field(description="the table of the log")
    subject: Column = Field(description="the column with the person the row is about")
    actor: Column = Field(description="the column with the person who acted")
    record: Column = Field(description="the column with the changed row's id")
    named: Column = Field(description="the column with the changed table's name")
    values: tuple[Column, ...] = Field(description="JSON columns with the values before and after")
    of_actor: tuple[Column, ...] = Field(
        description="columns that describe the actor, such as the IP address"
    )
    keep: dict[TableName, tuple[Column, ...]] = Field(
        description="table -> columns whose values survive an anonymisation; all others are removed"
    )


class RequestStates(Part):
    """The words the application uses for the states of a request."""

    pending: Text = Field(default="pending", description="asked, and not begun")
    processing: Text = Field(default="processing", description="begun by Lifecycle: no way back")
    completed: Text = Field(default="completed", description="erased and proven")
    cancelled: Text = Field(default="canceled", description="the person changed their mind in time")


class Requests(Part):
    """The table in which people ask to be forgotten."""

    table: TableName = Field(description="the table of requests")
    key: Column = Field(description="the column that identifies a request")
    subject: Column = Field(description="the column with the person who asked")
    requested: Column = Field(
        description="when the person asked; the legal deadline runs from here"
    )
    due: Column = Field(description="when the grace period ends")
    status: Column = Field(description="the column with the request's state")
    completed: Column = Field(description="the column that is set when the erasure is proven")
    tables: Column | None = Field(
        default=None, description="a text[] column for the list of tables erased"
    )
    states: RequestStates = Field(
        default=RequestStates(), description="the application's words for the states"
    )


class Erasure(Part):
    """How a person is forgotten."""

    subject: Text = Field(description="the subject kind that requests are about")
    requests: Requests = Field(description="where people ask")
    grace: Span = Field(description="how long a person can change their mind")
    deadline: Span = Field(
        default=Span(1, "month"), description="GDPR Art. 12(3): one month from receipt"
    )


class Dumps(Part):
    """A logical dump of the whole database with a manifest of exact counts."""

    bucket: Text = Field(description="the bucket, by its name in the settings")
    prefix: Text = Field(
        default="daily/", description="what the keys of dumps begin with", examples=["daily/"]
    )


class Backups(Part):
    """What is copied, and how it is proven."""

    dumps: Dumps | None = Field(default=None, description="a daily dump, and its daily drill")


class Limits(Part):
    """What one unattended run may destroy. A person can go beyond by applying a plan they have seen."""

    rows_per_run: Annotated[int, Field(ge=1)] = Field(
        default=100_000,
        description="the cap: the most rows that a run nobody looked at may end, per run and per person erased",
    )
    floor: Span = Field(
        default=Span(30, "day"), description="no retention rule may be shorter than this"
    )


class Policy(Part):
    """All promises about one database."""

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
    partitions: dict[TableName, Partitioning] = Field(
        default_factory=dict[str, Partitioning], description="table -> its partitions"
    )
    retention: tuple[RetentionRule, ...] = Field(
        default=(), description="what ends, and when; without a rule nothing does"
    )
    subjects: dict[str, Subject] = Field(
        default_factory=dict[str, Subject], description="kind of person -> where they are"
    )
    tables: dict[TableName, Table] = Field(description="table -> whose data it holds; every table")
    audit: Audit | None = Field(default=None, description="the application's own audit log")
    erasure: Erasure | None = Field(default=None, description="how people are forgotten")
    backups: Backups = Field(default=Backups(), description="what is copied and proven")
