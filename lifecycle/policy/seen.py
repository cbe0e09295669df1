"""What was seen of the rows of a database: numbers only, and no value. Shapes; `evidence.py` counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifecycle.policy.people import Form, Identifier
from lifecycle.policy.reference import Reference


@dataclass(frozen=True, slots=True)
class Seen:
    """A column in the sample: values that are not NULL, and how many different ones.

    `known`: how many of them are keys of the people's table, where no foreign key says so. `alike`: how many look like
    the e-mail address or telephone number of somebody. `telling`: how many may tell of somebody in another way: JSON by
    what a key in it is called, or a list of numbers; a text by being no words, of a table that no key leads from or to.
    """

    filled: int
    distinct: int
    known: int = 0
    alike: int = 0
    telling: int = 0
    named: int = 0
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Both:
    """Two columns with people's keys: how many different people stand in both, and rows with the same one in both."""

    people: int
    same: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Table -> rows of its sample, and (table, column) -> what was seen. Without a table: it was not read.

    `quoting`: table -> rows in whose texts an identifier of one of the people stands, where that was asked.
    `references`: table -> what a column leads to, where all its values were found there and no foreign key says so.
    `both`: (table, one column, another) -> who stands in both, where both have a foreign key to the people.
    `forms`: (table, column) -> how nearly all of its values are written, where they are addresses or telephone numbers.
    `images`: table -> what names these people in images of their rows, as they were before.
    """

    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    columns: Mapping[tuple[str, str], Seen] = field(default_factory=dict[tuple[str, str], Seen])
    quoting: Mapping[str, int] = field(default_factory=dict[str, int])
    references: Mapping[str, Mapping[str, Reference]] = field(
        default_factory=dict[str, Mapping[str, Reference]]
    )
    both: Mapping[tuple[str, str, str], Both] = field(
        default_factory=dict[tuple[str, str, str], Both]
    )
    forms: Mapping[tuple[str, str], Form] = field(default_factory=dict[tuple[str, str], Form])
    images: Mapping[str, tuple[Identifier, ...]] = field(
        default_factory=dict[str, tuple[Identifier, ...]]
    )

    def of(self, table: str, column: str) -> Seen:
        """Return what was seen of a column; nothing, where it was not read."""
        return self.columns.get((table, column), Seen(0, 0))


NOTHING = Evidence()
