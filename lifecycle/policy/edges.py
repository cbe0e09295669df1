"""Judges what tables say about where their rows lead: references, parties, authors, quotes, copies.

Pure. `sense` needs no database, `truth` holds it against the catalog. Whether each key has one sentence is judged by
`foreign_keys.py`; whether rows hold what a reference says by `stored.py`.
"""

from collections.abc import Iterator

from lifecycle.config.mistake import Mistake, Where, dotted
from lifecycle.policy import foreign_keys, kept, parties, quotes, subjects, tombstone, virtual
from lifecycle.policy.look import Look
from lifecycle.policy.model import Parties, Policy, Table, Through, until
from lifecycle.policy.reference import Reference, Target
from lifecycle.words import did_you_mean


def sense(policy: Policy) -> Iterator[Mistake]:
    """Find what contradicts itself in one table's lines."""
    for name, table in policy.tables.items():
        path: Where = ("tables", name)
        yield from _twice(path, table)
        yield from _emptied_twice(path, table)
        yield from _unnamed(path, table)
        yield from kept.sense(path, table)
        if table.copy_of and (
            table.references or table.emptied or table.author or table.keep or table.quotes
        ):
            what = "a copy is made anew, and nothing else is done with its rows"
            yield Mistake((*path, "copy_of"), what, "say it of the tables it is a copy of")
        if _copied(policy, name, name, ()):
            what = f"{name} would be computed from itself"
            yield Mistake((*path, "copy_of"), what, "name the tables that it is computed from")
        if table.text and table.quotes:
            what = f"no column of it holds text of people, and {', '.join(table.quotes)} may quote them"
            yield Mistake((*path, "text"), what, "take one of the two out")


def _copied(policy: Policy, name: str, of: str, behind: tuple[str, ...]) -> bool:
    """Say whether a copy is one of this table, if by others."""
    entry = policy.tables.get(name)
    return any(
        one == of or (one not in behind and _copied(policy, one, of, (*behind, one)))
        for one in (entry.copy_of if entry else ())
    )


def _twice(path: Where, table: Table) -> Iterator[Mistake]:
    """Find a column that two words speak of."""
    said: dict[str, Where] = {}
    for word, names in _spoken(table):
        for name in names:
            first = said.setdefault(name, word)
            if (
                first != word and not first[0] == word[0] == "owner"
            ):  # a row may be of several kinds
                what = f"{name!r} has two sentences: {dotted(first)} and {dotted(word)}"
                yield Mistake((*path, *word, name), what, "keep the one that holds")


def _emptied_twice(path: Where, table: Table) -> Iterator[Mistake]:
    """Find a column that one word empties and another means by another name, that of a reference."""
    emptied = {
        column: (word, name)
        for word, names in _spoken(table)
        if word[0] in ("mentions", "author") or word[-1] == "party"
        for name in names
        for column in virtual.emptied(table, name)
    }
    for word, names in (*_spoken(table), *_through(table)):
        for name in names:
            for column in sorted({*virtual.emptied(table, name)} & emptied.keys()):
                first, called = emptied[column]
                if called != name:
                    what = f"column {column} has two sentences: {dotted((*first, called))} and {dotted((*word, name))}"
                    yield Mistake((*path, *word, name), what, "keep the one that holds")


def _through(table: Table) -> Iterator[tuple[Where, tuple[str, ...]]]:
    """Yield (word, columns and references) of the ways by which rows are owned."""
    for kind, how in (table.owner or {}).items():
        if isinstance(how, Through):
            yield ("owner", kind, "through"), how.through


def _spoken(table: Table) -> Iterator[tuple[Where, tuple[str, ...]]]:
    """Yield (word, columns and references) of everything a table says about a key."""
    for kind, how in (table.owner or {}).items():
        if table.keep:
            continue
        match how:
            case str(column):
                yield ("owner", kind), (column,)
            case Parties():
                yield ("owner", kind, "party"), tuple(how.party)
            case _:
                pass
    yield ("mentions",), tuple(table.mentions)
    yield ("author",), tuple(table.author)
    yield ("ignore",), tuple(table.ignore)


def _unnamed(path: Where, table: Table) -> Iterator[Mistake]:
    """Find a half that names the columns by which the parties are known."""
    for kind, how in (table.owner or {}).items():
        if isinstance(how, Parties):
            named = {c for name in how.party for c in (name, *virtual.emptied(table, name))}
            shared = [c for half in how.party.values() for c in half if c in named]
            for column in shared:
                where = (*path, "owner", kind, "party")
                yield Mistake(where, f"{column} is a party itself", "take it out of the half")


def truth(look: Look) -> None:
    """Hold it against the catalog, which has the references among its keys."""
    for name, table in look.policy.tables.items():
        if name in look.catalog.tables:
            for reference, said in table.references.items():
                _reference(look, name, reference, said)
            _leaving(look, name, table)
            _staying(look, name, table)
            for kind, how in (table.owner or {}).items():
                if isinstance(how, Parties):
                    _parties(look, name, kind, how)


def _leaving(look: Look, name: str, table: Table) -> None:
    """Look at what no longer leads to the person when they are gone."""
    for column, word in table.emptied.items():
        for real in virtual.emptied(table, column):
            look.clearable(("tables", name, word, column), name, real)
    for column in table.mentions:
        _somebody(look, ("tables", name, "mentions", column), name, column)
    for column, how in table.author.items():
        _author(look, name, column, how)
    for column in table.ignore:
        if not list(_leading(look, name, column)):
            what = f"{column} leads to nobody, so there is nothing to ignore"
            look.say(("tables", name, "ignore", column), what, "take it out")


