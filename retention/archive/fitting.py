"""Whether an archive's rows fit a table as it is now, and how: which columns come back, which do not. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from lifecycle.outcome import Failure
from retention.archive.manifest import Column, Description
from retention.archive.rows import Relation

_OTHER = "Restore it beside the table instead, or change the table back for as long as it takes."


@dataclass(frozen=True, slots=True)
class Fit:
    """`columns` come back, in the archive's order at `places`; `notes` say what does not, `refusals` why nothing does.

    `must` are the columns that may not be null now, and could be when they were archived.
    """

    columns: tuple[str, ...]
    places: tuple[int, ...]
    must: tuple[str, ...]
    notes: tuple[str, ...]
    refusals: tuple[Failure, ...]


def fit(archived: Description, name: str, now: Relation, *, plain: bool) -> Fit:
    """Hold an archive's columns against a table's. A `plain` table computes nothing and has no default."""
    there = {column.name: column for column in now.columns}
    had = {column.name: column for column in archived.columns}
    back = [
        (place, column)
        for place, column in enumerate(archived.columns)
        if column.name in there and (plain or not there[column.name].generated)
    ]
    refusals = [*_changed(had, there, name)]
    if not plain:
        refusals += _added(had, there, name)
    if not now.primary_key or not set(now.primary_key) <= {column.name for _, column in back}:
        refusals.append(_no_key(name))
    return Fit(
        tuple(column.name for _, column in back),
        tuple(place for place, _ in back),
        tuple(c.name for _, c in back if there[c.name].not_null and not c.not_null),
        (*_notes(had, there, plain=plain), *_order(had, there)),
        tuple(refusals),
    )


def _changed(had: dict[str, Column], there: dict[str, Column], name: str) -> Iterator[Failure]:
    for column in had.values():
        now = there.get(column.name)
        if now is not None and now.type != column.type:
            what = f"{column.name} was {column.type} and is {now.type} now"
            yield Failure(name, what, "Change the type back, or read the archive with a tool for Parquet.")  # fmt: skip


def _added(had: dict[str, Column], there: dict[str, Column], name: str) -> Iterator[Failure]:
    for column in there.values():
        filled = column.default is not None or column.identity or column.generated
        if column.name not in had and column.not_null and not filled:
            what = f"{column.name} came since, may not be null, and has no default"
            yield Failure(name, what, _OTHER)


def _no_key(name: str) -> Failure:
    what = "it has no primary key among the archive's columns, so nobody can tell whether a row is there already"
    return Failure(name, what, _OTHER)


def _notes(had: dict[str, Column], there: dict[str, Column], *, plain: bool) -> Iterator[str]:
    for column in had.values():
        if column.name not in there:
            yield f"{column.name} is no column any more: its values stay in the archive alone"
        elif there[column.name].generated and not plain:
            yield f"{column.name} is computed anew"
    for column in there.values():
        if column.name not in had and not column.generated:
            has = "its default" if column.default is not None and not plain else "null"
            yield f"{column.name} came since: it is {has} in rows that come back"


def _order(had: dict[str, Column], there: dict[str, Column]) -> Iterator[str]:
    """Say so where two columns may have exchanged their names: all that would show is their order."""
    then, now = [c for c in had if c in there], [c for c in there if c in had]
    if moved := [name for name, other in zip(then, now, strict=True) if name != other]:
        yield (
            f"{' and '.join(moved)} stand in another order than when they were archived: if they have exchanged their "
            "names since, values come back under the wrong ones"
        )
