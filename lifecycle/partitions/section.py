"""The policy's section `partitions:`, the tables whose next partitions are made before rows need them. Pure.

A section is read from top to bottom: shape, sense, truth, sentence, draft, and at the end what it offers.
This one has no sense of its own: only a database can say that it is wrong.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from lifecycle.config.mistake import Where
from lifecycle.config.span import Span
from lifecycle.partitions.bounds import key_type, moment_type
from lifecycle.partitions.rule import Partitioning, Partitions, Then
from lifecycle.partitions.sets import broken
from lifecycle.policy.draft_text import quote
from lifecycle.policy.look import TIME, Look
from lifecycle.policy.model import Owner, Policy
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog, Column, Partition, Table
from lifecycle.words import counted

_LENGTHS = (
    ("hour", timedelta(hours=1), timedelta(hours=1), 48),
    ("day", timedelta(days=1), timedelta(days=1), 14),
    ("week", timedelta(days=7), timedelta(days=7), 8),
    ("month", timedelta(days=28), timedelta(days=31), 3),
    ("quarter", timedelta(days=90), timedelta(days=92), 2),
    ("year", timedelta(days=365), timedelta(days=366), 1),
)
"""Name, shortest, longest, and how many to keep ahead."""


def _tables(partitions: Partitions) -> Iterator[tuple[Where, str]]:
    for name in partitions:
        yield ("partitions", name), name


def _truth(partitions: Partitions, look: Look) -> None:
    for name, rule in partitions.items():
        table = look.catalog.tables.get(name)
        path: Where = ("partitions", name)
        if table is None or look.column((*path, "by"), name, rule.by) is None:
            continue
        if table.owner in look.catalog.barred:
            look.notes.append(
                f"{name} belongs to {table.owner}, a superuser or who could become the ledger's owner, and only a "
                f"table's owner attaches partitions: `lifecycle init` refuses until `alter table {name} owner to` "
                "a role that is neither"
            )
        if table.kind == "h":
            look.say(path, f"{name} is a hypertable: TimescaleDB makes its chunks", "take it out")
        elif (table.strategy, table.partition_key) != (rule.strategy, rule.by):
            by = f"partitioned by {table.strategy} ({table.partition_key or 'several columns'})"
            actual = by if table.strategy else "not partitioned"
            look.say((*path, "by"), f"{name} is {actual}", "take it out, or correct `by`")
        elif rule.every:
            _timed(look, path, name, rule)
    unkept = [
        t.name for t in look.catalog.tables.values() if _by_time(t) and t.name not in partitions
    ]
    if unkept:
        look.notes.append(
            f"nobody makes the next partitions of {', '.join(unkept)}: not under `partitions`"
        )


def _timed(look: Look, path: Where, name: str, rule: Partitioning) -> None:
    """Say so when the key does not hold what the rule says, or no such periods can be cut of it."""
    column = look.column((*path, "by"), name, rule.by)
    if column is None:
        return
    if rule.then is not None:
        _then(look, (*path, "then"), column, name, rule.then)
    if rule.holds and key_type(column.type, rule.holds) is None:
        said = f"{name}.{rule.by} is {column.type}, which holds no {rule.holds}"
        look.say((*path, "holds"), said, "take `holds` out, or correct it")
    elif not rule.holds and moment_type(column.type) is None:
        said = f"{name}.{rule.by} is {column.type}"
        look.say(
            (*path, "by"), said, "say in `holds` how it holds a time: `milliseconds`, `uuidv7`"
        )
    elif rule.length.unit == "hour" and column.type == "date":
        look.say((*path, "every"), f"{name}.{rule.by} is a date", "write `day` or longer")


def _then(look: Look, path: Where, key: Column, name: str, then: Then) -> None:
    """Say so when no partition of the table can be partitioned again so."""
    if look.column((*path, "by"), name, then.by) is None:
        return
    if then.every and then.length.unit == "hour" and key.type == "date":
        look.say((*path, "every"), f"{name}.{then.by} is a date", "write `day` or longer")
    for columns in look.catalog.tables[name].unique:
        if then.by not in columns:
            said = f"{name} has a primary or unique key of {', '.join(sorted(columns))} without {then.by}"
            look.say(
                (*path, "by"),
                said,
                "PostgreSQL wants it in each: take one of them, or widen the key",
            )
            return


def _by_time(table: Table) -> bool:
    column = (
        table.column(table.partition_key) if table.partition_key and table.kind == "p" else None
    )
    return table.strategy == "range" and column is not None and bool(TIME.match(column.type))


def _sentence(partitions: Partitions, name: str) -> Iterator[str]:
    if name not in partitions:
        return
    rule = partitions[name]
    if rule.every:
        # `3 6-month partitions` is three of one length.
        length = rule.every.removesuffix("s").replace(" ", "-")
        again = f", each again by {rule.then.strategy} of {rule.then.by}" if rule.then else ""
        many = (
            f"{length} partitions {rule.ahead}"
            if isinstance(rule.ahead, Span)
            else counted(rule.ahead or 0, f"{length} partition")
        )
        yield f"{many} ahead{again}"
    else:
        yield f"its set of {counted(rule.hash or len(rule.list or ()), 'partition')} by {rule.strategy} whole"


def _guess(catalog: Catalog, _owners: Mapping[str, Owner]) -> Partitions:
    """Return how tables are partitioned by time, where the partitions that exist say so.

    Not where the owner is one whom `init` refuses: the way from the draft on would end there.
    """
    return {
        name: rule
        for name, table in catalog.tables.items()
        if table.owner not in catalog.barred and (rule := _read_off(table))
    }


def _read_off(table: Table) -> Partitioning | None:
    if table.kind != "p" or table.strategy != "range" or table.partition_key is None:
        return None
    every = next((e for p in reversed(table.partitions) if (e := _length(p))), None)
    if every is None:
        return None
    ahead = next(count for word, _, _, count in _LENGTHS if word == every)
    rule = {"by": table.partition_key, "every": every, "ahead": ahead}
    return Partitioning.model_validate(rule | _again(table))


def _again(table: Table) -> dict[str, object]:
    """Return how the newest partition that is partitioned itself is: by hash; what else there is, a person says."""
    for branch in reversed(table.branches[1:]):
        if branch.strategy == "hash" and branch.key and branch.children and not broken(branch):
            return {"then": {"by": branch.key, "hash": len(branch.children)}}
    return {}


def _length(partition: Partition) -> str | None:
    try:
        lower, upper = (datetime.fromisoformat(b or "") for b in (partition.lower, partition.upper))
    except ValueError:  # unbounded, or not a time
        return None
    long = upper.replace(tzinfo=UTC) - lower.replace(tzinfo=UTC)
    return next((word for word, least, most, _ in _LENGTHS if least <= long <= most), None)


def _draft(policy: Policy, catalog: Catalog) -> Iterator[str]:
    partitions = SECTION.of(policy)
    untold = [
        table
        for name, table in catalog.tables.items()
        if table.kind == "p"
        and table.strategy == "range"
        and table.partition_key
        and name not in partitions
    ]
    if partitions:
        yield "# Read off the partitions that exist; `ahead` is how many must exist beyond the current one."
        yield "partitions:"
    elif untold:
        yield "# partitions:"
    for name, rule in partitions.items():
        yield f"  {quote(name)}: {_written(rule)}"
    for table in untold:
        rule, why = _read_off(table), f"{table.owner} owns it: see the head of this file"
        if rule is None:
            by = {"by": table.partition_key, "every": "month", "ahead": 3}
            rule, why = (
                Partitioning.model_validate(by),
                "its partitions do not tell how long one is",
            )
        yield f"#  {quote(table.name)}: {_written(rule)}  # {why}"


def _written(rule: Partitioning) -> str:
    then = rule.then
    again = f", then: {{by: {quote(then.by)}, hash: {then.hash}}}" if then else ""
    return f"{{by: {quote(rule.by)}, every: {rule.every}, ahead: {rule.ahead}{again}}}"


SECTION = Section[Partitions, Partitions](
    "partitions",
    Partitions,
    default={},
    about="table -> its partitions",
    tables=_tables,
    truth=_truth,
    sentence=_sentence,
    guess=_guess,
    draft=_draft,
)


def promised(policy: Policy, only: str | None) -> dict[str, Partitioning]:
    """Return the tables to look after."""
    return {n: p for n, p in SECTION.of(policy).items() if only in (None, n)}
