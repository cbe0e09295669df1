"""Draws the planner's samples anew of every table and leaf that has changed since, and looks whether they are.

Of a partitioned table itself the room `partitions` does it. Each relation is a transaction of its own, so that no lock
stays while another is read. What belongs to who must not be acted as is left to autovacuum, and named. Changes no row.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import progress
from lifecycle.coverage import Judgement, Looks, Place, Reason
from lifecycle.maintenance import statements
from lifecycle.outcome import Failure
from lifecycle.postgres import catalog, connect, owners
from lifecycle.postgres.catalog import Catalog
from lifecycle.postgres.names import policy_name, sql_parts
from lifecycle.postgres.waits import Budget, InTheWay, Need
from lifecycle.promise import Task
from lifecycle.words import counted

JOB = "maintenance.analyze"

_BARRED = Reason(
    "it belongs to a superuser, or to who could become the ledger's owner: nobody acts as them for this",
    "Autovacuum analyses it; or give it another owner with `alter table ... owner to ...`, and run `lifecycle init`.",
    "limit",
)
_FOREIGN = Reason(
    "it is on another server, which ANALYZE would read whole",
    "Analyse it by hand where that is wanted.",
    "limit",
)

_NOT_DRAWN = (
    "ANALYZE was said and no samples were drawn",
    "The service's second login may not act as its owner: run `lifecycle init` again.",
)


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a leaf: rows changed since its samples were drawn, and when that was."""

    name: str
    owner: str
    changed: int
    drawn: datetime | None

    @property
    def due(self) -> bool:
        """Say whether its samples are not what it is."""
        return self.changed > 0 or self.drawn is None


def carry_out(task: Task) -> Judgement:
    """Analyse what has changed. One relation's trouble hides no other. Raise Unreachable, AccessDenied."""
    looks, failed = Looks(), dict[str, Failure]()
    picture, before = _read(task)
    due = [relation for relation in before if relation.due]
    if due:
        budget = Budget()
        with closing(task.system.connect_ddl(JOB)) as conn:
            for relation in due:
                progress.phase(f"{JOB}: {relation.name}")
                if failure := _one(conn, budget, relation):
                    failed[relation.name] = failure
    looks.found(*failed.values())
    with task.system.snapshot(JOB) as conn:
        after = {relation.name: relation.drawn for relation in _changed(conn, picture)}
    for relation in before:
        with looks.at(Place("relation", relation.name)):
            drawn = after.get(relation.name, relation.drawn) != relation.drawn
            if (
                relation.due
                and relation.name in after
                and not drawn
                and relation.name not in failed
            ):
                looks.found(Failure(relation.name, *_NOT_DRAWN))
    promised = {Place("relation", relation.name) for relation in before}
    for name, reason in _left(picture):
        place = Place("relation", name)
        promised.add(place)
        looks.not_at(place, reason)
    summary = f"{counted(len(due) - len(failed), 'relation')} analysed, of {len(before)}"
    counts = {"relations": len(before), "analysed": len(due) - len(failed)}
    return Judgement(looks.cover(promised), summary, counts)


def _read(task: Task) -> tuple[Catalog, tuple[Relation, ...]]:
    with task.system.snapshot(JOB) as conn:
        picture = catalog.read(conn)
        return picture, _changed(conn, picture)


def _changed(conn: Connection[TupleRow], picture: Catalog) -> tuple[Relation, ...]:
    owned = dict(_owned(picture))
    parts = [sql_parts(name) for name in owned]
    asked = {"schemas": [p[0] for p in parts], "tables": [p[1] for p in parts]}
    rows = conn.execute(statements.CHANGED, asked).fetchall()
    named = ((policy_name(schema, name), changed, drawn) for schema, name, changed, drawn in rows)
    return tuple(Relation(n, owned[n], changed, drawn) for n, changed, drawn in named)


def _leaves(picture: Catalog) -> Iterator[tuple[str, str, str]]:
    """Yield (name, owner, kind) of every relation with rows of its own."""
    for table in picture.tables.values():
        if table.kind == "r":
            yield table.name, table.owner, "r"
        yield from ((p.name, p.relation.owner, p.kind) for p in table.partitions if p.kind != "p")


def _owned(picture: Catalog) -> Iterator[tuple[str, str]]:
    return (
        (name, owner)
        for name, owner, kind in _leaves(picture)
        if kind == "r" and owner not in picture.barred
    )


def _left(picture: Catalog) -> Iterator[tuple[str, Reason]]:
    for name, owner, kind in _leaves(picture):
        if kind != "r":
            yield name, _FOREIGN
        elif owner in picture.barred:
            yield name, _BARRED


def _one(conn: Connection[TupleRow], budget: Budget, relation: Relation) -> Failure | None:
    needs = (Need(relation.name, "ShareUpdateExclusiveLock"),)
    try:
        budget.when_clear(conn, needs, partial(_analyze, conn, relation))
    except InTheWay:
        what = "it was not analysed: somebody held it all the time"
        return Failure(relation.name, what, "The next run tries again; pg_locks says who it is.")
    except psycopg.Error as error:
        said = connect.explain(error)
        if conn.broken:
            raise said from None
        return Failure(relation.name, f"it was not analysed: {said.what}", said.hint)
    return None


def _analyze(conn: Connection[TupleRow], relation: Relation) -> None:
    with owners.acting_as(conn, relation.owner):
        conn.execute(owners.analyze(relation.name))
