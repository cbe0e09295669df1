"""Counts what a transaction has really changed, whoever's code did it: its own, a cascade's, a trigger's.

The plan says what may change; this says what did. Rows come from the session's own statistics, which a superuser may
have switched off: then nothing can be counted, and nothing is done. A TRUNCATE counts no row and is seen by its lock.
Who counts says first which names are PostgreSQL's own: code that ran in between may have set another search path.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.errors import Refused, Unproven
from lifecycle.ledger import statements
from lifecycle.ledger import statements_of_changes as of_changes
from lifecycle.postgres import hypertables, session
from lifecycle.postgres.names import policy_name
from lifecycle.words import counted

LEDGER = "lifecycle"
"""The schema of our own tables."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What this session has changed up to a moment, by table: rows added, rows updated or deleted; tables rewritten.

    `ledger` has the rows written to tables of ours, by name. `unsaid` are the numbers of tables, by names that this
    transaction may have given: whoever's code ran in it may have made a value one.
    """

    added: Mapping[str, int]
    ended: Mapping[str, int]
    rewritten: frozenset[str]
    ledger: Mapping[str, int]
    unsaid: Mapping[str, int]

    def called(self, table: str) -> str:
        """Return what a table is called in a message."""
        if table not in self.unsaid:
            return table
        return f"relation {self.unsaid[table]} (made or altered meanwhile)"


def so_far(conn: Connection[TupleRow]) -> Changed:
    """Let what is deferred act now, and count. Raise Refused where the server does not count."""
    with conn.pipeline():
        conn.execute(statements.IMMEDIATE)
        return as_it_is(conn)


def as_it_is(conn: Connection[TupleRow]) -> Changed:
    """Count, and let what is deferred wait. Raise as `so_far`."""
    with (
        conn.pipeline()
    ):  # asked four times in each transaction: all at once, as each answer is waited for
        conn.execute(session.PATH)
        counts = conn.execute(of_changes.COUNTS)
        changes = conn.execute(of_changes.CHANGED, prepare=True)
        rewritten = conn.execute(of_changes.REWRITTEN, prepare=True)
    if counts.fetchone() != (True,):
        raise Refused(
            "the server does not count what a transaction changes (track_counts is off)",
            hint="A trigger could change what nobody planned, unseen. Switch `track_counts` on, for the server, the "
            "database and the role alike: `lifecycle doctor` says where it is off.",
        )
    added: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    found = changes.fetchall()
    rows = [row for row in found if row[0] != LEDGER]
    wholes: Mapping[int, str] = {}
    packed: Mapping[int, str] = {}
    if rows and hypertables.there(conn):
        wholes, packed = _hypertables(conn, rows), _packed(conn, rows)
    unsaid: dict[str, int] = {}
    for schema, name, more, fewer, parent, new, oid in rows:
        table = wholes.get(parent) or packed.get(oid) or _name(schema, name, new)
        added[table] += more
        ended[table] += fewer
        unsaid |= {table: new} if new and parent not in wholes and oid not in packed else {}
    locked = [(_name(schema, name, new), new) for schema, name, new in rewritten]
    return Changed(
        {name: rows for name, rows in added.items() if rows},
        {name: rows for name, rows in ended.items() if rows},
        frozenset(name for name, _ in locked),
        {row[1]: row[2] + row[3] for row in found if row[0] == LEDGER},
        unsaid | {name: new for name, new in locked if new},
    )


def _name(schema: str, relname: str, new: int | None) -> str:
    """Return its name in a policy; of a new one in a schema that no policy can name, what is unlike any other."""
    return f"{schema}.{relname}" if new and "." in schema else policy_name(schema, relname)


def _hypertables(conn: Connection[TupleRow], rows: Sequence[TupleRow]) -> Mapping[int, str]:
    """Return the hypertables among those that something inherits from: what changes in a chunk changes in its table."""
    parents = [row[4] for row in rows if row[4] is not None]
    found = conn.execute(of_changes.HYPERTABLES, {"oids": parents})
    return {oid: policy_name(schema, name) for oid, schema, name in found}


def batches(table: str) -> str:
    """Return what the batches of a hypertable's compressed chunks are called here: each is a row of many rows."""
    return f"batches of {table}"


def _packed(conn: Connection[TupleRow], rows: Sequence[TupleRow]) -> Mapping[int, str]:
    """Return those of these in which TimescaleDB keeps batches of rows, by what they are called."""
    found = conn.execute(of_changes.BATCHES, {"oids": [row[6] for row in rows]})
    return {oid: batches(policy_name(schema, name)) for oid, schema, name in found}


def must_be(
    before: Changed, after: Changed, ended: Mapping[str, int], adding: frozenset[str] = frozenset()
) -> None:
    """Raise Unproven when something else has changed since `before` than rows of `ended` (table -> how many).

    Rows may be added to the tables `adding`, as many as there are: an audit log, an archive.
    """
    for table in sorted(after.rewritten - before.rewritten):
        raise _unplanned(
            f"{after.called(table)} would have been emptied or altered, or written to on another server"
        )
    for table, rows in (Counter(after.ended) - Counter(before.ended)).items():
        if rows != ended.get(table, 0):
            raise _unplanned(
                f"{after.called(table)}: {counted(rows, 'row')} would have changed where the plan has "
                f"{ended.get(table, 0)}"
            )
    for table, rows in (Counter(after.added) - Counter(before.added)).items():
        if table not in adding:
            raise _unplanned(
                f"{after.called(table)}: {counted(rows, 'row')} would have been added, and the plan adds none"
            )


def must_be_of_tables(
    conn: Connection[TupleRow],
    before: Changed,
    ended: Mapping[str, int],
    adding: frozenset[str] = frozenset(),
) -> None:
    """Count, and raise as `must_be`, where we make, alter or drop tables ourselves: their locks tell nothing then."""
    after = so_far(conn)
    must_be(before, replace(after, rewritten=before.rewritten), ended, adding)


def must_be_alone(before: Changed, after: Changed) -> None:
    """Raise Unproven when somebody has written on the ledger meanwhile, where nobody of ours did."""
    for table, rows in (Counter(after.ledger) - Counter(before.ledger)).items():
        raise _unplanned(
            f"{LEDGER}.{table}: {counted(rows, 'row')} would have been written by code of the application's"
        )


def must_be_over(counted_then: Changed, before: Changed, after: Changed) -> None:
    """Raise Unproven where rows were changed since they were counted, or between two looks at the very end.

    What a trigger defers while deferred ones act comes after the count. It can wait once more only for a row that is
    changed: where no row was between two looks that let all act, nothing waits any more.
    """
    then, now = (replace(one, ledger={}, unsaid={}) for one in (counted_then, after))
    if then != now or before != after:
        raise _unplanned("rows would have been changed after all that changes was counted")


def _unplanned(what: str) -> Unproven:
    return Unproven(
        what,
        hint="Nothing was changed. A trigger, a rule or an ON DELETE reaches further than the policy says.",
    )
