"""What a drill covers: the dump, the rows of each of its tables, and all else that a database is made of. Pure."""

from collections.abc import Iterator

from backups import roles, structure
from backups.manifest import Manifest
from backups.restore import Restored
from backups.roles import Globals
from backups.structure import KINDS, Structure
from lifecycle.coverage import Coverage, Looks, Place, Reason
from lifecycle.outcome import Failure

_AS_A_WHOLE = (
    "publications and event triggers",
    "extension versions",
    "large objects",
    "locale and collations",
    "roles and their settings",
)
STRUCTURE = tuple(Place("structure", name) for name in (*KINDS, *_AS_A_WHOLE))
"""What a dump carries beside rows."""

_OLD = Reason(
    "the manifest is of the first format and says nothing of it",
    "The next dump's does: `lifecycle run backups.dump`.",
)
_NO_ROLES = Reason(
    "the dump is from before they were kept beside it",
    "The next dump's are: `lifecycle run backups.dump`.",
)
_OF_OTHERS = Reason(
    "some rights were given by somebody else than an object's owner, and only a superuser could give them so again",
    "Let the owner give them, or compare them by hand after a restore: `pg_dump --schema-only` of both.",
    "limit",
)
_OTHER_MAJOR = Reason(
    "the copy runs on another major version of PostgreSQL than the database, which spells definitions otherwise",
    "Install the programs of the server's own version on this host, or name them under `postgres_binaries:`.",
)
_OTHER_VERSION = Reason(
    "the copy has extensions of another version than the database",
    "Install the version of the database's server on this host.",
)
_OTHER_ORDER = Reason(
    "this host orders text by another version of the same collation",
    "Drill on a host with the C library and ICU of the database's server: indexes on text may be ordered otherwise.",
)
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
    if newest:
        of_extensions(looks, newest)
    missed = (dump, *tables, *STRUCTURE) if reason else (*tables, *STRUCTURE) if not restore else ()
    for place in missed:
        looks.not_at(place, reason or _READ_ONLY)
    return looks.cover({dump, *tables, *STRUCTURE})


def compare(
    looks: Looks, dumped: Manifest, beside: Globals | None, restored: Restored
) -> tuple[Failure, ...]:
    """Return what beside rows is not in the copy as it was dumped; `looks` takes down what was compared."""
    unseen = _not_comparable(dumped, restored)
    for place in STRUCTURE:
        reason = _OLD if dumped.structure is None else unseen.get(place.name)
        if reason is not None:
            looks.not_at(place, reason)
    if dumped.structure is None or len(unseen) == len(STRUCTURE):
        return ()
    with looks.at(*(place for place in STRUCTURE if place.name not in unseen)):
        return (
            *structure.differences(dumped.structure, restored.structure),
            *_not_listed(dumped.structure, restored.contents),
            *(roles.differences(beside, restored.globals) if beside and restored.globals else ()),
        )


def _not_comparable(dumped: Manifest, restored: Restored) -> dict[str, Reason]:
    """Return why a part of the structure cannot be compared here, by its name."""
    found = dict[str, Reason]()
    if dumped.source.major != restored.source.major:
        return dict.fromkeys((place.name for place in STRUCTURE), _OTHER_MAJOR)
    if dumped.structure is not None and structure.of_others(dumped.structure):
        found["owners and grants"] = _OF_OTHERS
    here = restored.source.extensions
    if any(here.get(name) != version for name, version in dumped.source.extensions.items()):
        found["extension versions"] = _OTHER_VERSION
    if restored.globals is None:
        found["roles and their settings"] = _NO_ROLES
    if dumped.source.locale != restored.source.locale:
        found["locale and collations"] = _OTHER_ORDER
    return found


def _not_listed(dumped: Structure, contents: str) -> Iterator[Failure]:
    """Yield what only a superuser could restore and the dump's list of contents does not name."""
    for what, name in dumped.by_name:
        spelled = name.replace("\n", " ").replace("\r", " ")
        if f" {what} - {spelled} " not in contents:
            yield Failure(f"{what.lower()} {name}", "is not in the dump", structure.HINT)
