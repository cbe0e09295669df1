"""The policy's section `retention:`, what ends for its age: whether its rules make sense, alone and here. Pure."""

import re
from collections.abc import Iterator

from lifecycle import cron
from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.errors import InputError
from lifecycle.partitions.section import SECTION as PARTITIONS
from lifecycle.policy import triggers, whole
from lifecycle.policy.draft_text import quote
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy, until
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog, Table
from retention import floor, together
from retention.archive.section import SECTION as ARCHIVES
from retention.columns import other
from retention.rule import RetentionRule, Rules, target

MANY_KEYS = (
    "is partitioned by an expression, or by columns of which not one alone is a date or timestamp, and no rule tells "
    "from such bounds when one ends"
)

OF_EACH_VALUE = (
    "has partitions for each value of the columns before its time, and `newest` would count those of all values "
    "together: of one value fewer would stay than the rule says"
)


def _tables(rules: Rules) -> Iterator[tuple[Where, str]]:
    for index, rule in enumerate(rules):
        yield ("retention", index, "table"), target(rule)[0]
        if rule.to is not None:
            yield ("retention", index, "to"), rule.to


def _sense(rules: Rules, policy: Policy) -> Iterator[Mistake]:
    forever = whole.never_ends(policy)
    seen: dict[tuple[str, str | None, object], int] = {}
    for index, rule in enumerate(rules):
        path: Where = ("retention", index, "table")
        table, column = target(rule)
        if rule.zone is not None:
            yield from _zone(index, rule.zone)
        for what, instead in floor.too_soon(rule, policy):
            clock: Where = ("retention", index, rule.told_by)
            yield Mistake(clock, what, instead)
        yield from _aim(index, rule, policy)
        if rule.do != "clear" and table in forever:
            what = f"rows of {table!r} are never deleted: {forever[table]}"
            yield Mistake(path, what, "take the rule out")
        first = seen.setdefault((table, column, rule.do == "drop" or rule.scope), index)
        if first != index:
            what = f"a second rule for {rule.label!r} (the first is retention[{first}])"
            yield Mistake(path, what, "keep one of them")
        if rule.archive and ARCHIVES.of(policy).bucket is None:
            where: Where = ("retention", index, "archive")
            yield Mistake(
                where, "the policy names no bucket for archives", "add `archives: {bucket: NAME}`"
            )
        if rule.to == rule.table:
            here: Where = ("retention", index, "to")
            yield Mistake(here, "rows cannot move into their own table", "name another")
        yield from _objects_left_behind(index, rule, policy)
    yield from _kept_for_ever(rules, policy)
    yield from together.dropped_before(rules)
    yield from together.compressed(rules, policy)
    yield from together.with_a_tombstone(rules, policy)


def _zone(index: int, zone: str) -> Iterator[Mistake]:
    try:
        cron.zone(zone)
    except InputError as error:
        yield Mistake(
            ("retention", index, "zone"), error.what, "write one like `UTC` or `Europe/Berlin`"
        )


def _aim(index: int, rule: RetentionRule, policy: Policy) -> Iterator[Mistake]:
    """Find a rule that clears a table or deletes a column."""
    path: Where = ("retention", index, "table")
    table, column = target(rule)
    if rule.do == "clear" and not table:
        yield Mistake(path, "`do: clear` needs a column", f"write `{column}.column`")
    parent, _, last = rule.table.rpartition(".")
    if rule.do != "clear" and rule.table not in policy.tables and parent in policy.tables:
        instead = f"write `do: clear` to empty {last!r}, or `table: {parent}` to end rows"
        yield Mistake(path, f"`do: {rule.do}` ends whole rows, not a column", instead)


def _objects_left_behind(index: int, rule: RetentionRule, policy: Policy) -> Iterator[Mistake]:
    """An S3 key is the only way to an object: whoever ends the key first keeps the object for ever."""
    name, column = target(rule)
    table = policy.tables.get(name)
    if table and table.objects and (rule.do != "clear" or column in table.objects):
        yield Mistake(
            ("retention", index, "table"),
            f"{', '.join(table.objects)} of {name} lead to objects, which this rule would leave behind",
            "take the rule out: retention does not reach into buckets yet",
        )


