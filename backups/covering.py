"""What a drill covers: the dump, the rows of each of its tables, and all else that a database is made of. Pure."""

from backups.manifest import Manifest
from lifecycle.coverage import Coverage, Looks, Place, Reason

_NOT_COMPARED = Reason(
    "the manifest holds counts and hashes of rows only, so a dump that lost them passes",
    "Compare it by hand after a restore that matters: `pg_dump --schema-only` of both.",
    "limit",
)

STRUCTURE = tuple(
    Place("structure", name)
    for name in (
        "columns, types, defaults and generated columns",
        "keys, indexes and constraints",
        "row security and policies",
        "owners and grants",
        "triggers and rules",
        "views and functions",
        "sequences",
        "publications, comments and extension versions",
        "large objects",
        "locale and collations",
    )
)
"""What a dump carries beside rows, and a drill does not compare yet."""

_READ_ONLY = Reason("the dump was read and not restored", "`lifecycle backups drill` restores it.")


_OF_EXTENSION = Reason(
    "it is a table of an extension with rows: a dump carries what the extension registers as its configuration, and "
    "nothing compares that yet",
    "Of a table of yours say `alter extension ... drop table ...`: the next dump has it. Else restore one and look.",
    "limit",
)


def of_extensions(looks: Looks, dumped: Manifest) -> None:
    """Name what extensions held when this dump was taken."""
    for name in dumped.of_extensions:
        looks.not_at(Place("table", name), _OF_EXTENSION)


def dump_of(dumped: Manifest | None) -> Place:
    """Return the place of a dump, or of the newest one where none was found."""
    return Place("dump", dumped.key if dumped else "the newest")


def cover(
    looks: Looks, newest: Manifest | None, reason: Reason | None, *, restore: bool
) -> Coverage:
    """Return what a drill covers: the dump, each table in its manifest, and all else that a database is made of.

    `reason`: why it could not be carried to its end.
    """
    dump = dump_of(newest)
    tables = {Place("table", name) for name in newest.tables} if newest else set[Place]()
    for place in STRUCTURE:
        looks.not_at(place, _NOT_COMPARED)
    if newest:
        of_extensions(looks, newest)
    for place in (dump, *tables) if reason else tables if not restore else ():
        looks.not_at(place, reason or _READ_ONLY)
    return looks.cover({dump, *tables, *STRUCTURE})
