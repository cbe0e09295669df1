"""Which columns of a person's rows lead to somebody else: what they hold is given as a pseudonym. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from gdpr.reach import Reach
from gdpr.rows import leads_to
from lifecycle.policy import joins, virtual
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import ForeignKey
from lifecycle.postgres.names import sql_name


@dataclass(frozen=True, slots=True)
class Pointer:
    """A column that may lead to somebody, by `keys`. `end` is what it leads to, such as `users.id`."""

    column: str
    end: str
    keys: tuple[ForeignKey, ...]


def pointers(reach: Reach, table: str) -> tuple[Pointer, ...]:
    """Return them, each column once: by foreign keys and references to what is somebody's, or as another kind's."""
    found: dict[str, tuple[str, tuple[ForeignKey, ...]]] = {}
    for column, end, keys in (*_by_key(reach, table), *_by_kind(reach, table)):
        first, others = found.get(column, (end, ()))
        found[column] = (first, (*others, *keys))
    own = reach.owner(table)
    return tuple(Pointer(column, *how) for column, how in found.items() if column != own)


def _by_key(reach: Reach, table: str) -> Iterator[tuple[str, str, tuple[ForeignKey, ...]]]:
    """Yield the columns of every key that leads to rows of people, whatever the policy says of it."""
    for key in reach.catalog.foreign_keys:
        if key.table == table and _somebodys(reach.policy, key.referenced):
            for column, there in zip(key.columns, key.referenced_columns, strict=True):
                yield column, f"{key.referenced}.{there}", (key,)


def _by_kind(reach: Reach, table: str) -> Iterator[tuple[str, str, tuple[ForeignKey, ...]]]:
    """Yield the columns by which the rows are another kind's as well."""
    for kind, how in (reach.policy.tables[table].owner or {}).items():
        if kind != reach.kind and isinstance(how, str):
            subject = reach.policy.subjects[kind]
            yield how, f"{subject.table}.{subject.key}", ()


def _somebodys(policy: Policy, table: str) -> bool:
    entry = policy.tables.get(table)
    return entry is not None and bool(entry.owner)


def is_theirs(reach: Reach, pointer: Pointer) -> sql.Composed:
    """Return the predicate: in this row the column leads to the person, or to what is theirs, also with others."""
    ways = [_leads(reach, key) for key in pointer.keys]
    return sql.SQL("coalesce({}, false)").format(sql.SQL(" or ").join([*ways, sql.SQL("false")]))


def _leads(reach: Reach, key: ForeignKey) -> sql.Composed:
    """Return the predicate of one key. Of a value in JSON also: what stands there is nobody's."""
    theirs = leads_to(reach, key, shared_too=True)
    if not virtual.path(key):
        return theirs
    return sql.SQL("({theirs} or not exists (select from {there} as o where {on}))").format(
        theirs=theirs, there=sql_name(key.referenced), on=joins.on(key, "t", "o")
    )
