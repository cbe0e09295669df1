"""Asks whether a policy makes sense in itself, without a database: names that belong together, spans, schedules.

Pure. `reality.py` asks whether it fits the live database; `load.py` puts the lines to what is found here.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from lifecycle import cron
from lifecycle.config.mistake import Mistake, Where, did_you_mean
from lifecycle.config.span import Span
from lifecycle.errors import InputError
from lifecycle.policy.model import Policy, SharedBy
from lifecycle.policy.names import split_column, target

DECIDE = "DECIDE"
"""How a draft begins a text that a person must replace: a policy with one is refused."""


def check(policy: Policy) -> tuple[Mistake, ...]:
    """Return every mistake that can be seen without a database."""
    return (
        *_decisions((), policy.model_dump(mode="json")),
        *_names(policy),
        *_schedule(policy),
        *_declared(policy),
        *_subjects(policy),
        *_owners(policy),
        *_retention(policy),
        *_objects_left_behind(policy),
        *_audit(policy),
        *_erasure(policy),
    )


def _decisions(path: Where, value: Any) -> Iterator[Mistake]:
    """Find what a draft left open for a person, wherever it stands."""
    if isinstance(value, dict):
        for key, below in cast("dict[str, Any]", value).items():
            yield from _decisions((*path, key), below)
    elif isinstance(value, list):
        for index, below in enumerate(cast("list[Any]", value)):
            yield from _decisions((*path, index), below)
    elif isinstance(value, str) and value.startswith(DECIDE):
        yield Mistake(path, "a draft left this open for a person", "decide, and write the answer")


def _names(policy: Policy) -> Iterator[Mistake]:
    for path, name in _tables_named(policy):
        if '"' in name:
            yield Mistake(path, "quotes in a name", "write names bare, in the case the table has")
        elif name.startswith("public.") and "." not in name.removeprefix("public."):
            yield Mistake(
                path, "schema public is not written", f"write {name.removeprefix('public.')}"
            )


def _schedule(policy: Policy) -> Iterator[Mistake]:
    try:
        cron.zone(policy.timezone)
    except InputError as error:
        yield Mistake(("timezone",), error.what, _instead(error.hint))
        return
    for job, expression in policy.schedule.items():
        try:
            cron.check(expression, policy.timezone)
        except InputError as error:
            yield Mistake(("schedule", job), error.what, _instead(error.hint))


def _instead(hint: str) -> str:
    return hint[:1].lower() + hint[1:].removesuffix(".")


def _tables_named(policy: Policy) -> Iterator[tuple[Where, str]]:
    """Yield every place at which a table is named, with the name."""
    for section in ("tables", "partitions"):
        for name in getattr(policy, section):
            yield (section, name), name
    for index, rule in enumerate(policy.retention):
        yield ("retention", index, "table"), target(rule)[0]
    for kind, subject in policy.subjects.items():
        yield ("subjects", kind, "table"), subject.table
        if subject.payer:
            yield ("subjects", kind, "payer", "column"), split_column(subject.payer.column)[0]
    if policy.audit:
        yield ("audit", "table"), policy.audit.table
        yield from ((("audit", "keep", name), name) for name in policy.audit.keep)
    if policy.erasure:
        yield ("erasure", "requests", "table"), policy.erasure.requests.table


def _declared(policy: Policy) -> Iterator[Mistake]:
    for path, name in _tables_named(policy):
        if not name:
            yield Mistake(path, "no table is named", "write `table.column`")
        elif name not in policy.tables:
            otherwise = f"declare it: add `{name}:` with `owner:` or `personal: none`"
            instead = did_you_mean(name, policy.tables, otherwise)
            yield Mistake(path, f"table {name!r} is not declared under `tables`", instead)


def _subjects(policy: Policy) -> Iterator[Mistake]:
    for kind, subject in policy.subjects.items():
        table = policy.tables.get(subject.table)
        if table and (table.owner or {}).get(kind) != subject.key:
            yield Mistake(
                ("tables", subject.table),
                f"the table of subject {kind!r} is not owned by its own key",
                f"write `owner: {{{kind}: {subject.key}}}`",
            )
        repeated = [c for c in subject.identifiers if subject.identifiers.count(c) > 1]
        if repeated:
            where = ("subjects", kind, "identifiers")
            yield Mistake(where, f"column {repeated[0]!r} is there twice", "keep one of them")


def _owners(policy: Policy) -> Iterator[Mistake]:
    for name, table in policy.tables.items():
        path: Where = ("tables", name, "owner")
        if table.owner is not None and not table.owner:
            yield Mistake(
                path, "nobody is named", "write `owner: {user: user_id}` or `personal: none`"
            )
        for kind, how in (table.owner or {}).items():
            subject = policy.subjects.get(kind)
            if subject is None:
                known = ", ".join(policy.subjects) or "none; add one under `subjects`"
                instead = did_you_mean(kind, policy.subjects, f"subjects are: {known}")
                yield Mistake((*path, kind), f"no subject is called {kind!r}", instead)
            elif isinstance(how, SharedBy) and split_column(how.shared_by)[0] != subject.table:
                yield Mistake(
                    (*path, kind, "shared_by"),
                    f"not a column of {subject.table!r}, the table of subject {kind!r}",
                    f"write `{subject.table}.column`, the column that points to {name!r}",
                )
            elif isinstance(how, str) and how in table.mentions:
                yield Mistake(
                    ("tables", name, "mentions", how),
                    "names the owner as well",
                    "a row goes with its owner: take it out of `mentions`",
                )


def _retention(policy: Policy) -> Iterator[Mistake]:
    floor = policy.limits.floor
    if floor.at_least() < timedelta(days=1):
        yield Mistake(
            ("limits", "floor"), f"{floor} is shorter than a day", "write `1 day` or more"
        )
    forever = _never_deleted(policy)
    seen: dict[tuple[str, str | None], int] = {}
    for index, rule in enumerate(policy.retention):
        path: Where = ("retention", index)
        if _shorter(rule.after, floor):
            instead = f"write {floor} or more, or lower `limits.floor` on purpose"
            yield Mistake((*path, "after"), f"{rule.after} is below the floor of {floor}", instead)
        table, column = target(rule)
        if rule.do == "clear" and not table:
            yield Mistake(
                (*path, "table"), "`do: clear` needs a column", f"write `{column}.column`"
            )
        parent, _, last = rule.table.rpartition(".")
        if rule.do == "delete" and rule.table not in policy.tables and parent in policy.tables:
            instead = f"write `do: clear` to empty {last!r}, or `table: {parent}` to delete rows"
            yield Mistake((*path, "table"), "`do: delete` ends whole rows, not a column", instead)
        if rule.do == "delete" and table in forever:
            yield Mistake(
                (*path, "table"),
                f"rows of {table!r} are never deleted: {forever[table]}",
                "take the rule out",
            )
        first = seen.setdefault((table, column), index)
        if first != index:
            what = f"a second rule for {rule.table!r} (the first is retention[{first}])"
            yield Mistake((*path, "table"), what, "keep one of them")


def _objects_left_behind(policy: Policy) -> Iterator[Mistake]:
    """An S3 key is the only way to an object: whoever ends the key first keeps the object for ever."""
    for index, rule in enumerate(policy.retention):
        name, column = target(rule)
        table = policy.tables.get(name)
        if table and table.objects and (rule.do == "delete" or column in table.objects):
            yield Mistake(
                ("retention", index, "table"),
                f"{', '.join(table.objects)} of {name} lead to objects, which this rule would leave behind",
                "take the rule out: retention does not reach into buckets yet",
            )


def _never_deleted(policy: Policy) -> dict[str, str]:
    """Return table -> why its rows stay."""
    found: dict[str, str] = {}
    if policy.audit:
        found[policy.audit.table] = "it is the audit log"
    if policy.erasure:
        found[policy.erasure.requests.table] = "it proves that requests were honoured"
    return found


def _audit(policy: Policy) -> Iterator[Mistake]:
    if policy.audit is None:
        return
    name = policy.audit.table
    table = policy.tables.get(name)
    if table and table.personal == "none":
        instead = "say whose it is: `owner: {user: user_id}`; it is anonymised, not deleted"
        yield Mistake(("tables", name), "the audit log holds personal data", instead)
    columns = (policy.audit.subject, policy.audit.actor, policy.audit.record, policy.audit.named)
    for column in policy.audit.values + policy.audit.of_actor:
        if column in columns:
            yield Mistake(("audit",), f"column {column!r} has two parts to play", "name it once")


def _erasure(policy: Policy) -> Iterator[Mistake]:
    if policy.erasure is None:
        return
    subject, requests = policy.erasure.subject, policy.erasure.requests
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
    if _longest(policy.erasure.deadline) < policy.erasure.grace.at_least():
        what = f"a grace of {policy.erasure.grace} ends after the deadline of {policy.erasure.deadline}"
        yield Mistake(
            ("erasure", "grace"), what, "the deadline runs from the request: shorten the grace"
        )
    words = requests.states.model_dump().values()
    if len(set(words)) < len(words):
        where = ("erasure", "requests", "states")
        yield Mistake(where, "two states are spelled alike", "give each state its own word")


def _shorter(span: Span, floor: Span) -> bool:
    """Say whether `span` can be shorter than `floor`; months and years compare by the calendar."""
    months = {"month": 1, "year": 12}
    if span.unit in months and floor.unit in months:
        return span.count * months[span.unit] < floor.count * months[floor.unit]
    return span.at_least() < _longest(floor)


def _longest(span: Span) -> timedelta:
    days = {"month": 31, "year": 366}.get(span.unit)
    return timedelta(days=days * span.count) if days else span.at_least()
