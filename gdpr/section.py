"""The policy's section `erasure:`, where people ask to be forgotten and how long they can change their mind. Pure."""

import re
from collections.abc import Iterator, Mapping

from pydantic import Field

from gdpr import words
from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.policy.draft_text import quote
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy
from lifecycle.policy.part import Column, Part, TableName, Text
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.words import did_you_mean


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
    verified: Column | None = Field(
        default=None,
        description="a boolean or the moment at which it was established that the person themselves asked; until then "
        "nothing is done, and the legal deadline runs (GDPR Art. 12(6))",
    )
    received: bool = Field(
        default=False,
        description="`lifecycle gdpr request` may put a request there, for who asks by letter or by telephone",
    )


class Recipient(Part):
    """Somebody who was given people's data, and is told when one of them was erased (GDPR Art. 19)."""

    known_by: Column = Field(
        description="the column of the people's table by which they know a person; empty: they were given nothing"
    )
    because: Text = Field(description="what they were given it for; the certificate says it")


class Erasure(Part):
    """How a person is forgotten."""

    subject: Text = Field(description="the subject kind that requests are about")
    requests: Requests = Field(description="where people ask")
    grace: Span = Field(description="how long a person can change their mind")
    deadline: Span = Field(
        default=Span(1, "month"), description="GDPR Art. 12(3): one month from receipt"
    )
    recipients: dict[Text, Recipient] = Field(
        default_factory=dict[str, Recipient],
        description="who else was given people's data -> how they are told that a person was erased; the settings say "
        "where and with which key",
    )


def _tables(erasure: Erasure) -> Iterator[tuple[Where, str]]:
    yield ("erasure", "requests", "table"), erasure.requests.table


def _sense(erasure: Erasure, policy: Policy) -> Iterator[Mistake]:
    subject, requests = erasure.subject, erasure.requests
    if subject not in policy.subjects:
        instead = did_you_mean(subject, policy.subjects, "add it under `subjects`")
        yield Mistake(("erasure", "subject"), f"no subject is called {subject!r}", instead)
    table = policy.tables.get(requests.table)
    if table and not table.keep:
        yield Mistake(
            ("tables", requests.table),
            "requests would be erased with their person, and with them the proof",
            f"add `keep: {{clear: [{requests.subject}], because: ...}}`",
        )
    elif (
        table
        and subject in policy.subjects
        and (table.owner or {}).get(subject) != requests.subject
    ):
        yield Mistake(
            ("tables", requests.table, "owner"),
            f"a request is about whom {requests.subject!r} names",
            f"write `owner: {{{subject}: {requests.subject}}}`",
        )
    for name in erasure.recipients:
        if not re.fullmatch("[a-z0-9][a-z0-9._-]{0,62}", name):
            where = ("erasure", "recipients", name)
            yield Mistake(where, f"{name!r} is no name", "write small letters, digits and dashes")
    if erasure.deadline.at_most() < erasure.grace.at_least():
        what = f"a grace of {erasure.grace} ends after the deadline of {erasure.deadline}"
        yield Mistake(
            ("erasure", "grace"), what, "the deadline runs from the request: shorten the grace"
        )
    words = requests.states.model_dump().values()
    if len(set(words)) < len(words):
        where = ("erasure", "requests", "states")
        yield Mistake(where, "two states are spelled alike", "give each state its own word")


def _truth(erasure: Erasure, look: Look) -> None:
    if said := words.beyond(look.policy):
        look.notes.append(
            f"an erasure cannot carry this out yet, and is refused: {', '.join(said)}; docs/whose.md, at its end, says "
            "what to write meanwhile"
        )
    _columns(erasure.requests, look)
    if people := look.policy.subjects.get(erasure.subject):
        for name, one in erasure.recipients.items():
            look.column(("erasure", "recipients", name, "known_by"), people.table, one.known_by)
    if erasure.requests.received:
        _fillable(erasure.requests, look)


