"""The step that makes one partition, and what it does to others meanwhile. Pure."""

import hashlib
from dataclasses import dataclass, replace

from lifecycle.outcome import Failure
from lifecycle.partitions.stored import Stored
from lifecycle.partitions.survey import Seen
from lifecycle.plan import Step
from lifecycle.postgres import waits
from lifecycle.postgres.catalog import Table
from lifecycle.postgres.names import policy_name
from lifecycle.postgres.waits import LIMIT, InTheWay, Need
from lifecycle.words import counted, span

SCANNED = 16 * 2**20
"""Bytes of a default partition that ATTACH may look through while nobody else can read it: some 20 ms."""

NAME_BYTES = 63
"""PostgreSQL cuts longer names off without a word."""


@dataclass(frozen=True, slots=True)
class CreatePartition(Step):
    """Make one partition of `parent`. `lower` and `upper` are literals that mean the same in every session.

    It binds the shape of the parent: what would be granted, checked, indexed and fired on it is what was shown.
    `values` are modulus and remainder, or those of a list, of one that is not by range.
    `needs` are the locks of others' that it takes, `spares` the default partition that is too large to be looked
    through under a lock. `moves` are rows of its period that lie in the default partition `moves_from`, of which these
    `columns` are moved in the transaction that makes it. `below` are its own partitions, where it has some.
    `above` are columns that come before its time in the key, each with the one value that it takes, and `behind` says
    how many come after it. `tablespace`, `access_method` and `parameters` are what the policy says of how it is
    stored: the first of all, the others of leaves.
    """

    parent: str
    schema: str
    parent_relname: str
    relname: str
    owner: str
    by: str
    lower: str
    upper: str
    strategy: str = "range"
    values: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    spares: str | None = None
    moves: int = 0
    moves_from: str = ""
    columns: tuple[str, ...] = ()
    below: tuple["CreatePartition", ...] = ()
    tablespace: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    above: tuple[tuple[str, str], ...] = ()
    behind: int = 0
    access_method: str = ""


def step(
    table: Table,
    by: str,
    child: str,
    reason: str,
    bounds: tuple[str, str] = ("", ""),
    values: tuple[str, ...] = (),
    above: tuple[str, ...] = (),
) -> CreatePartition:
    """Return the step that makes this partition: `bounds` of one by range, `values` of one that is not.

    `above` are its values of the columns that come before its time in the key.
    """
    return CreatePartition(
        verb="create partition",
        target=policy_name(table.schema, child),
        reason=reason,
        cost="",
        parent=table.name,
        schema=table.schema,
        parent_relname=table.relname,
        relname=child,
        owner=table.owner,
        by=by,
        lower=bounds[0],
        upper=bounds[1],
        strategy=table.strategy or "",
        values=values,
        above=tuple(zip(table.before_key, above, strict=True)),
        behind=table.behind_key,
    )


def stored_so(made: CreatePartition, stored: Stored | None) -> CreatePartition:
    """Return the step with how it is stored, and all below it."""
    if stored is None:
        return made
    below = tuple(stored_so(leaf, stored) for leaf in made.below)
    return replace(
        made,
        tablespace=stored.tablespace or "",
        parameters=() if below else stored.spelled,  # PostgreSQL: a partitioned table has none
        access_method="" if below else stored.access_method or "",  # nor, before 17, a method
        below=below,
    )


def beside(made: CreatePartition, seen: Seen, table: Table) -> CreatePartition:
    """Return the step with what it does to others: the locks it takes, for how long, and how it is kept short."""
    keys = seen.catalog.foreign_keys
    tied = {key.referenced for key in keys if key.table == table.name}
    tied |= {key.table for key in keys if key.referenced == table.name}
    tied = sorted(tied - {table.name})
    defaults = [part for part in table.partitions if part.default]
    large = [
        p.name
        for p in defaults
        if made.lower and p.parent == table.name and seen.sizes.get(p.name, 0) > SCANNED
    ]
    needs = (
        Need(table.name, "ShareUpdateExclusiveLock"),
        *(Need(name, "ShareRowExclusiveLock") for name in tied),
        *(Need(part.name, "AccessExclusiveLock") for part in defaults),
    )
    costs = [f"{table.name} is shared with readers and writers"]
    if tied:
        costs.append(f"{', '.join(tied)} with readers, for an instant")
    if large:
        costs.append(
            f"{large[0]} with nobody, for an instant: it is large, so it is looked through beside everybody first, "
            "and until then a row of these periods is refused"
        )
    elif defaults:
        costs.append(
            f"{', '.join(p.name for p in defaults)} with nobody, while it is looked through"
        )
    if made.moves:
        costs.append(
            f"{counted(made.moves, 'row')} of its period are moved out of {made.moves_from} with it"
        )
    costs.append(f"no lock is waited for longer than {LIMIT}")
    return replace(
        made,
        cost="; ".join(costs),
        binds=seen.shapes[table.name],
        needs=needs,
        spares=large[0] if large else None,
    )


def child_name(parent: str, label: str) -> str:
    """Return `<parent>_<label>`; where that is longer than 63 bytes, cut and made unique by a digest."""
    whole = f"{parent}_{label}"
    if len(whole.encode()) <= NAME_BYTES:
        return whole
    end = f"_{hashlib.sha256(parent.encode()).hexdigest()[:8]}_{label}"
    room = NAME_BYTES - len(end)
    return parent.encode()[:room].decode(errors="ignore") + end


def deferred(target: str, held: InTheWay) -> Failure:
    """Return what is said where a lock did not come."""
    who = ", ".join("a prepared transaction" if pid == 0 else f"process {pid}" for pid in held.pids)
    return Failure(
        target,
        f"deferred: no lock on {held.table} within {span(waits.PATIENCE)}"
        + (f"; held by {who}" if who else ""),
        "The next run tries again. See pg_stat_activity for what that process does, and how long its transaction is.",
    )
