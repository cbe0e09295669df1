"""Judges whether a party can be taken out of a row that stays: by NULL, or by the tombstone. Pure."""

from lifecycle.config.mistake import Where
from lifecycle.policy import foreign_keys, tombstone, virtual
from lifecycle.policy.look import Look


def truth(look: Look, path: Where, table: str, kind: str, half: tuple[str, ...]) -> None:
    """Look at what names one party, the last of `path`, and at the rest of their half."""
    name = str(path[-1])
    column = look.catalog.tables[table].column(name)
    if column and column.not_null:
        _stands(look, path, table, name, kind)
    else:
        for real in virtual.emptied(look.policy.tables[table], name):
            look.clearable(path, table, real)
    for other in half:
        look.clearable(path, table, other)
        if other in look.policy.tables[table].objects:
            what = f"{other} names an object, which would stay with nobody who knows whose it is"
            instead = "move the object's key into a table of its own, which goes with that party"
            look.say(path, what, instead)


def _stands(look: Look, path: Where, table: str, name: str, kind: str) -> None:
    """Say so where the tombstone cannot stand in a column that may not be NULL."""
    tombstone.needed(look, path, f"{table}.{name} may not be NULL: it", kind)
    instead = f"`alter table {table} alter column {name} drop not null`"
    for key, whose in foreign_keys.into_people(look.policy, look.catalog):
        if key.table == table and name in virtual.names(key) and whose == kind:
            tombstone.names(look, path, key, kind, instead)
    tombstone.stands(look, path, table, name, instead)
