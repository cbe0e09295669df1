"""What a policy claims about rows of people: which they are, and that nobody is the tombstone. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from psycopg import sql

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy import statements_of_rows as statements
from lifecycle.policy import tombstone
from lifecycle.policy.model import Policy
from lifecycle.policy.names import split_column
from lifecycle.policy.people import Subject, Value
from lifecycle.policy.questions import EMPTY, Answer, Question, Row, Unsaid, in_json
from lifecycle.postgres.catalog import Catalog, Table

Unique = tuple[tuple[str, ...], bool]
"""The columns of a unique index, and whether it is one of expressions over them."""


def of(
    policy: Policy, catalog: Catalog, unique: Mapping[str, Sequence[Unique]]
) -> Iterator[Question]:
    """Yield everything that rows of people are asked. `unique`: table -> its unique indexes."""
    for kind, subject in policy.subjects.items():
        path: Where = ("subjects", kind)
        table = catalog.tables[subject.table]
        if subject.where:
            yield _where((*path, "where"), table, subject.where)
        for index, one in enumerate(subject.names()):
            name, column = split_column(one.column)
            found = catalog.tables[name or subject.table]
            if one.path is not None:
                at: Where = (*path, "identifiers", index, "path")
                yield from in_json(at, one.column, found, column, one.path)
            if one.where:
                yield _where((*path, "identifiers", index, "where"), found, one.where)
        if subject.tombstone is not None:
            yield from _tombstone((*path, "tombstone"), table, subject, unique[subject.table])


def _where(path: Where, table: Table, said: Mapping[str, Value | tuple[Value, ...]]) -> Question:
    columns = ", ".join(said)
    instead = f"write values that rows of {table.name} have in {columns}"

    def judge(rows: Sequence[Row]) -> Answer:
        any_row, any_such = rows[0]
        if not any_row:
            yield Unsaid(EMPTY, f"{table.name} ({columns})")
        elif not any_such:
            yield Mistake(path, f"no row of {table.name} is so", instead)

    fits = [
        sql.SQL("({})").format(sql.SQL(" or ").join(statements.holds(column, v) for v in _all(v_)))
        for name, v_ in said.items()
        if (column := table.column(name))
    ]
    query = statements.any_row(table, sql.SQL(" and ").join(fits))
    return Question(path, f"{table.name} ({columns})", table.name, query, judge, instead)


def _all(values: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    return values if isinstance(values, tuple) else (values,)


def _tombstone(
    path: Where, table: Table, subject: Subject, unique: Sequence[Unique]
) -> Iterator[Question]:
    """Yield what would be in the way of the row that stands for whoever is gone."""
    said = subject.tombstone or {}
    place = f"{table.name}, the tombstone"
    remedy = "write values as their columns have them"

    def ask(name: str, query: sql.Composed, what: str, instead: str) -> Question:
        at: Where = (*path, name)
        return Question(at, place, table.name, query, _no(Mistake(at, what, instead)), remedy)

    for name, value in said.items():
        column = table.column(name)
        if column and statements.of_others(column):
            query = statements.label(table.name, name, value)
            what = f"{column.type} lists its values, and this is none of them"
            yield ask(name, query, what, "write one that it lists")
    if table.column(subject.key) is None:
        return
    its_own = tombstone.its_own(table, subject)
    if differs := list(tombstone.differs(table, subject)):
        query = statements.other_row(table, its_own, differs)
        what = "it collides: a row has this key, and is somebody else by its other values"
        yield ask(subject.key, query, what, f"choose a value of {subject.key} that nobody has")
    for columns, folded in unique:
        if columns and set(columns) <= said.keys() - {subject.key}:
            values = {name: said[name] for name in columns}
            query = statements.unique_elsewhere(table, its_own, values, folded=folded)
            what = f"it collides: another row has this {', '.join(columns)}, which must be unique"
            yield ask(columns[0], query, what, "choose a value that nobody has")


def _no(mistake: Mistake) -> Callable[[Sequence[Row]], Answer]:
    """Return the judge to whom the answer yes is this mistake."""

    def judge(rows: Sequence[Row]) -> Answer:
        if rows and rows[0][0]:
            yield mistake

    return judge
