"""Holds the policies of a partition against its parent's, as PostgreSQL has parsed them.

A policy is copied by its text, in which the table's name has to be replaced; what was meant is in the parsed tree.
The trees must be the same, but for numbers of columns (dropped ones shift them), the row's type, places in the text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle.partitions import statements_of_leaves

_PART = re.compile(r"\\.|\{QUERY\b|\{VAR\b[^{}\\]*\}|[{}]|[^{}\\]+", re.DOTALL)
_PLACES = re.compile(r":(location|stmt_\w+) -?\d+")


class NotCopied(Exception):
    """A policy of the partition does not mean what its parent's does."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of one table, with what its trees say by number: its columns, and the type of its row."""

    schema: str
    relname: str
    row: str
    columns: Mapping[str, int]
    policies: Sequence[Sequence[Any]]


def must_be_copied(conn: Connection[TupleRow]) -> None:
    """Raise NotCopied when a policy differs. In the transaction that made the partition, after NAME_BOTH."""
    [(parent, [child])] = _families(conn.execute(statements_of_leaves.TREES_OF_BOTH))
    if not same(parent, child):
        raise NotCopied


def must_all_be_copied(conn: Connection[TupleRow], named: Mapping[str, object]) -> None:
    """Raise NotCopied when a policy of these partitions differs, by their parents' names and their own in a schema."""
    for parent, children in _families(conn.execute(statements_of_leaves.TREES_OF_PAIRS, named)):
        if not all(same(parent, child) for child in children):
            raise NotCopied


def different(
    conn: Connection[TupleRow], asked: Mapping[str, list[str]]
) -> dict[tuple[str, str], str]:
    """Return how partitions differ in their policies from these parents: `none` has none, `others` others, by name."""
    found: dict[tuple[str, str], str] = {}
    for parent, children in _families(conn.execute(statements_of_leaves.TREES, asked)):
        for child in children:
            if not same(parent, child):
                found[child.schema, child.relname] = "others" if child.policies else "none"
    return found


def same(parent: Policies, child: Policies) -> bool:
    """Say whether the policies of a partition are its parent's."""
    renumbered = {
        number: child.columns[name]
        for name, number in parent.columns.items()
        if name in child.columns
    }
    return [
        [*facts, *(mapped(tree, renumbered, (parent.row, child.row)) for tree in trees)]
        for *facts, trees in ([*row[:4], row[4:]] for row in parent.policies)
    ] == [
        [*facts, *(mapped(tree, {}, ("", "")) for tree in trees)]
        for *facts, trees in ([*row[:4], row[4:]] for row in child.policies)
    ]


def mapped(tree: str | None, numbers: Mapping[int, int], row: tuple[str, str]) -> str | None:
    """Return a tree without places, the columns of the policy's table numbered as in the partition.

    Its table is the first one (`varno 1`) outside every sub-select: within one sub-select its columns have
    `varlevelsup 1`. A whole row (`varattno 0`) changes its type, from `row[0]` to `row[1]`.
    """
    if tree is None:
        return None
    found: list[str] = []
    opened: list[bool] = []  # for each brace that is open, whether it is a sub-select
    for part in _PART.findall(_PLACES.sub("", tree)):
        if part.startswith("{VAR"):
            found.append(_column(part, sum(opened), numbers, row))
            continue
        if part.startswith("{"):
            opened.append(part == "{QUERY")
        elif part == "}":
            opened.pop()
        found.append(part)
    return "".join(found)


def _column(part: str, depth: int, numbers: Mapping[int, int], row: tuple[str, str]) -> str:
    if f":varlevelsup {depth} " not in part or ":varno 1 " not in part:
        return part
    number = int((re.search(r":varattno (-?\d+)", part) or ["", "0"])[1])
    if number == 0:
        return part.replace(f":vartype {row[0]} ", f":vartype {row[1]} ") if row[0] else part
    return re.sub(
        r":(varattno|varattnosyn) (\d+)",
        lambda m: f":{m[1]} {numbers.get(int(m[2]), int(m[2]))}",
        part,
    )


def _families(rows: Iterable[TupleRow]) -> list[tuple[Policies, list[Policies]]]:
    found: dict[int, tuple[Policies, list[Policies]]] = {}
    for parent, oid, schema, relname, row, names, numbers, policies in rows:
        table = Policies(schema, relname, row, dict(zip(names, numbers, strict=True)), policies)
        if oid == parent:
            found[parent] = (table, [])
        else:
            found[parent][1].append(table)
    return list(found.values())
