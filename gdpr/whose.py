"""Whose a row is, for rooms below that must leave a person's rows alone. Pure."""

from collections.abc import Iterator

from psycopg import sql

from gdpr.reach import reach
from gdpr.rows import owned
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog


def rows_of(
    policy: Policy, catalog: Catalog, kind: str, person: str, table: str
) -> sql.Composed | None:
    """Return the condition of a row `t` that is this person's, shared ones too; None where no row of the table can be.

    Raise Refused when the policy does not fit the database, or says what this room does not know yet.
    """
    found = reach(policy, catalog, kind)
    if table not in (*found.deleted, *found.kept):
        return None
    values: dict[str, str] = {"%(subject)s": person, "%(subject_text)s": person}
    return sql.Composed(list(_with(owned(found, table, shared_too=True), values)))


def _with(query: sql.Composed, values: dict[str, str]) -> Iterator[sql.Composable]:
    """Yield the parts of a condition with the values put in where a parameter stood."""
    for part in query:
        if isinstance(part, sql.Composed):
            yield from _with(part, values)
        elif isinstance(part, sql.Placeholder):
            yield sql.Literal(values[part.as_string()])
        else:
            yield part
