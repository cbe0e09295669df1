"""Every runbook: one module here for each, with its `BOOK`. What lies here is found, and named nowhere else."""

import pkgutil
from importlib import import_module
from typing import Any

from lifecycle.errors import NotFound
from lifecycle.words import choices
from runbooks.book import Book


def every() -> dict[str, Book[Any]]:
    """Return every runbook by its name, in the order of names."""
    modules = [
        import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    return {module.BOOK.name: module.BOOK for module in sorted(modules, key=lambda m: m.BOOK.name)}


def book(name: str) -> Book[Any]:
    """Return the runbook called `name`. Raise NotFound with the names that exist."""
    books = every()
    if name not in books:
        raise NotFound(f"no runbook is called {name!r}", hint=choices(name, books, "Runbooks are"))
    return books[name]
