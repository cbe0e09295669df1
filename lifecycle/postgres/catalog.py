"""One look at the database: tables, columns, keys, partitions, row security, triggers, as an immutable picture.

All of it comes from one snapshot of pg_catalog. A partition is no table of its own here: it belongs to its parent, and
so do its foreign keys. Never reads a row of anybody's data, and never changes anything.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lifecycle.postgres import connect, hypertables, statements
from lifecycle.postgres import statements_of_code as of_code
from lifecycle.postgres.bounds_clause import partition_key, range_bounds
from lifecycle.postgres.hypertables import NONE, Hypertables
from lifecycle.postgres.names import policy_name, sql_name
from lifecycle.postgres.shape import (
    Branch,
    Catalog,
    Column,
    ForeignKey,
    Partition,
    Relation,
    Rule,
    Table,
    Trigger,
    digest_with,
)

__all__ = [
    "Branch",
    "Catalog",
    "Column",
    "ForeignKey",
    "Partition",
    "Relation",
    "Table",
    "Trigger",
    "read",
    "sql_name",
]

_STRATEGY = {"r": "range", "l": "list", "h": "hash"}


def read(conn: Connection[TupleRow], *, functions: bool = True) -> Catalog:
    """Read the picture in one snapshot. Without `functions` those and the digest of code are left out, the costly part.

    In a transaction of the caller's it is that transaction's snapshot, and the session must be one that
    `connect` opened (it fixes UTC and the search path, on which bounds and type names depend).
    Raise Refused when a schema's name contains a dot, as no policy could name its tables; else as
    `connect.explain`.
    """
    idle = conn.info.transaction_status == TransactionStatus.IDLE
    try:
        with conn.transaction():
            if idle:
                conn.execute("set transaction isolation level repeatable read, read only")
                conn.execute(statements.SESSION)
            return _picture(conn, functions)
    except psycopg.Error as error:
        raise connect.explain(error) from None


@dataclass(slots=True)
class _Raw:
    """The rows as they came, by oid."""

    relations: dict[int, TupleRow]
    parents: dict[int, int]
    names: dict[int, str]
    children: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    columns: dict[int, dict[int, Column]] = field(default_factory=lambda: defaultdict(dict))
    primary_keys: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    apart: dict[str, list[Rule]] = field(default_factory=lambda: defaultdict(list))
    triggers: dict[str, list[Trigger]] = field(default_factory=lambda: defaultdict(list))
    rules: dict[str, list[Trigger]] = field(default_factory=lambda: defaultdict(list))
    functions: dict[str, dict[str, Trigger]] = field(default_factory=lambda: defaultdict(dict))
    policies: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def table_name(self, oid: int) -> str:
        """Return the name of the outermost table that `oid` is a partition of, or its own."""
        while oid in self.parents:
            oid = self.parents[oid]
        return self.names[oid]


def _picture(conn: Connection[TupleRow], functions: bool) -> Catalog:
    def ask(statement: LiteralString, **values: Any) -> list[TupleRow]:
        return conn.execute(statement, values or None, binary=True).fetchall()

    [(identifier, database, version, ends, archived)] = ask(statements.FACTS)
    extensions = dict(ask(statements.EXTENSIONS))
    every = {row[0]: row for row in ask(statements.RELATIONS)}
    timescale = hypertables.read(every, ask) if "timescaledb" in extensions else NONE
    relations = {oid: row for oid, row in every.items() if oid not in timescale.hidden}
    parents = {**{oid: row[9] for oid, row in relations.items() if row[4]}, **timescale.parts}
    raw = _Raw(relations, parents, {n: policy_name(r[1], r[2]) for n, r in relations.items()})
    for child, parent in parents.items():
        raw.children[parent].append(child)
    tables = [oid for oid, row in relations.items() if row[3] in "rp" and oid not in parents]
    constraints = ask(statements.CONSTRAINTS)
    raw.primary_keys = {k[2]: k[3] for k in constraints if k[0] == "p"}
    for oid, own, columns, whole in ask(statements.UNIQUE, oids=[*relations]):
        raw.apart[raw.table_name(oid)].append(Rule(frozenset(own), frozenset(columns), whole))
    whole = relations.keys() - timescale.parts.keys()  # a chunk's keys repeat its hypertable's
    keys = [k for k in constraints if k[0] == "f" and k[2] in whole and k[4] in whole]
    # A partition's columns are wanted only where it is partitioned again, or a foreign key is tied to it alone.
    tied = {oid for key in keys for oid in (key[2], key[4])} & parents.keys()
    tied |= {oid for oid in parents if relations[oid][3] == "p"}
    _fill_columns(raw, ask(statements.COLUMNS, oids=[*tables, *tied]))
    code = _fill_code(raw, ask, functions)
    for oid, name in ask(statements.POLICIES):
        raw.policies[oid].append(name)
    pictured = {raw.names[oid]: _table(raw, oid) for oid in tables}
    for oid in timescale.of:
        pictured[raw.names[oid]] = _hypertable(raw, timescale, oid)
    foreign_keys = _foreign_keys(raw, keys)
    views = tuple(raw.names[oid] for oid, row in relations.items() if row[3] in "vm")
    owners = sorted({row[5] for row in relations.values()})
    barred = frozenset(row[0] for row in ask(statements.BARRED, owners=owners))
    off = dict(ask(statements.TAKEN_OFF)) if ends else {}
    return Catalog(
        *(identifier, database, version, extensions, pictured, foreign_keys, views, barred, code),
        taken_off={raw.names[oid]: off[oid] for oid in tables if oid in off},
        materialized={raw.names[oid]: row[5] for oid, row in relations.items() if row[3] == "m"},
        archive_timeout=archived,
    )


def _fill_code(raw: _Raw, ask: Callable[..., list[TupleRow]], wanted: bool) -> str:
    """Sort triggers, rules and functions under their tables; return the digest of all code."""
    triggers = [row for row in ask(of_code.TRIGGERS) if row[0] in raw.relations]
    found = ask(of_code.FUNCTIONS) if wanted else []
    functions = [row[1:] for row in found if row[1] in raw.relations]
    naming = {row[1] for row in (*triggers, *functions)}
    named = dict(ask(of_code.NAMED, of=[*naming])) if naming else {}
    _fill_triggers(raw, triggers, named)
    _fill_rules(raw, ask(of_code.RULES))
    _fill_functions(raw, functions, named)
    return found[0][0] if found else ""


def _fill_triggers(raw: _Raw, rows: list[TupleRow], named: dict[int, str]) -> None:
    """Sort triggers under the outermost table: what a partition has for itself, too, but for a copy of its table's."""
    known = {(row[0], row[-1]) for row in rows}
    for oid, code, name, schema, function, enabled, row, updates, pinned, digest, says in rows:
        if (raw.parents.get(oid), says) in known:
            continue
        whole = digest_with(digest, named.get(code))
        called = policy_name(schema, function)
        trigger = Trigger(
            name, raw.names[oid], called, enabled, row, pinned, whole, updates=updates
        )
        raw.triggers[raw.table_name(oid)].append(trigger)


