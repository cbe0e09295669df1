"""What a policy claims about rows, each claim with the query that asks them and what its answer means. Pure.

`stored.py` asks. A mistake is only what rows say themselves: where there is none, or too few, nothing is said.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy import joins, virtual
from lifecycle.policy import statements_of_rows as statements
from lifecycle.policy.model import Policy
from lifecycle.policy.reference import Reference
from lifecycle.policy.virtual import Virtual
from lifecycle.postgres.catalog import Catalog, ForeignKey, Table
from lifecycle.words import closest, counted

Row = Sequence[object]

ENOUGH = 30
"""Different values from which on it says something that none of them is found."""

EMPTY = "no row is there, so nothing can be said of"
FEW = f"fewer than {ENOUGH} values, of which none is found where it leads:"
OTHERS = "of a type that is not PostgreSQL's own, whose code is not run here:"


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A place of which the rows do not say whether it is right, and why."""

    why: str
    place: str


Answer = Iterator[Mistake | Unsaid]


@dataclass(frozen=True, slots=True)
class Question:
    """One look at rows of `table`. `remedy`: what to write where PostgreSQL refuses to ask it."""

    path: Where
    place: str
    table: str
    query: sql.Composed
    judge: Callable[[Sequence[Row]], Answer]
    remedy: str
    after: Where = field(default=())
    """Not asked when a question of this path was refused."""


def of(policy: Policy, catalog: Catalog) -> Iterator[Question | Unsaid]:
    """Yield everything that rows are asked. The policy fits the catalog, which need not have its references."""
    whole = virtual.joined(policy, catalog)
    for name, entry in policy.tables.items():
        for reference, said in entry.references.items():
            yield from _reference(whole, name, reference, said)
        if name in catalog.views:
            yield from (_copy(name, index, other) for index, other in enumerate(entry.copy_of))
    for key in whole.foreign_keys:
        if isinstance(key, Virtual):
            yield from _leading(whole, key, _said_at(key))
    for key in _owners(policy, whole):
        yield from _leading(whole, key, ("tables", key.table, "owner", key.name))


def _reference(catalog: Catalog, table: str, name: str, said: Reference) -> Iterator[Question]:
    found, (column, *_) = catalog.tables[table], virtual.columns(name, said)
    path: Where = ("tables", table, "references", name)
    place = f"{table}.{name}"
    if said.path is not None:
        yield from in_json((*path, "path"), place, found, column, said.path)
    if said.type is not None and (kind := found.column(said.type)):
        at: Where = (*path, "of")
        remedy = "name the column that says of which kind the other row is"
        query = statements.kinds(found, said.type, list(said.of or ()))
        place = f"{table}.{said.type}"
        yield Question(at, place, table, query, _kinds(at, place, said), remedy)
        for value in said.of or ():
            query = statements.any_row(found, statements.holds(kind, value), (said.type,))
            remedy = f"write it as rows of {table} have it in {said.type}"
            judge = _stored((*at, value), place, value)
            yield Question((*at, value), place, table, query, judge, remedy)


def in_json(at: Where, place: str, table: Table, column: str, path: str) -> Iterator[Question]:
    """Yield what a path is asked: whether it is one, whether anything is under it, whether any row refuses it."""
    remedy = "write a jsonpath of PostgreSQL, as `$.visitor.id`"
    query = statements.PATH.format(path=sql.Literal(path))
    yield Question(at, place, table.name, query, lambda _: iter(()), remedy)
    query = statements.any_row(table, statements.fits_json(column, path), (column,))
    yield Question(at, place, table.name, query, _matches(at, place, column), remedy, at)
    query = statements.errors(table, column, path)
    remedy = "leave `strict` out of it, or say what a value must be before it is used"
    yield Question(at, place, table.name, query, lambda _: iter(()), remedy, at)


def _copy(view: str, index: int, table: str) -> Question:
    path: Where = ("tables", view, "copy_of", index)
    remedy = "name the tables that it is computed from"

    def judge(rows: Sequence[Row]) -> Answer:
        if rows[0][0]:
            yield Mistake(path, f"{view} does not read {table}", remedy)

    return Question(path, view, table, statements.reads_not(view, table), judge, remedy)


def _matches(path: Where, place: str, column: str) -> Callable[[Sequence[Row]], Answer]:
    def judge(rows: Sequence[Row]) -> Answer:
        any_row, any_match = rows[0]
        if not any_row:
            yield Unsaid(EMPTY, place)
        elif not any_match:
            instead = f"look where in {column} the value stands, and write that path"
            yield Mistake(path, f"nothing is under this path in any row of {place}", instead)

    return judge


