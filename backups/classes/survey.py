"""Reads what lies on each shelf, what the ledger says was put there and taken away, and which legal holds stand."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import psycopg

from backups import shelf, slots
from backups.section import SECTION
from backups.shelf import Shelf
from backups.slots import Kind, Name
from lifecycle.errors import InputError
from lifecycle.holds import gate
from lifecycle.ledger import evidence
from lifecycle.postgres import connect
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Seen:
    """The shelves by their classes; keys of dumps put there, and of those that we took away; numbers of holds.

    `altered`: the keys of those that are not what was stored, by the store's word.
    """

    kinds: tuple[Kind, ...]
    shelves: Mapping[Name, Shelf]
    stored: frozenset[str]
    expired: frozenset[str]
    holds: tuple[int, ...]
    altered: frozenset[str] = frozenset()


def survey(system: System, now: datetime, only: str | None) -> Seen:  # noqa: ARG001 - all rooms are asked alike
    """Read it. Raise InputError when `only` is given or the policy has no dumps, else as `shelf.look` does."""
    dumps = SECTION.of(system.policy).dumps
    if dumps is None or only is not None:
        raise InputError(
            "dumps are kept by one plan over all of them"
            if only
            else "the policy asks for no dumps",
            hint="Write `lifecycle backups plan`, and `backups: {dumps: ...}` in the policy.",
        )
    every = slots.kinds(dumps)
    try:
        with closing(system.connect("backups survey", write=False)) as conn:
            stored = evidence.targets(conn, "backups.dumped") | evidence.targets(
                conn, "backups.copied"
            )
            expired = evidence.targets(conn, "backups.expired")
            holds = tuple(hold.number for hold in gate.readable(conn))
    except psycopg.Error as error:
        raise connect.explain(error) from None
    shelves: dict[Name, Shelf] = {kind.name: shelf.look(system, of=kind) for kind in every}
    whole = (dumped for one in shelves.values() for dumped in one.whole)
    altered = shelf.altered(system, whole) if len(every) > 1 else frozenset[str]()
    return Seen(every, shelves, stored, expired, holds, altered)
