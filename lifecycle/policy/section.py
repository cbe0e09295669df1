"""What one room brings to the policy file: a section, in five parts.

    shape      what can be written there: pydantic, strict and frozen
    sense      mistakes that can be seen without a database
    truth      mistakes and notes against the catalog
    draft      its lines in what `policy generate` writes
    sentence   what `policy show` says about a table

and what other parts of the policy ask of any section: which tables it names, which of them never lose a row,
which columns an erasure empties there, where a log is written, who is ever erased. A room's `section.py` offers one,
by the name `SECTION`; what a room has nothing to say to, it leaves out.
`lifecycle/partitions/section.py` is the one to read first.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy.look import Look
from lifecycle.policy.model import Owner, Policy
from lifecycle.postgres.catalog import Catalog, Table

T = TypeVar("T")
D = TypeVar("D")


def _nothing(*_: Any) -> tuple[()]:
    return ()


def _none(*_: Any) -> None:
    return None


def _no_table(*_: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)  # no slots: Python 3.11 cannot write `Section[A, B](...)` with them
class Section(Generic[T, D]):
    """A key of the policy file and all that is known about it.

    `default` is what a policy without the key has; where that is None, nothing below is asked of such a policy but
    `draft` and `doubt`. Paths of keys begin with the section's name.
    """

    name: str
    shape: type[T]
    default: D
    about: str

    tables: Callable[[T], Iterable[tuple[Where, str]]] = _nothing
    """Every place at which it names a table, with the name: it must be declared."""
    sense: Callable[[T, Policy], Iterable[Mistake]] = _nothing
    truth: Callable[[T, Look], None] = _none
    sentence: Callable[[T, str], Iterable[str]] = _nothing
    """What it promises about the table of this name."""
    destroys: bool = False
    """Whether these sentences say that rows or values end, and all that it says is in them."""

    guess: Callable[[Catalog, Mapping[str, Owner]], T | None] = _none
    """What can be read off a database, given which tables are somebody's; None when it does not say."""
    doubt: Callable[[T | D, Table], str | None] = _none
    """What a person must decide before the rows of this table go with their owner."""
    draft: Callable[[Policy, Catalog], Iterable[str]] = _nothing

    never_ends: Callable[[T], Mapping[str, str]] = _no_table
    """Table -> why none of its rows is ever deleted."""
    cleared: Callable[[T], Mapping[str, Collection[str]]] = _no_table
    """Table -> columns that an erasure empties there, in rows that stay."""
    logs: Callable[[T], Iterable[str]] = _nothing
    """The tables into which the application's triggers that audit write rows."""
    erases: Callable[[T], Iterable[str]] = _nothing
    """The kinds of people who are erased under it."""

    def of(self, policy: Policy) -> T | D:
        """Return this section of a policy, the default where the policy has none."""
        return getattr(policy, self.name, self.default)
