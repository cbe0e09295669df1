"""Whether the rows of a copy fit a table as it is now, and how: which columns come back, which do not. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lifecycle.outcome import Failure

_OTHER = "Bring it into a table beside this one instead, or change the table back for as long as it takes."


class Column(Protocol):
    """One column, `type` and `default` as PostgreSQL prints them. Whoever has a copy has more of it to say."""

    name: str
    type: str
    not_null: bool
    default: str | None
    generated: bool
    identity: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """`columns` come back, in the copy's order at `places`; `notes` say what does not, `refusals` why nothing does.

    `must` are the columns that may not be null now, and could be when they were copied.
    """

    columns: tuple[str, ...]
    places: tuple[int, ...]
    must: tuple[str, ...]
    notes: tuple[str, ...]
    refusals: tuple[Failure, ...]


def fit(
    copied: Sequence[Column], name: str, now: Sequence[Column], key: Sequence[str], *, plain: bool
) -> Fit:
    """Hold a copy's columns against a table's, whose primary key must be among them.

    A `plain` table computes nothing and has no default.
    """
    there = {column.name: column for column in now}
    had = {column.name: column for column in copied}
    back = [
        (place, column)
        for place, column in enumerate(copied)
        if column.name in there and (plain or not there[column.name].generated)
    ]
    refusals = [*_changed(had, there, name)]
    if not plain:
        refusals += _added(had, there, name)
    if not key or not set(key) <= {column.name for _, column in back}:
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
            yield Failure(name, what, "Change it back, or read the copy by other means.")


def _added(had: dict[str, Column], there: dict[str, Column], name: str) -> Iterator[Failure]:
    for column in there.values():
        filled = column.default is not None or column.identity or column.generated
        if column.name not in had and column.not_null and not filled:
            what = f"{column.name} came since, may not be null, and has no default"
            yield Failure(name, what, _OTHER)


def _no_key(name: str) -> Failure:
    what = "it has no primary key among the columns of the copy, so nobody can tell whether a row is there already"
    return Failure(name, what, _OTHER)


def _notes(had: dict[str, Column], there: dict[str, Column], *, plain: bool) -> Iterator[str]:
    for column in had.values():
        if column.name not in there:
            yield f"{column.name} is no column any more: its values do not come back"
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
            f"{' and '.join(moved)} stand in another order than when they were copied: if they have exchanged their "
            "names since, values come back under the wrong ones"
        )
