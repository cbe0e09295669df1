"""What the service's logins need for a policy: every room says it for itself, with the reason.

Pure. `lifecycle init` grants exactly this and takes back what an earlier policy needed, `lifecycle doctor` compares,
and the policy's declared triggers are asked for where a room writes. Never grants anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lifecycle import rooms
from lifecycle.policy import taken_off
from lifecycle.policy.model import Policy
from lifecycle.postgres.shape import Catalog

Kind = Literal["delete", "insert", "update", "own", "analyze"]


@dataclass(frozen=True, slots=True)
class Right:
    """One right on one table or materialized view of the policy, and why.

    `delete`, `insert` and `update` (of `columns`) are the login's that changes rows. `own` and `analyze` are the other
    login's: it steps into the table's owner, for DDL or to refresh statistics. `analyze` is done without where it
    cannot be had.
    """

    table: str
    kind: Kind
    because: str
    columns: tuple[str, ...] = ()


def of(policy: Policy, catalog: Catalog) -> tuple[Right, ...]:
    """Return what all rooms need on the tables and materialized views that are there, in the order of rooms."""
    policy = taken_off.declared(policy, catalog)
    return tuple(
        right
        for _, room in rooms.load("rights")
        for right in room.rights(policy, catalog)
        if right.table in catalog.tables or right.table in catalog.materialized
    )


def fillable(rights: Iterable[Right]) -> frozenset[str]:
    """Return the tables into which rows may be put: archives."""
    return frozenset(right.table for right in rights if right.kind == "insert")


def deletable(rights: Iterable[Right]) -> frozenset[str]:
    """Return the tables whose rows may go."""
    return frozenset(right.table for right in rights if right.kind == "delete")


def updatable(rights: Iterable[Right], table: str) -> tuple[str, ...]:
    """Return the columns of a table that may be set."""
    return tuple(
        sorted({c for r in rights if r.kind == "update" and r.table == table for c in r.columns})
    )


def owners(rights: Iterable[Right], catalog: Catalog) -> frozenset[str]:
    """Return whom the DDL login steps into; never one who could let himself into the ledger."""
    wanted = (catalog.owner(r.table) for r in rights if r.kind in ("own", "analyze"))
    return frozenset(wanted) - catalog.barred


def barred(rights: Iterable[Right], catalog: Catalog) -> tuple[str, ...]:
    """Return the tables that need another owner: theirs has to do DDL for us, and must not."""
    return tuple(
        r.table for r in rights if r.kind == "own" and catalog.owner(r.table) in catalog.barred
    )
