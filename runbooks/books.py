"""Every runbook, by name."""

from dataclasses import dataclass

from lifecycle.errors import NotFound
from runbooks import run_failed


@dataclass(frozen=True, slots=True)
class Book:
    """A runbook's name and title. There is one yet, and all are about a run."""

    name: str
    title: str


BOOKS = {run_failed.NAME: Book(run_failed.NAME, run_failed.TITLE)}


def book(name: str) -> Book:
    """Return the runbook called `name`. Raise NotFound with the names that exist."""
    if name not in BOOKS:
        raise NotFound(
            f"no runbook is called {name!r}", hint=f"Runbooks are: {', '.join(sorted(BOOKS))}."
        )
    return BOOKS[name]
