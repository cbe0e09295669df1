"""Asks rows what columns lead to without a foreign key, and which are keys of nothing in this database.

`unkeyed.py` proposes and believes. What comes home are numbers, and names of our own tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock
from lifecycle.policy import guess, statements, unkeyed
from lifecycle.policy.asking import Ask, asking
from lifecycle.policy.called import Called
from lifecycle.policy.lookalikes import family
from lifecycle.policy.reference import Reference
from lifecycle.policy.seen import Seen
from lifecycle.policy.unkeyed import Proposal
from lifecycle.postgres.catalog import Catalog, Table


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before the first table is asked: the people, and what names them.

    `who`: what names them. `kinds`: the types that the database lists.
    """

    catalog: Catalog
    people: Table
    key: str
    who: Called
    kinds: unkeyed.Kinds


def looked(
    ask: Ask, known: Known, table: Table, counted: Mapping[str, Seen], *, quoting: bool
) -> Iterator[tuple[str, Reference | None]]:
    """Yield each column that leads somewhere without a foreign key, with where; `quoting`: words of people stand in it.

    And those of which no value was found anywhere, with None.
    """
    catalog, people, key = known.catalog, known.people, known.key
    names = known.who.names if quoting else ()
    own = table.name in {people.name, *(t.name for t in guess.logins(catalog, people))}
    addresses = [name for name, seen in counted.items() if name and seen.alike and not own]
    for proposed in (
        *unkeyed.proposals(catalog, people, key, table, known.kinds),
        *unkeyed.mails(known.who.mails, addresses),
        *unkeyed.together(catalog, table),
        *unkeyed.numbers(catalog, table, names),
    ):
        asked = _of_types_there(ask, table, proposed) if proposed.type else proposed
        if asked.goals:
            filled, *found = (ask(statements.found(table, asked)) or [(0,)])[0]
            if said := unkeyed.believed(asked, table, people, filled, found):
                yield asked.name, said
            elif filled >= statements.ENOUGH and not any(found) and not asked.type:
                yield asked.name, None
        elif not proposed.type:
            yield asked.name, None


def _of_types_there(ask: Ask, table: Table, asked: Proposal) -> Proposal:
    """Return the proposal with the goals whose name stands in its type column. Only names of ours come home."""
    words = [goal.spelled for goal in asked.goals]
    rows = ask(statements.spelled(table, asked.type, words))
    there = {word for (word,) in rows}
    return replace(asked, goals=tuple(g for g in asked.goals if g.spelled in there))


def kinds(conn: Connection[TupleRow], catalog: Catalog, end: float) -> unkeyed.Kinds:
    """Return what the tables that list types say of ours. Only names of ours come home."""
    found: dict[str, dict[str, str]] = {}
    names = {t.relname: t.name for t in catalog.tables.values()}
    for table in filter(unkeyed.lists, catalog.tables.values()):
        try:
            with asking(conn, table.owner, timedelta(seconds=end - clock.monotonic())) as ask:
                rows = ask(statements.kinds(table, list(names)))
        except psycopg.Error:
            continue  # as of any table that may not be read
        found[table.name] = {kind: names[name] for kind, name in rows}
    return found


def apart(
    ask: Ask, table: Table, nowhere: Sequence[str], counted: Mapping[str, Seen]
) -> dict[str, Seen]:
    """Return what was seen of the columns whose values are keys of nothing in this database.

    A text that was found nowhere may hold a key in another spelling: unless a program made all of it up.
    """
    texts = [c.name for c in table.columns if c.name in nowhere and family(c.type) == "text"]
    yes = (ask(statements.made_up(table, texts)) or [()])[0] if texts else ()
    made_up = {name for name, is_so in zip(texts, yes, strict=False) if is_so}
    uuids = {c.name for c in table.columns if c.name in nowhere and c.type == "uuid"}
    return {n: replace(counted.get(n, Seen(0, 0)), apart=True) for n in made_up | uuids}


def texts(table: Table, led: Mapping[str, Reference], counted: Sequence[str]) -> list[str]:
    """Return the texts that lead somewhere, as is known by now: others are not counted."""
    columns = [n for name, said in led.items() for n in said.columns or (name,)]
    texts = {c.name for c in table.columns if family(c.type) == "text"}
    return [n for n in columns if n in texts and n not in counted]
