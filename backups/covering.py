"""What a drill covers: the dump, the rows of each of its tables, and all else that a database is made of. Pure."""

from backups.manifest import Manifest
from lifecycle.coverage import Coverage, Place, Reason
from lifecycle.outcome import Failure

_NOT_COMPARED = Reason(
    "the manifest holds counts and hashes of rows only, so a dump that lost them passes",
    "Compare it by hand after a restore that matters: `pg_dump --schema-only` of both.",
    "limit",
)

STRUCTURE = {
    Place("structure", name): _NOT_COMPARED
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
}
"""What a dump carries beside rows, and a drill does not compare yet."""

_READ_ONLY = Reason("the dump was read and not restored", "`lifecycle backups drill` restores it.")


def cover(
    newest: Manifest | None, failures: tuple[Failure, ...], reason: Reason | None, *, restored: bool
) -> Coverage:
    """Return what a drill covers: the dump, each table in its manifest, and all else that a database is made of.

    `reason`: why it could not be carried to its end.
    """
    dump = Place("dump", newest.key if newest else "the newest")
    tables = {Place("table", name) for name in newest.tables} if newest else set[Place]()
    unseen = dict(STRUCTURE)
    if reason is not None:
        unseen |= dict.fromkeys((dump, *tables), reason)
    elif not restored:
        unseen |= dict.fromkeys(tables, _READ_ONLY)
    promised = frozenset({dump, *tables, *STRUCTURE})
    return Coverage(promised, promised - frozenset(unseen), failures, unseen)
