"""To whom else a person's data was given, and by what these know the person. Reads only; `recipients.py` tells them."""

from collections.abc import Mapping

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from gdpr.reach import Reach
from gdpr.rows import owned
from gdpr.section import SECTION
from lifecycle.postgres.names import sql_name

_KNOWN = sql.SQL("select {columns} from {table} as t where {rows}")


def known_to(
    conn: Connection[TupleRow], reach: Reach, about: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    """Return by what each recipient knows the person; nothing of those who were given nothing of them."""
    erasure = SECTION.of(reach.policy)
    if erasure is None or not erasure.recipients or erasure.subject != reach.kind:
        return {}
    columns = [
        sql.SQL("{}::text").format(sql.Identifier("t", one.known_by))
        for one in erasure.recipients.values()
    ]
    people = reach.subject.table
    query = _KNOWN.format(
        columns=sql.SQL(", ").join(columns), table=sql_name(people), rows=owned(reach, people)
    )
    row = conn.execute(query, about).fetchone() or ()
    return {name: (by,) for name, by in zip(erasure.recipients, row, strict=False) if by}