def _kept_for_ever(rules: Rules, policy: Policy) -> Iterator[Mistake]:
    """Find rows that are kept until a day, and that nothing ends on it, or something before it."""
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
            if rule.do != "clear" and rule.table == name and _sooner(rule, span, column):
                what = f"rows of {name} are kept until {span} after {column} ({table.keep.ground}), and this ends some"
                what += " before, or nobody can tell that it does not"
                yield Mistake(
                    ("retention", index, "table"), what, f"count {span} or more from {column}"
                )
            if rule.do == "clear" and target(rule) == (name, column):
                what = f"rows of {name} are kept until a time after {column}, and without it they would stay for ever"
                yield Mistake(("retention", index, "table"), what, "take the rule out")


def _sooner(rule: RetentionRule, span: Span, column: str) -> bool:
    """Say whether a rule may end a row before this span after this column of it."""
    same = rule.after is not None and rule.by == column
    return not same or rule.after is None or rule.after.can_be_shorter_than(span)


def _truth(rules: Rules, look: Look) -> None:
    for index, rule in enumerate(rules):
        path: Where = ("retention", index)
        name, cleared = target(rule)
        table = look.catalog.tables.get(name)
        if table is None:
            continue
        by = rule.clock or table.partition_key
        if rule.do == "drop" and (of := _no_partitions(table)):
            look.say((*path, "do"), f"{name} {of}", "write `do: delete` with `by:`")
        elif rule.newest and table.before_key:
            look.say((*path, "newest"), f"{name} {OF_EACH_VALUE}", "write `after:`")
        elif by is None:
            look.say(
                path,
                f"{name} is not partitioned by one column",
                "add `by:`, a date or timestamp column",
            )
        else:
            _timed(look, index, rule, by)
        if cleared is not None:
            look.clearable((*path, "table"), name, cleared)
            _stopped_clocks(look, rules, index, name)
        _told_apart(look, index, rule, name)
        _named(look, index, rule, name)
        column = table.column(by) if by else None
        if column and not column.not_null:
            look.notes.append(
                f"rows of {name} without a {by} are kept for ever (retention[{index}])"
            )


def _no_partitions(table: Table) -> str | None:
    """Return why no partition of a table ends by a rule."""
    if table.kind == "p" and table.partition_key is None:
        return MANY_KEYS
    if table.strategy != "range":
        return "is not partitioned by a range of time, and `do: drop` ends whole partitions"
    return None


def _named(look: Look, index: int, rule: RetentionRule, name: str) -> None:
    """Say so where the rule names a column that is not there."""
    for word, columns in (("where", rule.where), ("unless", rule.unless)):
        for one in columns:
            look.column(("retention", index, word, one), name, one)


def _timed(look: Look, index: int, rule: RetentionRule, by: str) -> None:
    """Say so where its clock is none. What a key of partitions `holds` instead, their own section looks at."""
    partitioned = PARTITIONS.of(look.policy).get(rule.table) if rule.do == "drop" else None
    if partitioned is None or partitioned.holds is None:
        path: Where = ("retention", index)
        said = "expires" if rule.expires else "by"
        look.timed((*path, said) if rule.clock else path, target(rule)[0], by)
        _zoned(look, index, rule, by)


def _told_apart(look: Look, index: int, rule: RetentionRule, name: str) -> None:
    """Say so where rows cannot be taken as they are: into an archive of single rows, or another table."""
    archive = look.catalog.tables.get(rule.to or "")
    if archive is not None and (bad := other(look.catalog.tables[name], archive)):
        what = f"{rule.to} does not take rows of {name} as they are: it has no {', '.join(bad)}"
        look.say(("retention", index, "to"), what, "give it these columns")
    if rule.archive and rule.do == "delete" and not look.catalog.tables[name].primary_key:
        what = (
            f"{name} has no primary key, so a row of it cannot be told from another in an archive"
        )
        where: Where = ("retention", index, "archive")
        look.say(where, what, "give it one, or take `archive` out")


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
            what = "partitions" if rule.do == "drop" else f"{column or 'rows'}{of}"
            yield f"{rule.do} {what} {rule.ends}: {rule.because}"


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