def _staying(look: Look, name: str, table: Table) -> None:
    """Look at what stays of the person, and how long."""
    quotes.truth(look, name)
    if table.keep and table.keep.until:
        column = until(table.keep.until).column
        look.timed(("tables", name, "keep", "until"), name, column)
    kept.truth(look, name, table)


def known(look: Look, path: Where, table: str, name: str) -> None:
    """Say so when this is neither a column of the table nor one of its references."""
    if name not in look.policy.tables[table].references:
        look.column(path, table, name)


def _leading(look: Look, table: str, name: str) -> Iterator[str]:
    """Yield the kinds of people to whose rows a column or reference leads."""
    for key, kind in foreign_keys.into_people(look.policy, look.catalog):
        if key.table == table and name in virtual.names(key):
            yield kind


def _reference(look: Look, table: str, name: str, said: Reference) -> None:
    path: Where = ("tables", table, "references", name)
    columns = virtual.columns(name, said)
    here = [look.column(path, table, column) for column in columns]
    if name not in columns and look.catalog.tables[table].column(name):
        what = f"{name} is a column too, and the reference is over {', '.join(columns)}"
        look.say(path, what, "give the reference a name of its own")
    if said.type:
        look.column((*path, "type"), table, said.type)
    if said.path and here[0] and here[0].type not in ("json", "jsonb"):
        what = f"{columns[0]} is {here[0].type}, and a path leads into JSON"
        look.say((*path, "path"), what, "take `path` out, or name a JSON column under `columns`")
    for value, target in said.targets():
        at: Where = (*path, "to") if value is None else (*path, "of", value)
        if len(columns) != len(target.columns):
            what = f"{len(columns)} columns cannot have the values of {len(target.columns)}"
            look.say(at, what, "name as many here as there, under `columns`")
            continue
        _target(look, at, table, columns, said, target)
    if not any(_of_people(look, target) for _, target in said.targets()):
        at = (*path, "to") if said.of is None else (*path, "of")
        nobodys = ", ".join(target.table for _, target in said.targets())
        look.say(at, f"ends at {nobodys}, which holds nobody's data", "take the reference out")


def _of_people(look: Look, to: Target) -> bool:
    """Say whether people's rows may be there. Of a type and an id, some pairs lead to nobody's."""
    entry = look.policy.tables.get(to.table)
    return entry is None or not entry.personal


def _target(
    look: Look, at: Where, table: str, columns: tuple[str, ...], said: Reference, to: Target
) -> None:
    if to.table not in look.catalog.tables:
        instead = did_you_mean(to.table, look.catalog.tables, "name a table of the database")
        look.say(at, f"ends nowhere: there is no table {to.table!r}", instead)
        return
    there = [look.column(at, to.table, column) for column in to.columns]
    for name, other in zip(columns, there, strict=True):
        here = look.catalog.tables[table].column(name)
        for place in (here if said.path is None else None, other):
            if place and said.form == "email" and not subjects.may_be_mail(place):
                what = f"{place.name} is {place.type}, in which no address stands"
                look.say(at, what, "take `form` out, or write `form: digits`")
        if (
            here
            and other
            and said.path is None
            and said.form == "text"
            and not virtual.alike(here, other)
        ):
            what = f"{name} is {virtual.typed_as(here)}, and {to.table}.{other.name} is {virtual.typed_as(other)}"
            instead = "name the column that has its values, or say how both are written, as `form: digits`"
            look.say(at, what, instead)
    for key in look.catalog.foreign_keys:
        real = not isinstance(key, virtual.Virtual)
        if real and (key.table, key.columns, key.referenced) == (table, columns, to.table):
            what = f"foreign key {key.name} leads there already"
            look.say(at, what, f"take it out, and write {', '.join(columns)} where you name it")


def _author(look: Look, table: str, name: str, how: str) -> None:
    path: Where = ("tables", table, "author", name)
    known(look, path, table, name)
    _somebody(look, path, table, name)
    for key, kind in foreign_keys.into_people(look.policy, look.catalog):
        if how == "tombstone" and key.table == table and name in virtual.names(key):
            tombstone.needed(look, path, f"{table}.{name}", kind)
            tombstone.names(look, path, key, kind)
    for column in virtual.emptied(look.policy.tables[table], name) if how == "tombstone" else ():
        instead = "write `set null`, with a column that may be NULL, or own the row by it"
        tombstone.stands(look, path, table, column, instead)


def _somebody(look: Look, path: Where, table: str, name: str) -> None:
    """Say so when a column or reference that is there leads to nobody: no row of it has anything to lose."""
    there = look.catalog.tables[table].column(name) or name in look.policy.tables[table].references
    if there and not list(_leading(look, table, name)):
        what = f"{name} leads to nobody"
        look.say(path, what, "say what it leads to under `references`, or take it out")


def _parties(look: Look, table: str, kind: str, how: Parties) -> None:
    path: Where = ("tables", table, "owner", kind, "party")
    for name, half in how.party.items():
        known(look, (*path, name), table, name)
        if kind not in _leading(look, table, name):
            instead = "say what it leads to under `references`, or take it out"
            look.say((*path, name), f"{name} leads to no {kind}", instead)
        parties.truth(look, (*path, name), table, kind, half)


def ways_named(look: Look, path: Where, table: str, how: Through) -> list[str]:
    """Return the columns and references of `through` that lead somewhere; say which are not there.

    Of a reference that ends nowhere its own line tells.
    """
    there, wrong = look.catalog.tables[table], set(look.policy.tables[table].references)
    wrong -= {
        k.name for k, _ in foreign_keys.into_people(look.policy, look.catalog) if k.table == table
    }
    for name in how.through:
        known(look, path, table, name)
    return [
        name
        for name in how.through
        if name not in wrong
        and (name in look.policy.tables[table].references or there.column(name))
    ]
