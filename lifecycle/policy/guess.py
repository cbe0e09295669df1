"""Guesses from names, types and bounds what a database does not say: who its people are, which table is the audit log.

Pure. Only `generate.py` listens, and a person reads what comes of it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from lifecycle.policy.lookalikes import family
from lifecycle.policy.model import Audit, Partitioning
from lifecycle.postgres.catalog import Catalog, Partition, Table

_PEOPLE = {
    "user": 60, "patient": 60, "person": 55, "customer": 50, "member": 45, "client": 45, "employee": 40,
    "student": 40, "subscriber": 40, "resident": 40, "account": 30, "profile": 20, "contact": 20,
}  # fmt: skip
"""How much a table's name says that its rows are people."""

_IDENTIFIER = re.compile(
    r"^(\w*_)?(e?_?mail(_address)?|phone(_number)?|mobile(_number)?|(first|last|full|given|family|display|user|nick)_?name"
    r"|username|surname|name|login|ssn|national_id|passport_number|insurance_number|mrn)$"
)
_SECRET = re.compile(r"hash|token|verified|password|secret")
_LENGTHS = (
    ("hour", timedelta(hours=1), timedelta(hours=1), 48),
    ("day", timedelta(days=1), timedelta(days=1), 14),
    ("week", timedelta(days=7), timedelta(days=7), 8),
    ("month", timedelta(days=28), timedelta(days=31), 3),
    ("quarter", timedelta(days=90), timedelta(days=92), 2),
    ("year", timedelta(days=365), timedelta(days=366), 1),
)
"""Name, shortest, longest, and how many to keep ahead."""


def people(catalog: Catalog) -> Table | None:
    """Return the table whose rows are the people, or None when no table is clearly so."""
    scores = {name: _score(catalog, table) for name, table in catalog.tables.items()}
    best = max(scores, key=lambda name: (scores[name], name), default=None)
    if best is None or scores[best] < 50:
        return None
    # patients.user_id -> users, always: then the users are the people, and patients are what is known of them.
    seen = {best}
    while above := [
        k.referenced
        for k in catalog.foreign_keys
        if k.table == best
        and scores[k.referenced] >= 50
        and k.referenced not in seen
        and is_people(catalog.tables[k.referenced])
        and _always(catalog, k.table, k.columns)
        and not k.referenced.endswith(("accounts", "account"))
    ]:
        best = above[0]
        seen.add(best)
    return catalog.tables[best]


def is_people(table: Table) -> bool:
    """Say whether the table looks like people by itself: its name, or somebody's e-mail address beside a name."""
    return _named(table) >= 40 or (_named(table) > 0 and _has_mail(table))


def kind(table: Table) -> str:
    """Return what one of these people is called: `user` for users."""
    return _singular(table.relname.lower())


def key(catalog: Catalog, table: Table) -> str:
    """Return the column by which other tables name the person: the one most foreign keys point to."""
    pointed = [k.referenced_columns[-1] for k in catalog.foreign_keys if k.referenced == table.name]
    single = [*pointed, *table.primary_key[-1:], table.columns[0].name]
    return max(dict.fromkeys(single), key=single.count)


def identifiers(table: Table) -> tuple[str, ...]:
    """Return the text columns whose values name the person."""
    texts = [c.name for c in table.columns if family(c.type) == "text"]
    return tuple(n for n in texts if _IDENTIFIER.match(n.lower()) and not _SECRET.search(n))


def partitions(catalog: Catalog) -> dict[str, Partitioning]:
    """Return how tables are partitioned by time, where the partitions that exist say so."""
    found: dict[str, Partitioning] = {}
    for name, table in catalog.tables.items():
        if table.strategy != "range" or table.partition_key is None:
            continue
        every = next((e for p in reversed(table.partitions) if (e := _length(p))), None)
        if every:
            ahead = next(count for word, _, _, count in _LENGTHS if word == every)
            rule = {"by": table.partition_key, "every": every, "ahead": ahead}
            found[name] = Partitioning.model_validate(rule)
    return found


def is_log(table: Table) -> bool:
    """Say whether a table is called as audit logs are."""
    return bool(re.search(r"audit|change_?log|activity_?log", table.relname.lower()))


def audit(catalog: Catalog, owners: Mapping[str, object]) -> Audit | None:
    """Return the audit log, when one table has all that an audit log has."""
    for name, owner in owners.items():
        table = catalog.tables[name]
        if not is_log(table):
            continue
        free = [c.name for c in table.columns if not c.not_null and not c.generated]
        values = [c.name for c in table.columns if c.type in ("json", "jsonb") and c.name in free]
        actor = _first(
            free, r"^(action|acted|changed|performed|done|created)_by(_id)?$|^actor(_id)?$"
        )
        named = _first(
            _names(table), r"^(table|relation|entity|object|resource|record)(_?(name|type))?$"
        )
        record = _first(_names(table), r"^(record|row|entity|object|resource|target)_(id|pk|key)$")
        if isinstance(owner, str) and owner in free and actor and named and record and values:
            seen = [c for c in free if re.search(r"(^|_)(ip(_address)?|user_agent|device)$", c)]
            return Audit(
                table=name, subject=owner, actor=actor, record=record, named=named,
                values=tuple(values), of_actor=tuple(seen), keep={},
            )  # fmt: skip
    return None


def requests(catalog: Catalog, owners: Iterable[str]) -> Table | None:
    """Return the table in which people seem to ask to be forgotten."""
    wanted = re.compile(
        r"(deletion|erasure|forget|gdpr|removal)\w*request|request\w*(deletion|erasure|removal)"
    )
    return next((catalog.tables[n] for n in owners if wanted.search(n.lower())), None)


def _score(catalog: Catalog, table: Table) -> int:
    pointed = sum(
        k.referenced == table.name and k.table != table.name for k in catalog.foreign_keys
    )
    named, mail = _named(table), 30 * _has_mail(table)
    return named + mail + min(30, 3 * pointed) if table.primary_key and (named or mail) else 0


def _named(table: Table) -> int:
    words = _singular(table.relname.lower()).split("_")
    return _PEOPLE.get(_singular(words[-1]), 0)


def _has_mail(table: Table) -> bool:
    return any(re.search(r"(^|_)e?_?mail(_address)?$", c.name.lower()) for c in table.columns)


def _singular(word: str) -> str:
    if word.endswith("people"):
        return word.removesuffix("people") + "person"
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    return word.removesuffix("s") if not word.endswith("ss") else word


def _always(catalog: Catalog, table: str, columns: tuple[str, ...]) -> bool:
    found = [catalog.tables[table].column(name) for name in columns]
    return all(column is not None and column.not_null for column in found)


def _length(partition: Partition) -> str | None:
    try:
        lower, upper = (datetime.fromisoformat(b or "") for b in (partition.lower, partition.upper))
    except ValueError:  # unbounded, or not a time
        return None
    long = upper.replace(tzinfo=UTC) - lower.replace(tzinfo=UTC)
    return next((word for word, least, most, _ in _LENGTHS if least <= long <= most), None)


def _first(names: list[str], pattern: str) -> str | None:
    return next((name for name in names if re.search(pattern, name)), None)


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]
