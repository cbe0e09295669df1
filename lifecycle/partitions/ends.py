"""How a partition ends: what ties it to others, and what was taken off already. What a room that ends them reads first.

    with system.snapshot("...") as conn:
        seen = ends.read(conn, parents)               # parents: tables of the policy
    steps = detach.pending(seen)                      # a detach that was interrupted goes before anything else
    steps += (*detach.begun(seen, ending),)           # one that was noted and did not begin, or was not noted as done
    steps += (detach.planned(seen, child, why, grace),)  # or a Failure: why it cannot be
    take_off.carry_out(task, steps)                   # from here on it stands alone: archive it, prove the archive
    decision = drop.planned(seen, now)                # in a later run: what has stood alone for its grace
    drop.carry_out(task, decision.steps, kept)        # `kept` is asked within the transaction that drops

It is told apart by PostgreSQL's number, never by its name: an attached one is not dropped, nor one that has another
name, nor another of its name, nor one that somebody has put rows into. Nobody but its owner has a right on it, and the
service, which reads it. Attach it again within the grace, and its foreign keys are on it as before; rights that
somebody had on the partition itself, and a publication that named it, are given back by hand: the plan says how.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.outcome import Failure
from lifecycle.partitions import statements_of_ends as of_ends
from lifecycle.postgres import connect
from lifecycle.postgres.names import policy_name, sql_parts


@dataclass(frozen=True, slots=True)
class Reference:
    """A table with a foreign key to a partition: how large, and whether an index finds the rows that reference one."""

    table: str
    bytes: int
    indexed: bool


@dataclass(frozen=True, slots=True)
class Child:
    """A partition with what ties it. It hangs on `parent` directly, whose default partition is `default`.

    `relation` is PostgreSQL's number for it, `kind` as in pg_class. `pending`: its detach was begun and not ended.
    `others` are its own name and those of what hangs below it where another than `parent_owner` owns them, with who.
    """

    name: str
    schema: str
    relation: int
    owner: str
    kind: str
    bound: str
    parent: str
    parent_owner: str
    pending: bool
    default: str | None
    referenced_by: tuple[Reference, ...]
    references: tuple[str, ...]
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A partition that was taken off and has not ended. `name` is what it was called then, `called` what it is now.

    `at` is None where nobody noted that it was done. `due`: the database's clock says that its grace is over.
    `lost` are the statements that give back what it lost when it was taken off.
    `called` is None where it is gone, `namesake` says whether another table has its name. `tied` are the tables that it
    references or is referenced by, `published` the publications that still send it. `loaded`: it was noted by the
    numbers of another database, which this one was loaded from, so it is known by its name alone and never dropped.
    """

    relation: int
    name: str
    parent: str
    bound: str
    why: str
    at: datetime | None
    drop_not_before: datetime | None
    due: bool
    called: str | None
    schema: str
    owner: str
    kind: str
    attached: bool
    namesake: bool
    tied: tuple[str, ...]
    published: tuple[str, ...]
    lost: tuple[str, ...]
    loaded: bool = False


@dataclass(frozen=True, slots=True)
class Ends:
    """What was found: partitions by name, and what was taken off."""

    children: Mapping[str, Child] = field(default_factory=dict[str, Child])
    records: tuple[Record, ...] = ()

    @property
    def standing(self) -> tuple[Record, ...]:
        """Return what stands alone until its grace is over."""
        return tuple(r for r in self.records if r.at and r.called and not r.attached)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of steps: the targets of those that were carried out, and what could not be."""

    targets: tuple[str, ...]
    failures: tuple[Failure, ...]


def read(conn: Connection[TupleRow], parents: Iterable[str]) -> Ends:
    """Read it over a connection of the service. Raise what `connect.explain` makes of an error."""
    asked = _named(parents)
    try:
        rows = conn.execute(of_ends.CHILDREN, asked).fetchall()
        records = conn.execute(of_ends.RECORDS).fetchall()
        taken = conn.execute(of_ends.NAMES_TAKEN, _named(row[1] for row in records)).fetchall()
    except psycopg.Error as error:
        raise connect.explain(error) from None
    children = [_child(row) for row in rows]
    named = {policy_name(schema, relname): relation for schema, relname, relation in taken}
    return Ends(
        {child.name: child for child in children}, tuple(_record(r, named) for r in records)
    )


def ended(conn: Connection[TupleRow], parents: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return, by table, the bounds of the partitions that were taken off it: their time is over, none is made anew.

    Raise psycopg.Error as it comes.
    """
    found: dict[str, tuple[str, ...]] = {}
    for parent, bound in conn.execute(of_ends.ENDED, {"parents": list(parents)}):
        found[parent] = (*found.get(parent, ()), bound)
    return found


def _named(names: Iterable[str]) -> dict[str, list[str]]:
    parts = [sql_parts(name) for name in names]
    return {"schemas": [schema for schema, _ in parts], "tables": [name for _, name in parts]}


def _child(row: TupleRow) -> Child:
    schema, relname, relation, owner, kind, bound = row[:6]
    parent_schema, parent, parent_owner, pending, default_schema, default = row[6:12]
    referencing = [Reference(policy_name(*r[:2]), *r[2:]) for r in row[12]]
    return Child(
        policy_name(schema, relname),
        schema,
        relation,
        owner,
        kind,
        bound or "",
        policy_name(parent_schema, parent),
        parent_owner,
        pending,
        None if default is None else policy_name(default_schema, default),
        tuple(sorted(referencing, key=lambda r: r.table)),
        _names(row[13]),
        tuple((policy_name(*other[:2]), other[2]) for other in row[14]),
    )


def _record(row: TupleRow, named: Mapping[str, int]) -> Record:
    relation, name, parent, bound, why, _, at, drop_not_before, due = row[:9]
    schema, relname, owner, kind, attached, tied, published, lost, loaded = row[9:]
    return Record(
        relation,
        name,
        parent,
        bound,
        why,
        at,
        drop_not_before,
        bool(due),
        None if relname is None else policy_name(schema, relname),
        schema or "",
        owner or "",
        kind,
        attached,
        named.get(name, relation) != relation,
        _names(tied),
        tuple(published),
        tuple(lost),
        loaded,
    )


def _names(pairs: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(sorted(policy_name(schema, relname) for schema, relname in pairs))
