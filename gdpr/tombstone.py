"""Whether somebody stands for whoever is gone: the row of the policy's `tombstone`, as it is now. Reads only.

The row itself is made by `lifecycle init`, and nothing here changes it: whoever asks for its erasure is refused.
"""

from collections.abc import Iterator

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from gdpr.reach import Reach
from gdpr.rows import owned
from lifecycle.policy import tombstone
from lifecycle.policy.model import Parties, Policy
from lifecycle.policy.people import Subject
from lifecycle.postgres.catalog import Catalog, Table
from lifecycle.postgres.names import sql_name

_STANDS = sql.SQL("select ({differs}) is true from {table} as s where {its_own}")
_LOCK = sql.SQL("select from {table} as s where {its_own} for key share")
_IS_ONE = sql.SQL(
    "select exists (select from {table} as s where s.{key} = %(subject)s and ({those}))"
)


def against(
    conn: Connection[TupleRow], reach: Reach, about: dict[str, object], named: int
) -> Iterator[str]:
    """Yield why an erasure may not be done: it is a tombstone's, or `named` rows would name one that is not there."""
    subject = reach.subject
    if stones := tombstone.of(reach.policy, subject.table):
        those = [
            sql.SQL("s.{} = {}").format(sql.Identifier(column), sql.Literal(value))
            for column, value in stones
        ]
        query = _IS_ONE.format(
            table=sql_name(subject.table),
            key=sql.Identifier(subject.key),
            those=sql.SQL(" or ").join(those),
        )
        if conn.execute(query, about).fetchone() == (True,):
            yield "the request is about the tombstone, which stands for whoever is gone and is nobody: withdraw it"
    if named and (wrong := standing(conn, reach.table(subject.table), subject)):
        yield f"the tombstone of a {reach.kind} {wrong}: run `lifecycle init` and see `lifecycle doctor`"


def standing(conn: Connection[TupleRow], table: Table, subject: Subject) -> str:
    """Return what is wrong with the row that stands for whoever is gone, nothing where it is as the policy says."""
    differs = sql.SQL(" or ").join([*tombstone.differs(table, subject), sql.SQL("false")])
    query = _STANDS.format(differs=differs, **_where(table, subject))
    row = conn.execute(query).fetchone()
    if row is None:
        return "is not there"
    return "is there with other values than the policy says, or with a name" if row[0] else ""


def lock(conn: Connection[TupleRow], reach: Reach) -> None:
    """Let nobody take the tombstone away, or change its key, until this transaction has ended."""
    conn.execute(_LOCK.format(**_where(reach.table(reach.subject.table), reach.subject)))


def of_its_own(conn: Connection[TupleRow], reach: Reach) -> dict[str, int]:
    """Return table -> rows that are the tombstone's, as if it were a person."""
    stone = (reach.subject.tombstone or {})[reach.subject.key]
    who = {"subject": str(stone), "subject_text": str(stone)}
    found: dict[str, int] = {}
    for name in (*reach.deleted, *reach.kept):
        # As a party it stands for whoever is gone: only a row without any other is its own.
        together = not isinstance(reach.owner(name), Parties)
        query = sql.SQL("select count(*) from {} as t where {}").format(
            reach.relation(name), owned(reach, name, shared_too=together)
        )
        row = conn.execute(query, who).fetchone()
        if row and row[0] and name != reach.subject.table:
            found[name] = row[0]
    return found


def used(policy: Policy, catalog: Catalog) -> tuple[str, ...]:
    """Return the kinds of people for whom somebody stands, in tables that are there."""
    return tuple(
        kind
        for kind, subject in policy.subjects.items()
        if subject.tombstone and subject.table in catalog.tables
    )


def _where(table: Table, subject: Subject) -> dict[str, sql.Composable]:
    return {"table": sql_name(table.name), "its_own": tombstone.its_own(table, subject)}
