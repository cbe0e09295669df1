"""Judges rows that stay on a ground: they may not go on naming who is gone, nor lose the date they end by. Pure."""

from collections.abc import Iterable, Iterator

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy import foreign_keys, virtual
from lifecycle.policy.look import Look
from lifecycle.policy.model import Table, Through, until


def sense(path: Where, table: Table) -> Iterator[Mistake]:
    """Find what a row that stays goes on saying of who is gone, and a date it loses although its time runs from it."""
    if table.keep is None:
        return
    for kind, how in (table.owner or {}).items():
        if isinstance(how, str) and how not in table.keep.clear:
            yield _named((*path, "owner", kind), (how,))
    if table.keep.until and until(table.keep.until).column in table.keep.clear:
        column = until(table.keep.until).column
        what = f"its time runs from {column}, which `clear` empties: the row would stay for ever"
        yield Mistake(
            (*path, "keep", "until"), what, f"take {column} out of `clear`, or name another date"
        )


def _named(path: Where, columns: Iterable[str]) -> Mistake:
    what = f"the row is kept, and {', '.join(columns)} would go on saying whose it was"
    return Mistake(path, what, f"add {', '.join(columns)} to `keep.clear`")


def truth(look: Look, name: str, table: Table) -> None:
    """Look at the ways to the person's own row: of a row that stays, every column of them is emptied."""
    cleared = table.keep.clear if table.keep else ()
    for key, kind in foreign_keys.into_people(look.policy, look.catalog):
        how = (table.owner or {}).get(kind)
        own = key.table == name and key.referenced == look.policy.subjects[kind].table
        if table.keep and own and isinstance(how, Through) and virtual.names(key) & {*how.through}:
            left = [
                c
                for word in virtual.words(key)
                for c in virtual.emptied(table, word)
                if c not in cleared
            ]
            if left:
                look.mistakes.append(_named(("tables", name, "owner", kind, "through"), left))
