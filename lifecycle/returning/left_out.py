"""Who does not come back with a copy: whoever was forgotten since, by keyed marks, and what named them elsewhere.

Works on the loaded rows alone, before one of them is in a table. Where it cannot be told whose a row is, it says so,
and nothing is restored: a row too many would break a promise that was kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import Composed

from lifecycle.forgotten import Forgotten
from lifecycle.outcome import Failure
from lifecycle.policy import explain, virtual
from lifecycle.policy.model import Policy, Table
from lifecycle.postgres.catalog import Catalog
from lifecycle.returning import statements
from lifecycle.words import counted

_UNDECIDED = "Bring those rows back first, if a copy has them too; else leave these where they are."


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What became of the loaded rows: `rows` taken away, values `cleared` in others, and why it cannot be told."""

    rows: int
    cleared: int
    refusals: tuple[Failure, ...]


@dataclass(slots=True)
class _Look:
    conn: Connection[TupleRow]
    policy: Policy
    catalog: Catalog
    name: str
    rows: int
    cleared: int

    @property
    def table(self) -> Table:
        return self.policy.tables[self.name]


def leave_out(
    conn: Connection[TupleRow],
    policy: Policy,
    catalog: Catalog,
    table: str,
    gone: tuple[Forgotten, ...],
    written: datetime,
) -> LeftOut:
    """Take out of the loaded rows of `table` who was forgotten. `written`: when they were copied."""
    look = _Look(conn, policy, virtual.joined(policy, catalog), table, 0, 0)
    refusals: list[Failure] = []
    for forgotten in gone:
        if forgotten.kind in (look.table.owner or {}):
            if forgotten.unmarked is not None and forgotten.unmarked > written:
                refusals.append(_unmarked(table))
            refusals += _of_kind(look, forgotten)
    refusals += _mentions(look)
    return LeftOut(look.rows, look.cleared, tuple(refusals))


def _of_kind(look: _Look, forgotten: Forgotten) -> Iterator[Failure]:
    owner = (look.table.owner or {})[forgotten.kind]
    if isinstance(owner, str):
        _by_column(look, forgotten, owner)
        return
    for way in explain.ways(look.policy, look.catalog, look.name, forgotten.kind):
        if not way.keys or way.shares:
            what = "its rows belong to several people, and who of them was forgotten is not taken out yet"
            hint = "Bring it into a table beside this one, and take them out by hand."
            yield Failure(look.name, what, hint)
            return
        lost = _count(look, statements.nobodys(way))
        if lost:
            what = f"of {counted(lost, 'row')} nobody can say whose they are: the row they lead to is gone ({way})"
            yield Failure(look.name, what, _UNDECIDED)


def _by_column(look: _Look, forgotten: Forgotten, column: str) -> None:
    """Take the rows of whoever was forgotten away, or what names them where the policy keeps such rows."""
    people = look.conn.execute(statements.people(column))
    gone = [person for (person,) in people if forgotten.has(person)]
    if not gone:
        return
    keep = look.table.keep
    deed = statements.clear(keep.clear, column) if keep else statements.leave_out(column)
    done = look.conn.execute(deed, {"gone": gone}).rowcount
    if keep:
        look.cleared += done
    else:
        look.rows += done


def _mentions(look: _Look) -> Iterator[Failure]:
    """Clear what leads to a row that is gone, where the policy says that it becomes null; no tombstone is put there."""
    for key in look.catalog.foreign_keys:
        if key.table != look.name:
            continue
        for column in virtual.names(key) & look.table.emptied.keys():
            name = column if column in key.columns else key.columns[0]
            look.cleared += look.conn.execute(statements.unmention(name, key)).rowcount
    if "tombstone" in look.table.author.values():
        what = "its authors become a tombstone when they are forgotten, and a restore cannot do that yet"
        yield Failure(
            look.name, what, "Bring it into a table beside this one, and see to them by hand."
        )


def _count(look: _Look, query: Composed) -> int:
    row = look.conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def _unmarked(table: str) -> Failure:
    what = "somebody was forgotten since of whom no mark was kept, so nobody can tell which rows were theirs"
    return Failure(table, what, "Bring it into a table beside this one, and take them out by hand.")