def _fill_rules(raw: _Raw, rows: list[TupleRow]) -> None:
    """Sort rules under the outermost table."""
    for oid, name, enabled, digest in rows:
        if oid in raw.relations:
            rule = Trigger(name, raw.names[oid], "", enabled, row=False, pinned=True, digest=digest)
            raw.rules[raw.table_name(oid)].append(rule)


def _fill_functions(raw: _Raw, rows: list[TupleRow], named: dict[int, str]) -> None:
    """Sort functions under the outermost table, each once: what calls it in its partitions counts for it as well."""
    casts: dict[tuple[str, int], set[str]] = defaultdict(set)
    for oid, code, *_, made in rows:
        casts[raw.table_name(oid), code].update(made)
    for oid, code, schema, function, arguments, pinned, own, _ in rows:
        table, name = raw.table_name(oid), f"{policy_name(schema, function)}({arguments})"
        whole = digest_with(own, named.get(code), *sorted(casts[table, code]))
        raw.functions[table][name] = Trigger(
            name, table, name, "O", row=True, pinned=pinned, digest=whole
        )


def _fill_columns(raw: _Raw, rows: list[TupleRow]) -> None:
    """Make the columns. Tables share the equal ones (`created_at`, ...): most of a big schema is such."""
    known: dict[tuple[Any, ...], Column] = {}
    columns = raw.columns
    for oid, number, *rest in rows:
        facts = tuple(rest)
        column = known.get(facts)
        if column is None:
            column = known[facts] = Column(*facts)
        columns[oid][number] = column


