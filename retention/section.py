"""The policy's section `retention:`, what ends for its age, and when. Pure; `rules.py` binds a rule to its table."""

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.policy import whole
from lifecycle.policy.draft_text import quote
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy, until
from lifecycle.policy.names import split_column
from lifecycle.policy.part import Column, Part, Text
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog


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


Rules = tuple[RetentionRule, ...]


def target(rule: RetentionRule) -> tuple[str, str | None]:
    """Return (table, column) that a rule ends; the column is None where whole rows are deleted."""
    if rule.do == "delete":
        return rule.table, None
    return split_column(rule.table)


def _tables(rules: Rules) -> Iterator[tuple[Where, str]]:
    for index, rule in enumerate(rules):
        yield ("retention", index, "table"), target(rule)[0]


def _sense(rules: Rules, policy: Policy) -> Iterator[Mistake]:
    forever = whole.never_ends(policy)
    seen: dict[tuple[str, str | None], int] = {}
    for index, rule in enumerate(rules):
        path: Where = ("retention", index, "table")
        table, column = target(rule)
        yield from _too_soon(index, rule, policy.limits.floor)
        yield from _aim(index, rule, policy)
        if rule.do == "delete" and table in forever:
            what = f"rows of {table!r} are never deleted: {forever[table]}"
            yield Mistake(path, what, "take the rule out")
        first = seen.setdefault((table, column), index)
        if first != index:
            what = f"a second rule for {rule.table!r} (the first is retention[{first}])"
            yield Mistake(path, what, "keep one of them")
        yield from _objects_left_behind(index, rule, policy)
    yield from _kept_for_ever(rules, policy)


def _too_soon(index: int, rule: RetentionRule, floor: Span) -> Iterator[Mistake]:
    if rule.after.can_be_shorter_than(floor):
        instead = f"write {floor} or more, or lower `limits.floor` on purpose"
        what = f"{rule.after} is below the floor of {floor}"
        yield Mistake(("retention", index, "after"), what, instead)


def _aim(index: int, rule: RetentionRule, policy: Policy) -> Iterator[Mistake]:
    """Find a rule that clears a table or deletes a column."""
    path: Where = ("retention", index, "table")
    table, column = target(rule)
    if rule.do == "clear" and not table:
        yield Mistake(path, "`do: clear` needs a column", f"write `{column}.column`")
    parent, _, last = rule.table.rpartition(".")
    if rule.do == "delete" and rule.table not in policy.tables and parent in policy.tables:
        instead = f"write `do: clear` to empty {last!r}, or `table: {parent}` to delete rows"
        yield Mistake(path, "`do: delete` ends whole rows, not a column", instead)


def _objects_left_behind(index: int, rule: RetentionRule, policy: Policy) -> Iterator[Mistake]:
    """An S3 key is the only way to an object: whoever ends the key first keeps the object for ever."""
    name, column = target(rule)
    table = policy.tables.get(name)
    if table and table.objects and (rule.do == "delete" or column in table.objects):
        yield Mistake(
            ("retention", index, "table"),
            f"{', '.join(table.objects)} of {name} lead to objects, which this rule would leave behind",
            "take the rule out: retention does not reach into buckets yet",
        )


def _kept_for_ever(rules: Rules, policy: Policy) -> Iterator[Mistake]:
    """Find rows that are kept until a day, and that nothing ends on it."""
    for name, table in policy.tables.items():
        if not (table.keep and table.keep.until):
            continue
        span, column = until(table.keep.until)
        ends = (r for r in rules if r.do == "delete" and r.table == name)
        if not any((r.after, r.by) == (span, column) for r in ends):
            rule = f"{{table: {name}, by: {column}, after: {span}, do: delete, because: ...}}"
            what = f"no rule ends these rows {span} after {column}"
            where: Where = ("tables", name, "keep", "until")
            yield Mistake(where, what, f"add `- {rule}` under `retention`")
        for index, rule in enumerate(rules):
            if rule.do == "clear" and target(rule) == (name, column):
                what = f"rows of {name} are kept until a time after {column}, and without it they would stay for ever"
                yield Mistake(("retention", index, "table"), what, "take the rule out")


def _truth(rules: Rules, look: Look) -> None:
    for index, rule in enumerate(rules):
        path: Where = ("retention", index)
        name, cleared = target(rule)
        table = look.catalog.tables.get(name)
        if table is None:
            continue
        by = rule.by or table.partition_key
        if by is None:
            look.say(
                path,
                f"{name} is not partitioned by one column",
                "add `by:`, a date or timestamp column",
            )
        else:
            look.timed((*path, "by") if rule.by else path, name, by)
        if cleared is not None:
            look.clearable((*path, "table"), name, cleared)
        column = table.column(by) if by else None
        if column and not column.not_null:
            look.notes.append(
                f"rows of {name} without a {by} are kept for ever (retention[{index}])"
            )


def _sentence(rules: Rules, name: str) -> Iterator[str]:
    for rule in rules:
        table, column = target(rule)
        if table == name:
            since = rule.by or "the time they are partitioned by"
            yield f"{rule.do} {column or 'rows'} {rule.after} after {since}: {rule.because}"


def _draft(policy: Policy, catalog: Catalog) -> Iterator[str]:
    examples = [
        (name, column.name)
        for name in policy.tables
        for column in catalog.tables[name].columns
        if re.search(r"(finished|completed|ended|sent|logged)_at$", column.name)
    ]
    table, by = (*examples, ("finished_jobs", "finished_at"))[0]
    yield "# Nothing is ever deleted for its age without a rule like this one:"
    yield "# retention:"
    yield f"#   - {{table: {quote(table)}, by: {quote(by)}, after: 2 years, do: delete, because: why it may go}}"


SECTION = Section[Rules, Rules](
    "retention",
    Rules,
    default=(),
    about="what ends, and when; without a rule nothing does",
    tables=_tables,
    sense=_sense,
    truth=_truth,
    sentence=_sentence,
    destroys=True,
    draft=_draft,
)
