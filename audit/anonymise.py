"""Takes one person out of the audit log, in the caller's transaction, set by set.

Of a row about the person only what the policy's allow-list names survives, so that a column somebody adds
tomorrow is removed unless a person decided otherwise. A row about somebody else loses the values in which an
identifier of the person stands, and nothing more. No row is deleted. The caller runs this last: until then the
application's own trigger may write the person back into the log.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import Connection, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from audit import statements
from audit.keyed import Keyed, has_keys, of_rows
from audit.section import SECTION, Audit
from lifecycle.errors import InputError
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog, Column

SHORTEST = 6
"""Identifiers of fewer characters are not searched for as values: `42` stands in half of all rows."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is taken out: the subject kind, the key, and the values that name them."""

    kind: str
    key: str = field(repr=False)
    identifiers: tuple[str, ...] = field(repr=False)


def anonymise(
    conn: Connection[TupleRow],
    policy: Policy,
    catalog: Catalog,
    person: Person,
    known: Keyed | None = None,
) -> Mapping[str, int]:
    """Take the person out of the audit log in the current transaction; return how many rows were changed.

    Counts: `about` the person, `by` the person on others' data, `mentioned` in others' values. Of the last those alone
    that are `known`; without, all of the log is read for them. Without an `audit:` section there is nothing to do.
    """
    audit = SECTION.of(policy)
    if audit is None:
        return {}
    log, key = catalog.table(audit.table), key_column(policy, catalog, person.kind)
    values, acted = _values(policy, catalog, audit, person), statements.by(log, audit, key)
    mention = statements.mention(log, audit, key, keyed=known is not None)
    lists = {f"key_{n}": column for n, column in enumerate(known.columns if known else ())}
    nowhere = known is not None and not len(known)
    # First, while the columns say who is meant.
    mentioned = 0 if nowhere else conn.execute(mention, values | lists).rowcount
    return {
        "about": conn.execute(statements.about(log, audit, key), values).rowcount,
        "by": conn.execute(acted, values).rowcount if acted else 0,
        "mentioned": mentioned,
    }


def keyed(
    conn: Connection[TupleRow],
    policy: Policy,
    catalog: Catalog,
    person: Person,
    source: sql.Composable,
    numbers: Iterable[str],
) -> Keyed:
    """Return the keys of those of these rows of a leaf of the log in whose values the person stands.

    Those about the person are not among them: they are found by their columns.
    """
    audit = SECTION.of(policy)
    assert audit is not None  # without it there is no log
    log, key = catalog.table(audit.table), key_column(policy, catalog, person.kind)
    values = _values(policy, catalog, audit, person) | {"numbers": list(numbers)}
    return of_rows(conn.execute(statements.keys(log, audit, key, source), values).fetchall())


def left(conn: Connection[TupleRow], policy: Policy, catalog: Catalog, person: Person) -> int:
    """Return how many rows of the audit log carry the person, also in values. Reads all of it."""
    return _left(conn, policy, catalog, person, values=True)[0]


def which(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, person: Person
) -> tuple[int, str]:
    """Return how many rows name the person in their columns, and a digest of which: as many are not the same.

    Where rows have no keys to be known by, also those that do in values.
    """
    audit = SECTION.of(policy)
    values = audit is not None and not has_keys(catalog.table(audit.table))
    return _left(conn, policy, catalog, person, values=values)


def _left(
    conn: Connection[TupleRow], policy: Policy, catalog: Catalog, person: Person, *, values: bool
) -> tuple[int, str]:
    audit = SECTION.of(policy)
    if audit is None:
        return 0, ""
    log, key = catalog.table(audit.table), key_column(policy, catalog, person.kind)
    query = statements.left(log, audit, key, values=values)
    row = conn.execute(query, _values(policy, catalog, audit, person)).fetchone()
    assert row is not None
    return row[0], row[1]


def key_column(policy: Policy, catalog: Catalog, kind: str) -> Column:
    """Return the column that identifies people of this kind. Raise InputError when it is not there."""
    subject = policy.subjects[kind]
    column = catalog.table(subject.table).column(subject.key)
    if column is None:
        raise InputError(
            f"{subject.table} has no column {subject.key}, which the policy names as key of {kind}",
            hint="Compare the policy with the database: `lifecycle policy check`.",
        )
    return column


def pattern(needles: Sequence[str]) -> str:
    r"""Return a PostgreSQL regular expression (for ~*) that finds any of these values in text or JSON.

    A value is found as a whole: `anna@example.org` is not in `joanna@example.org`, `jo.anna@example.org` or
    `anna@example.org.au`. In JSON a quote within the value is escaped, and `\n` before it is no letter.
    """
    alternatives = [_whole(needle) for needle in needles if len(needle) >= SHORTEST]
    return "|".join(alternatives) if alternatives else "(?=a)b"  # the latter matches nothing


def parts(needles: Sequence[str]) -> list[str]:
    """Return patterns for LIKE, one of which matches wherever `pattern` does: four times as fast to ask first."""
    found = [one for needle in needles if len(needle) >= SHORTEST for one in spellings(needle)]
    return ["%" + re.sub(r"([\\%_])", r"\\\1", one) + "%" for one in found]


def cases(value: str) -> tuple[str, ...]:
    """Return how a value is written in other case, as far as the database cannot be trusted to fold it.

    Where its locale is C, PostgreSQL folds ASCII alone: `Ü` and `ü` are two letters to `lower`, `like` and `~*`.
    """
    if value.isascii():
        return (value,)
    forms = (value, value.lower(), value.upper(), value.title(), value.casefold())
    return tuple(dict.fromkeys(forms))


def spellings(needle: str) -> tuple[str, ...]:
    """Return what to search for of one value: in other case, as in text and as in JSON."""
    forms = cases(needle)
    return tuple(dict.fromkeys((*forms, *(json.dumps(f, ensure_ascii=False)[1:-1] for f in forms))))


def _whole(needle: str) -> str:
    escaped = (re.sub(r"([!-/:-@\[-`{-~\s])", r"\\\1", one) for one in spellings(needle))
    any_of = "|".join(escaped)
    before, after = "[^[:alnum:]]", "[^[:alnum:]]"
    if "@" in needle:
        before = "[^[:alnum:]._%+-]|(^|[^[:alnum:]])[._%+-]"
        after = "[^[:alnum:].-]|[.-]($|[^[:alnum:]])"
    return rf"(^|{before}|\\[bfnrt]|\\u[0-9a-f]{{4}})({any_of})($|{after})"


def _values(policy: Policy, catalog: Catalog, audit: Audit, person: Person) -> dict[str, object]:
    needles = (person.key, *person.identifiers)
    return {
        "subject": person.key,
        "subject_text": person.key,
        "own_tables": list(_own_tables(policy, catalog, person.kind)),
        "keep": Jsonb({table: list(columns) for table, columns in audit.keep.items()}),
        "pattern": pattern(needles),
        "parts": parts(needles),
    }


def _own_tables(policy: Policy, catalog: Catalog, kind: str) -> Iterator[str]:
    """Yield the tables of which a row's id is the person's key: users, and what is one to one with it."""
    for name, table in policy.tables.items():
        if table.owner and (table.owner.get(kind),) == catalog.table(name).primary_key:
            yield name
