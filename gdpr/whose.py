"""Whose a row is, for rooms below that must leave a person's rows alone. Pure."""

from collections.abc import Iterator

from psycopg import sql

from gdpr.reach import Reach, reach
from gdpr.rows import owned
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog


def rows_of(
    policy: Policy, catalog: Catalog, kind: str, people: tuple[str, ...], table: str
) -> tuple[sql.Composed, ...]:
    """Return, per person, the condition of a row `t` that is theirs, shared ones too; none where no row can be.

    `people` are the names of the parameters by which their keys will be given, each also with `_text` behind it.

    Raise Refused when the policy does not fit the database, or says what this room does not know yet.
    """
    found = _reach(policy, catalog, kind)
    if table not in (*found.deleted, *found.kept):
        return ()
    rows = owned(found, table, shared_too=True)
    return tuple(sql.Composed(list(_of(rows, person))) for person in people)


_reached: list[tuple[Policy, Catalog, str, Reach]] = []
"""The newest few: each table is asked about by itself, and to work a reach out again took most of the time."""


def _reach(policy: Policy, catalog: Catalog, kind: str) -> Reach:
    for known, picture, of, found in _reached:
        if known is policy and picture is catalog and of == kind:
            return found
    found = reach(policy, catalog, kind)
    _reached[:] = [(policy, catalog, kind, found), *_reached[:3]]
    return found


def _of(query: sql.Composed, person: str) -> Iterator[sql.Composable]:
    """Yield the parts of a condition about this person, whatever it named them by."""
    for part in query:
        if isinstance(part, sql.Composed):
            yield from _of(part, person)
        elif isinstance(part, sql.Placeholder):
            # Two names, as a parameter has one type: the key's own here, and text there.
            text = part.as_string() == "%(subject_text)s"
            yield sql.Placeholder(f"{person}_text" if text else person)
        else:
            yield part
