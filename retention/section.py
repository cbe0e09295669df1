"""The policy's section `retention:`, what ends for its age, and when. Pure; `rules.py` binds a rule to its table."""

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from lifecycle import cron
from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.errors import InputError
from lifecycle.policy import triggers, whole
from lifecycle.policy.draft_text import quote
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy, until
from lifecycle.policy.names import split_column
from lifecycle.policy.part import Column, Part, Text
from lifecycle.policy.people import Value
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog


class RetentionRule(Part):
    """Rows, or one column of them, that end some time after a moment named in the row itself."""

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
    where: dict[Column, Value | tuple[Value, ...]] = Field(
        default_factory=dict[str, Value | tuple[Value, ...]],
        description="only rows whose columns have these values",
        examples=[{"status": ["done", "failed"]}],
    )
    zone: Text | None = Field(
        default=None,
        description="the time zone in which a clock without one was written; default: the policy's",
        examples=["UTC"],
    )
    do: Literal["delete", "clear"] = Field(
        description="`delete` the row, or `clear` the column to NULL"
    )
    because: Text = Field(description="the reason, as the compliance officer would say it")

    @model_validator(mode="after")
    def _one_end(self) -> "RetentionRule":
        if (self.after is None) == (self.expires is None):
            raise ValueError(
                "must say when it ends: `after: 90 days`, or `expires: expires_at`, a column that says it"
            )
        if self.expires is not None and self.by is not None:
            raise ValueError(
                "`by` starts the clock of `after`; with `expires` the row itself says when it ends"
            )
        return self

    @property
    def clock(self) -> str | None:
        """Return the column that it counts from, or that says the end; None for the partition key."""
        return self.expires or self.by

    @property
    def scope(self) -> tuple[tuple[str, tuple[Value, ...]], ...]:
        """Return the columns of `where` with their values."""
        return tuple((c, v if isinstance(v, tuple) else (v,)) for c, v in self.where.items())

    @property
    def label(self) -> str:
        """Return what it is about, in words that no other rule has: `jobs where status is done or failed`."""
        said = (f"{column} is {' or '.join(map(str, values))}" for column, values in self.scope)
        return self.table + (f" where {' and '.join(said)}" if self.where else "")

    @property
    def ends(self) -> str:
        """Return when it ends, in words."""
        zone = f" in {self.zone}" if self.zone else ""
        if self.after is None:
            return f"at their {self.expires}{zone}"
        return f"{self.after} after {self.by or 'the time they are partitioned by'}{zone}"


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
    seen: dict[tuple[str, str | None, object], int] = {}
    for index, rule in enumerate(rules):
        path: Where = ("retention", index, "table")
        table, column = target(rule)
        if rule.zone is not None:
            yield from _zone(index, rule.zone)
        if rule.after is not None:
            yield from _too_soon(index, rule.after, policy.limits.floor)
        yield from _aim(index, rule, policy)
        if rule.do == "delete" and table in forever:
            what = f"rows of {table!r} are never deleted: {forever[table]}"
            yield Mistake(path, what, "take the rule out")
        first = seen.setdefault((table, column, rule.scope), index)
        if first != index:
            what = f"a second rule for {rule.label!r} (the first is retention[{first}])"
            yield Mistake(path, what, "keep one of them")
        yield from _objects_left_behind(index, rule, policy)
    yield from _kept_for_ever(rules, policy)


def _zone(index: int, zone: str) -> Iterator[Mistake]:
    try:
        cron.zone(zone)
    except InputError as error:
        yield Mistake(
            ("retention", index, "zone"), error.what, "write one like `UTC` or `Europe/Berlin`"
        )


def _too_soon(index: int, after: Span, floor: Span) -> Iterator[Mistake]:
    if after.can_be_shorter_than(floor):
        instead = f"write {floor} or more, or lower `limits.floor` on purpose"
        what = f"{after} is below the floor of {floor}"
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
        if not any((r.after, r.by, r.where) == (span, column, {}) for r in ends):
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
        by = rule.clock or table.partition_key
        if by is None:
            look.say(
                path,
                f"{name} is not partitioned by one column",
                "add `by:`, a date or timestamp column",
            )
        else:
            said = "expires" if rule.expires else "by"
            look.timed((*path, said) if rule.clock else path, name, by)
            _zoned(look, index, rule, by)
        if cleared is not None:
            look.clearable((*path, "table"), name, cleared)
            _stopped_clocks(look, rules, index, name)
        for one in rule.where:
            look.column((*path, "where", one), name, one)
        column = table.column(by) if by else None
        if column and not column.not_null:
            look.notes.append(
                f"rows of {name} without a {by} are kept for ever (retention[{index}])"
            )


def _zoned(look: Look, index: int, rule: RetentionRule, by: str) -> None:
    """Say so where the policy's zone was taken for that of a clock without one: it may be hours too early."""
    name, policy = target(rule)[0], look.policy
    column = look.catalog.tables[name].column(by)
    if (
        column
        and column.type.endswith("without time zone")
        and not rule.zone
        and policy.timezone != "UTC"
    ):
        look.say(
            ("retention", index),
            f"{name}.{by} has no time zone, and the policy's is {policy.timezone}: rows may end hours too early",
            f"add the zone in which the application writes it: `zone: UTC`, or `zone: {policy.timezone}`",
        )


def _stopped_clocks(look: Look, rules: Rules, index: int, name: str) -> None:
    """Say so where to clear a column sets a clock anew: the rows that it counts for would stay that much longer."""
    declared, table = look.policy.tables.get(name), look.catalog.tables[name]
    clocks = {
        rule.clock or table.partition_key: number
        for number, rule in enumerate(rules)
        if target(rule)[0] == name
    }
    updating = {triggers.key(name, one) for one in table.triggers if one.updates}
    for trigger, said in declared.triggers.items() if declared else ():
        for clock in re.findall(r"\w+", said.does.partition("sets ")[2]):
            if clock in clocks and trigger in updating:
                what = f"trigger {trigger} sets {clock} when this is cleared, and rows of retention[{clocks[clock]}]"
                look.say(
                    ("retention", index, "table"),
                    f"{what}, which counts from it, would begin their time again",
                    f"have the trigger leave {clock} alone where only this column changes, or count from another one",
                )


def _sentence(rules: Rules, name: str) -> Iterator[str]:
    for rule in rules:
        table, column = target(rule)
        if table == name:
            of = rule.label.removeprefix(rule.table)
            yield f"{rule.do} {column or 'rows'}{of} {rule.ends}: {rule.because}"


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