def _stored(path: Where, place: str, value: str) -> Callable[[Sequence[Row]], Answer]:
    def judge(rows: Sequence[Row]) -> Answer:
        any_row, any_such = rows[0]
        if not any_row:
            yield Unsaid(EMPTY, place)
        elif not any_such:
            instead = "write the type as rows have it, or take the pair out"
            yield Mistake(path, f"no row has {value!r} in {place}", instead)

    return judge


def _kinds(path: Where, place: str, said: Reference) -> Callable[[Sequence[Row]], Answer]:
    named = tuple(said.of or ())

    def judge(rows: Sequence[Row]) -> Answer:
        if not rows or not rows[0][5]:
            return
        total, missed = rows[0][4], rows[0][5]
        shown = [
            f"{kind} ({count})"
            for kind, count, is_named, *_ in rows
            if kind and not is_named and _is_a_kind(str(kind), rows, named)
        ]
        what = f"{missed} of {counted(int(str(total)), 'row')} looked at in {place} have a type that it does not name"
        told = f": {', '.join(shown)}" if shown else ""
        yield Mistake(
            path, what + told, "add each with where it leads, as `Visit: visits(visit_id)`"
        )

    return judge


def _is_a_kind(kind: str, rows: Sequence[Row], named: tuple[str, ...]) -> bool:
    """Say whether a value may be shown: it is spelled like a class (the query saw to that), and surely one.

    A policy may name a column of people's names by mistake. So either a kind that it names is there too, or it is close
    to one, or rows have few different ones.
    """
    among = any(is_named for _, _, is_named, *_ in rows)
    distinct, total = int(str(rows[0][3])), int(str(rows[0][4]))
    return among or closest(kind, named) is not None or total >= 10 * distinct


def _said_at(key: Virtual) -> Where:
    path: Where = ("tables", key.table, "references", key.name)
    return (*path, "to") if key.of_type is None else (*path, "of", key.of_type)


def _owners(policy: Policy, catalog: Catalog) -> Iterator[ForeignKey]:
    """Yield what names the person and is neither a foreign key nor a reference, as a key to them."""
    keyed = {(k.table, k.columns, k.referenced) for k in catalog.foreign_keys}
    for name, entry in policy.tables.items():
        for kind, how in (entry.owner or {}).items():
            subject = policy.subjects[kind]
            led = isinstance(how, str) and (name, (how,), subject.table) not in keyed
            if isinstance(how, str) and led and name != subject.table and name in catalog.tables:
                key = (subject.key,)
                yield ForeignKey(kind, name, (how,), subject.table, key, "a", validated=False)


def _leading(catalog: Catalog, key: ForeignKey, path: Where) -> Iterator[Question | Unsaid]:
    place = f"{key.table}.{'+'.join(key.columns)}"
    table, target = catalog.tables[key.table], catalog.tables[key.referenced]
    named = [
        *(table.column(name) for name in key.columns),
        *(target.column(name) for name in key.referenced_columns),
    ]
    if any(c and statements.of_others(c) and not c.type.endswith("citext") for c in named):
        yield Unsaid(OTHERS, place)
        return
    said = key.said if isinstance(key, Virtual) else None
    if said and said.path is not None:
        there = sql.Identifier("p", key.referenced_columns[0])
        same = joins.alike(said.form, sql.Identifier("s", "value"), there)
        query = statements.found_in_json(table, key.columns[0], said.path, target.name, same)
    else:
        only = sql.SQL("true")
        if isinstance(key, Virtual) and key.of_type is not None:
            kind = table.column(key.said.type or "")
            only = statements.holds(kind, key.of_type) if kind else only
        same = joins.same(key, "s", "p")
        query = statements.found(table, key.columns, target.name, same, only)
    to = f"{key.referenced}.{'+'.join(key.referenced_columns)}"
    remedy = "name the columns that have its values, or say how both are written, as `form: digits`"
    judge = _is_there(path, place, to, remedy)
    after = ("tables", key.table, "references", key.name, "path")
    yield Question(path, place, key.table, query, judge, remedy, after)


def _is_there(path: Where, place: str, to: str, instead: str) -> Callable[[Sequence[Row]], Answer]:
    def judge(rows: Sequence[Row]) -> Answer:
        values, one_is_there, any_target = rows[0]
        if not values or not any_target:
            yield Unsaid(EMPTY, f"{place} -> {to}")
        elif not one_is_there and int(str(values)) < ENOUGH:
            yield Unsaid(FEW, f"{place} -> {to}")
        elif not one_is_there:
            what = f"none of {counted(int(str(values)), 'value')} looked at in {place} is found in {to}"
            yield Mistake(path, what, instead)

    return judge