def _table(raw: _Raw, oid: int) -> Table:
    _, schema, relname, kind, _, owner, rls, forced, rows, parent, _, _, strategy, numbers = (
        raw.relations[oid]
    )
    columns = raw.columns[oid]
    leaves = _leaves(raw, oid) if kind == "p" else []
    key = partition_key(strategy, numbers, columns)
    partitions = tuple(
        _partition(raw, leaf, top, strategy, len(key.before)) for leaf, top in leaves
    )
    return Table(
        name=raw.names[oid],
        schema=schema,
        relname=relname,
        kind=kind,
        owner=owner,
        columns=tuple(columns.values()),
        primary_key=tuple(columns[number].name for number in raw.primary_keys.get(oid, ())),
        rls=rls,
        rls_forced=forced,
        policies=tuple(raw.policies.get(oid, ())),
        triggers=tuple(raw.triggers.get(raw.names[oid], ())),
        rules=tuple(raw.rules.get(raw.names[oid], ())),
        functions=tuple(raw.functions.get(raw.names[oid], {}).values()),
        partition_key=key.name,
        strategy=_STRATEGY.get(strategy),
        partitions=partitions,
        inherits=parent is not None,
        apart=tuple(raw.apart.get(raw.names[oid], ())),
        estimated_rows=sum(raw.relations[leaf][8] for leaf, _ in leaves) if leaves else rows,
        branches=tuple(_branches(raw, oid)) if kind == "p" else (),
        before_key=key.before,
        behind_key=key.behind,
    )


def _hypertable(raw: _Raw, timescale: Hypertables, oid: int) -> Table:
    there = timescale.ordered(raw.children.get(oid, ()))
    chunks = [timescale.chunk(raw.relations[c], raw.names, len(raw.policies[c])) for c in there]
    return timescale.pictured(_table(raw, oid), oid, chunks, raw.names)


def _branches(raw: _Raw, oid: int) -> Iterator[Branch]:
    children = [child for child in raw.children.get(oid, ()) if not raw.relations[child][10]]
    row = raw.relations[oid]
    hanging = tuple((raw.names[child], raw.relations[child][11] or "") for child in children)
    key = partition_key(row[12], row[13], raw.columns[oid])
    alone = None if key.before or key.behind else key.name
    yield Branch(raw.names[oid], _STRATEGY[row[12]], alone, row[11] or "", hanging, row[5])
    for child in children:
        if raw.relations[child][3] == "p":
            yield from _branches(raw, child)


def _leaves(raw: _Raw, oid: int) -> list[tuple[int, int]]:
    """Return (leaf, direct child of `oid` it stands below); a child that has no leaf yet stands for itself."""
    pairs: list[tuple[int, int]] = []
    for child in raw.children.get(oid, ()):
        below = _leaves(raw, child) or [(child, child)]
        pairs.extend((leaf, child) for leaf, _ in below)
    return pairs


def _partition(raw: _Raw, leaf: int, top: int, strategy: str, nth: int) -> Partition:
    bound: str = raw.relations[top][11] or ""
    lower, upper = range_bounds(bound, nth) if strategy == "r" else (None, None)
    row = raw.relations[leaf]
    return Partition(
        raw.names[leaf],
        lower,
        upper,
        bound == "DEFAULT",
        _detaching(raw, leaf),
        Relation(row[5], row[6], len(raw.policies.get(leaf, ()))),
        bound,
        row[3],
        raw.names[raw.parents[leaf]],
    )


def _detaching(raw: _Raw, leaf: int) -> str:
    """Return the innermost relation, from the leaf upwards, whose detach is pending: what is below is not read."""
    oid = leaf
    while oid in raw.parents:
        if raw.relations[oid][10]:
            return raw.names[oid]
        oid = raw.parents[oid]
    return ""


def _foreign_keys(raw: _Raw, keys: list[TupleRow]) -> tuple[ForeignKey, ...]:
    """Fold a key of one partition onto its parent: it holds for a part of the rows, and order must heed it."""
    tables = {oid: raw.table_name(oid) for oid in {oid for key in keys for oid in (key[2], key[4])}}
    names = {oid: {n: c.name for n, c in raw.columns[oid].items()} for oid in tables}
    folded: dict[tuple[Any, ...], ForeignKey] = {}
    for _, name, oid, own, other, theirs, on_delete, validated in keys:
        columns = tuple(map(names[oid].__getitem__, own))
        referenced = tuple(map(names[other].__getitem__, theirs))
        # Two keys over the same columns are one fact, unless they end differently.
        fact = (tables[oid], columns, tables[other], referenced, on_delete)
        if fact not in folded:
            folded[fact] = ForeignKey(name, *fact, validated)
    return tuple(folded[fact] for fact in sorted(folded))
