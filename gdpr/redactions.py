"""Rows of others out of which a person's values may be taken: where the policy says `redact`. Reads only.

A value is taken out that names this person and nobody else; what stands there otherwise holds the erasure, as where no
word of the policy says what becomes of it. Rows are known by their keys, and without by their numbers, which hold for
as long as nobody moves them. Never says a value, and never decides how many may be changed.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from audit import keyed
from audit.keyed import Keyed
from gdpr import alone, taken_out
from gdpr import statements_of_quotes as statements
from gdpr.note import Note
from gdpr.person import about
from gdpr.quoted import Quoted
from gdpr.reach import Reach
from gdpr.search import numbered
from gdpr.search.needles import Needles
from gdpr.search.relations import Relation
from lifecycle.holds import gate
from lifecycle.holds.hold import Hold
from lifecycle.words import counted


@dataclass(frozen=True, slots=True)
class Redaction:
    """Rows of one table that lose a person's values in some of `columns`, each known by its key or leaf and number."""

    table: str
    columns: tuple[str, ...]
    rows: int
    keys: Keyed = field(default=Keyed(), repr=False)
    numbers: Mapping[tuple[str, str], tuple[str, ...]] = field(
        default_factory=dict[tuple[str, str], tuple[str, ...]]
    )

    @property
    def name(self) -> str:
        """Return what it is called: `table.column`, with all that may change."""
        return f"{self.table}.{', '.join(self.columns)}"

    @property
    def which(self) -> str:
        """Return a digest of which rows these are."""
        rows = sorted(map(str, zip(*self.keys.columns, strict=True)))
        rows += [f"{leaf} {number}" for leaf, some in self.numbers.items() for number in some]
        return hashlib.sha256("\0".join(sorted(rows)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose values are taken out: those of `note`, whose place among the people of `needles` is `whose`.

    `own`: finds `alone`, what names this one and nobody else.
    """

    note: Note
    whose: int
    needles: Needles
    own: Needles
    alone: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a relation, or several, have of it: `stuck` what nobody can take out, `on_hold` by table rows that stay."""

    redactions: tuple[Redaction, ...] = ()
    stuck: tuple[Quoted, ...] = ()
    on_hold: Mapping[str, int] = field(default_factory=dict[str, int])
    whom: "Whom | None" = field(default=None, repr=False)

    def held(self) -> Iterator[str]:
        """Yield, in words, why it has to wait."""
        for table, rows in self.on_hold.items():
            yield f"{counted(rows, 'row')} of {table} on legal hold quote the person"


@dataclass(frozen=True, slots=True)
class Standing:
    """One such row: `values` of the columns as they are, `changed` as they become. `rest`: all else, as text."""

    leaf: tuple[str, str]
    number: str
    held: bool
    rest: str = field(repr=False)
    key: tuple[Any, ...] = field(repr=False)
    values: tuple[str | None, ...] = field(repr=False)
    changed: tuple[str | None, ...] = field(repr=False)
    stuck: tuple[int, ...]


class Taking:
    """Collects of several people what may be taken out, relation by relation. `needles`: of all of them."""

    def __init__(
        self,
        conn: Connection[TupleRow],
        reach: Reach,
        people: Sequence[Note],
        needles: Needles,
        holds: Sequence[Hold] | None = None,
    ) -> None:
        self._conn, self._reach, self._people, self._needles = conn, reach, people, needles
        self._holds = holds if holds is not None else _holds(conn, reach)
        self._whom: dict[int, Whom] = {}
        self._found: list[list[Found]] = [[] for _ in people]

    def take(
        self, relation: Relation, whose: int, numbers: Sequence[int] | None
    ) -> tuple[str, ...]:
        """Look at these rows of a relation; return its columns that were looked at: none where rows have no numbers."""
        if numbers is None or not self._reach.redacts(relation.table):
            return ()
        if whose not in self._whom:
            note = self._people[whose]
            self._whom[whose] = whom(self._conn, self._reach, note, whose, self._needles)
        one = self._whom[whose]
        self._found[whose].append(
            found(self._conn, self._reach, relation, one, numbers, self._holds)
        )
        return self._reach.looked_at(relation.table)

    def each(self) -> Iterator[Found]:
        """Yield what was found of each of them, with whose values these are."""
        for whose, found in enumerate(self._found):
            yield replace(together(found), whom=self._whom.get(whose))


def _holds(conn: Connection[TupleRow], reach: Reach) -> Sequence[Hold]:
    return gate.known(conn) if reach.redacting else ()


def whom(
    conn: Connection[TupleRow], reach: Reach, note: Note, whose: int, needles: Needles
) -> Whom:
    """Return whose values these are, without what somebody else goes by, of whatever kind. Reads the people."""
    own = alone.of(conn, reach, note)
    return Whom(note, whose, needles, Needles([own]), own)


def found(
    conn: Connection[TupleRow],
    reach: Reach,
    relation: Relation,
    one: Whom,
    numbers: Sequence[int],
    holds: Sequence[Hold],
) -> Found:
    """Return what there is of it in these rows of a relation. Raise psycopg.Error as it comes."""
    table, columns = relation.table, reach.looked_at(relation.table)
    on_hold = gate.on(holds, reach.policy, reach.catalog, table)
    query = statements.standing(reach, table, relation.source, on_hold)
    going: list[Standing] = []
    stuck, each, held = 0, dict.fromkeys(columns, 0), 0
    for start in range(0, len(numbers), numbered.TOGETHER):
        some = numbered.written(numbers[start : start + numbered.TOGETHER])
        values = {**about(one.note.person), **on_hold.keys, "numbers": some}
        for row in read(reach, table, one, conn.execute(query, values).fetchall()):
            if row.stuck:
                stuck += 1
                each |= {columns[n]: each[columns[n]] + 1 for n in row.stuck}
            elif row.held:
                held += 1
            else:
                going.append(row)
    return Found(
        (_redaction(reach, table, going),) if going else (),
        (Quoted(table, stuck, {c: n for c, n in each.items() if n}),) if stuck else (),
        {table: held} if held else {},
    )


def read(reach: Reach, table: str, one: Whom, rows: Iterable[TupleRow]) -> Iterator[Standing]:
    """Yield those of rows, as `statements.standing` gives them, in which something of the person stands.

    One that nobody finds again by its key is stuck.
    """
    columns = reach.redacts(table)
    kinds = [reach.column(table, name).type for name in columns]
    keys, own = len(statements.keys_of(reach, table)), len(columns)
    for schema, name, number, held, rest, *behind in rows:
        values = tuple(behind[keys : keys + own])
        there = tuple(taken_out.standing(behind[keys:], one.needles, one.whose))
        if not there:
            continue
        key = tuple(behind[:keys])
        changed = tuple(
            None if value is None else taken_out.without(value, kind, one.own)
            for value, kind in zip(values, kinds, strict=True)
        )
        lost = any(value is None for value in key)
        computed = (n for n in there if n >= own and changed == values)  # else it is made anew
        left = (*taken_out.standing(changed, one.needles, one.whose), *computed)
        stuck = there if lost else left
        yield Standing((schema, name), number, held, rest, key, values, changed, stuck)


def again(
    conn: Connection[TupleRow],
    reach: Reach,
    redaction: Redaction,
    one: Whom,
    holds: Sequence[Hold],
    *,
    lock: bool,
) -> Iterator[Standing]:
    """Yield what now stands in the rows of a redaction that are there, locked if so asked. Raise psycopg.Error."""
    table = redaction.table
    on_hold = gate.on(holds, reach.policy, reach.catalog, table)
    values: dict[str, object] = {**about(one.note.person), **on_hold.keys}
    asked: list[tuple[sql.Composed, dict[str, object]]] = []
    if len(redaction.keys):
        lists = {f"key_{n}": column for n, column in enumerate(redaction.keys.columns)}
        asked.append((statements.by_key(reach, table, on_hold), values | lists))
    for leaf, numbers in redaction.numbers.items():
        source = sql.SQL("only {}").format(sql.Identifier(*leaf))
        query = statements.standing(reach, table, source, on_hold)
        asked.append((query, values | {"numbers": list(numbers)}))
    for query, told in asked:
        rows = conn.execute(statements.locked(query) if lock else query, told).fetchall()
        yield from read(reach, table, one, rows)


def on_hold(
    reach: Reach,
    found: Sequence[Redaction],
    one: Whom | None,
    conn: Connection[TupleRow],
    holds: Sequence[Hold],
) -> Iterator[str]:
    """Yield why these have to wait by holds that were not there when they were found. Raise psycopg.Error."""
    for redaction in found:
        assert one is not None  # it was found for somebody
        rows = again(conn, reach, redaction, one, holds, lock=False)
        yield from Found(on_hold=Counter(redaction.table for row in rows if row.held)).held()


def _redaction(reach: Reach, table: str, rows: Sequence[Standing]) -> Redaction:
    columns = reach.redacts(table)
    if keyed.has_keys(reach.table(table)):
        keys = keyed.of_rows([(*row.key, False) for row in rows])
        return Redaction(table, columns, len(rows), keys)
    numbers: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        numbers[row.leaf] = (*numbers.get(row.leaf, ()), row.number)
    return Redaction(table, columns, len(rows), numbers=numbers)


def beside(redactions: Iterable[Redaction], rows: Mapping[str, int]) -> dict[str, int]:
    """Return table -> rows that change, with those of these."""
    found = dict(rows)
    for one in redactions:
        found[one.table] = found.get(one.table, 0) + one.rows
    return found


def together(every: Iterable[Found]) -> Found:
    """Return what was found in several relations, of each table once."""
    redactions: dict[str, Redaction] = {}
    stuck: list[Quoted] = []
    on_hold: dict[str, int] = {}
    for one in every:
        for more in one.redactions:
            had = redactions.get(more.table)
            redactions[more.table] = more if had is None else _joined(had, more)
        stuck += one.stuck
        for table, rows in one.on_hold.items():
            on_hold[table] = on_hold.get(table, 0) + rows
    return Found(tuple(redactions.values()), tuple(stuck), on_hold)


def _joined(one: Redaction, other: Redaction) -> Redaction:
    return Redaction(
        one.table,
        one.columns,
        one.rows + other.rows,
        one.keys.joined(other.keys),
        {**one.numbers, **other.numbers},
    )