def _columns(requests: Requests, look: Look) -> None:
    path: Where = ("erasure", "requests")
    for part in ("key", "subject", "status"):
        look.column((*path, part), requests.table, getattr(requests, part))
    for part in ("requested", "due", "completed"):
        look.timed((*path, part), requests.table, getattr(requests, part))
    if requests.verified:
        column = look.column((*path, "verified"), requests.table, requests.verified)
        if column and column.type != "boolean":
            look.timed((*path, "verified"), requests.table, requests.verified)
    if requests.tables:
        column = look.column((*path, "tables"), requests.table, requests.tables)
        if column and column.type != "text[]":
            look.say((*path, "tables"), f"{column.name} is {column.type}", "name a text[] column")


def _fillable(requests: Requests, look: Look) -> None:
    """Say which columns a request of ours would leave without the value that they need."""
    table = look.catalog.tables.get(requests.table)
    said = {
        requests.subject,
        requests.requested,
        requests.due,
        requests.status,
        requests.verified,
    }
    for column in table.columns if table else ():
        filled = column.has_default or column.identity or column.generated
        if (
            column.name not in said
            and not filled
            and (column.not_null or column.name == requests.key)
        ):
            look.say(
                ("erasure", "requests", "received"),
                f"a request that we put into {requests.table} would have no {column.name}",
                f"`alter table {requests.table} alter column {column.name} set default ...`, or leave `received` out",
            )


def _never_ends(erasure: Erasure) -> Mapping[str, str]:
    return {erasure.requests.table: "it proves that requests were honoured"}


def _erases(erasure: Erasure) -> Iterator[str]:
    yield erasure.subject


def _draft(policy: Policy, catalog: Catalog) -> Iterator[str]:
    found = _requests(policy, catalog)
    kind = next(iter(policy.subjects), "user")
    names = [c.name for c in found.columns] if found else []

    def column(pattern: str, otherwise: str) -> str:
        there = next((n for n in names if re.search(pattern, n)), None)
        missing = (
            f"  # {found.name} has no such column: add it, or name the one that is it"
            if found
            else ""
        )
        return quote(there) if there else f"{quote(otherwise)}{missing}"

    table = quote(found.name if found else "deletion_requests")
    owner = policy.tables[found.name].owner if found else None
    key = policy.subjects[kind].key if policy.subjects else "user_id"
    own = (owner or {}).get(kind, key)
    subject = quote(own if isinstance(own, str) else key)
    yield "# How people are forgotten. Before you take the # away, check every word, and keep the requests themselves:"
    yield f"# under `tables`, `{table}` needs `keep: {{clear: [{subject}], because: proof that it was honoured}}`."
    yield "# erasure:"
    yield f"#   subject: {quote(kind)}"
    yield "#   grace: 30 days"
    yield "#   deadline: 1 month"
    yield "#   requests:"
    yield f"#     table: {table}"
    yield f"#     key: {quote(found.primary_key[0]) if found and found.primary_key else 'request_id'}"
    yield f"#     subject: {subject}"
    yield f"#     requested: {column('request.*_(at|on)$|asked|received|created_at', 'requested_at')}"
    yield f"#     due: {column('due|grace|execute|scheduled', 'due_at')}"
    yield f"#     status: {column('status|state', 'status')}"
    yield f"#     completed: {column('complet|finish|done', 'completed_at')}"


def _requests(policy: Policy, catalog: Catalog) -> Table | None:
    """Return the table in which people seem to ask to be forgotten."""
    wanted = re.compile(
        r"(deletion|erasure|forget|gdpr|removal)\w*request|request\w*(deletion|erasure|removal)"
    )
    owned = (name for name, table in policy.tables.items() if table.owner)
    return next((catalog.tables[name] for name in owned if wanted.search(name.lower())), None)


SECTION = Section[Erasure, None](
    "erasure",
    Erasure,
    default=None,
    about="how people are forgotten",
    tables=_tables,
    sense=_sense,
    truth=_truth,
    never_ends=_never_ends,
    erases=_erases,
    draft=_draft,
)
