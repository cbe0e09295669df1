"""The ground's part of a policy file: who the people are, and whose data each table holds. Frozen and strict.

What is promised about these tables is brought by the rooms, a section each: `section.py` says what a section is,
`whole.py` puts them together. An unknown key or a wrong type is a mistake.

Table names are written as in SQL without quotes: `users` for a table in schema `public`, else
`schema.table`. Every table of the database is declared, if only as holding nobody's data.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from lifecycle.config.span import Span
from lifecycle.policy.part import Column, Part, TableName, Text
from lifecycle.policy.people import Subject
from lifecycle.policy.reference import Reference


class Through(Part):
    """Owned by whoever owns the row that these foreign keys or references lead to."""

    through: Annotated[tuple[Column, ...], Field(min_length=1)] = Field(
        description="foreign key columns or names of `references`; with several, the row goes with any of their owners"
    )


class SharedBy(Part):
    """Shared by several people, and gone with the last of them."""

    shared_by: Text = Field(
        description="`table.column` of the subject's table that points here",
        examples=["users.account_id"],
    )


class Parties(Part):
    """A row of several sides, as a message: it stays while one party stays, and goes with the last."""

    party: Annotated[dict[Column, tuple[Column, ...]], Field(min_length=2)] = Field(
        description="the column that names a party -> the other columns of their half, cleared with them",
        examples=[{"sender_id": ["sender_name"], "reader_id": []}],
    )


Owner = Column | Through | SharedBy | Parties
"""How a row belongs to a person: by the column that names them, by the row it leads to, or with others."""


class Until(NamedTuple):
    """A time that runs from a date of the row: `10 years after issued_at`."""

    span: Span
    column: str


def until(text: str) -> Until:
    """Return what `10 years after issued_at` says. Raise ValueError with what to write instead."""
    span, after, column = text.partition(" after ")
    if not after or not column.strip():
        raise ValueError(
            f"{text!r} does not say when it ends; write it like `10 years after issued_at`"
        )
    return Until(Span.parse(span), column.strip())


def _is_until(text: str) -> str:
    until(text)
    return text


class Kept(Part):
    """The row survives an erasure; the columns named are set to NULL."""

    clear: Annotated[tuple[Column, ...], Field(min_length=1)] = Field(
        description="the columns that are set to NULL, so that the row names nobody"
    )
    because: Text = Field(
        description="why the row may stay, as the compliance officer would say it"
    )
    until: Annotated[Text, AfterValidator(_is_until)] | None = Field(
        default=None,
        description="when the ground ends and the row goes too; a rule under `retention` ends it then",
        examples=["10 years after issued_at"],
    )
    ground: Text | None = Field(
        default=None,
        description="the law that asks for the row; needed with `until`",
        examples=["tax, section 147 AO"],
    )

    @model_validator(mode="after")
    def _until_when_on_which_ground(self) -> "Kept":
        if (self.until is None) != (self.ground is None):
            raise ValueError(
                "`until` and `ground` go together: which law asks for the row, and how long?"
            )
        return self


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
    references: dict[Column, Reference] = Field(
        default_factory=dict[str, Reference],
        description="name -> what a row leads to without a foreign key",
    )
    personal: Literal["none"] | None = Field(
        default=None, description="`none`: nobody's data, with the reason"
    )
    because: Text | None = Field(
        default=None,
        description="why it is nobody's data, or holds no text; needed with `personal: none` and `text: none`",
    )
    keep: Kept | None = Field(
        default=None, description="the row survives an erasure, without what names the person"
    )
    mentions: dict[Column, Literal["set null"]] = Field(
        default_factory=dict[str, Literal["set null"]],
        description="columns of this table that may point to another person or to another person's row",
    )
    author: dict[Column, Literal["set null", "tombstone"]] = Field(
        default_factory=dict[str, Literal["set null", "tombstone"]],
        description="columns that name who wrote the row, which is about somebody else: it stays, and names nobody "
        "(`set null`) or the subject's tombstone",
        examples=[{"nurse_id": "tombstone"}],
    )
    ignore: dict[Column, Text] = Field(
        default_factory=dict[str, Text],
        description="columns or references that lead to people and are left as they are -> why they may be",
    )
    quotes: dict[Column, Literal["redact", "review", "refuse"]] = Field(
        default_factory=dict[str, Literal["redact", "review", "refuse"]],
        description="columns in which others may quote the person -> what happens there: `redact` takes the value "
        "alone out, `review` shows the place to a person, `refuse` erases nobody who is quoted",
    )
    text: Literal["none"] | None = Field(
        default=None, description="`none`: no column holds text of people, with the reason"
    )
    copy_of: tuple[TableName, ...] = Field(
        default=(),
        description="the tables from which its rows are computed: it is made anew when those have changed",
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

    @property
    def emptied(self) -> dict[str, str]:
        """Return column -> `mentions` or `author`, of those that become NULL in rows of others."""
        written = {name: "author" for name, how in self.author.items() if how == "set null"}
        return dict.fromkeys(self.mentions, "mentions") | written

    @model_validator(mode="after")
    def _one_of_owner_and_none(self) -> "Table":
        if [bool(self.owner is not None), bool(self.personal), bool(self.copy_of)].count(True) != 1:
            raise ValueError(
                "must say whose data it holds: `owner: {user: user_id}`, or `personal: none` with `because:`, "
                "or of which tables it is a `copy_of:`"
            )
        if (self.personal or self.text) and not self.because:
            word = "personal" if self.personal else "text"
            raise ValueError(f"`{word}: none` needs the reason: add `because:`")
        if self.personal == "none" and (self.keep or self.objects):
            raise ValueError(
                "nobody's data has no `keep` or `objects`: say whose it is with `owner:`"
            )
        if bool(self.objects) != bool(self.bucket):
            raise ValueError("`objects` and `bucket` go together: which bucket are these keys in?")
        return self


class Floor(Part):
    """A class of data that stays longer than the rest, whatever a retention rule says."""

    tables: Annotated[tuple[TableName, ...], Field(min_length=1)] = Field(
        description="the tables whose rows, and values, are of this class"
    )
    least: Span = Field(description="how long they stay at least", examples=["10 years"])
    because: Text = Field(description="the law or the contract that asks for it")


class Limits(Part):
    """What one unattended run may destroy. A person can go beyond by applying a plan they have seen."""

    rows_per_run: Annotated[int, Field(ge=1)] = Field(
        default=100_000,
        description="the cap: the most rows a run nobody looked at may end or change, per run and per person erased",
    )
    redacted_rows: Annotated[int, Field(ge=1)] = Field(
        default=100,
        description="the most rows of others out of which such a run takes what names one person, under `redact`",
    )
    partitions_per_run: Annotated[int, Field(ge=1)] = Field(
        default=4,
        description="the most partitions that such a run may take off by one rule, as after a time without a daemon",
    )
    standby_behind_mb: Annotated[int, Field(ge=1)] = Field(
        default=256,
        description="megabytes of WAL; while a standby is further behind, a run that ends rows waits, 5 minutes in all",
    )
    wal_mb_per_second: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="megabytes of WAL a second, others' included, beyond which such a run takes breaks",
        examples=[20],
    )
    floor: Span = Field(
        default=Span(30, "day"), description="no retention rule may be shorter than this"
    )
    floors: dict[Text, Floor] = Field(
        default_factory=dict[Text, Floor],
        description="class of data -> its tables, and how long they stay at least",
        examples=[
            {"books": {"tables": ["invoices"], "least": "10 years", "because": "tax law, AO 147"}}
        ],
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
