"""Reads what a database is made of beside rows, and finds what a restored copy lost, changed or brought along.

The same statements run on the source, in the dump's snapshot, and on the copy. Of each object stands its name and a
digest of what it is, never its text: a default or a comment may quote a person.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Annotated, LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import Field

from backups import statements_of_structure as statements
from backups.part import Part
from lifecycle.outcome import Failure

OTHERS_GAVE = "?"
"""In the place of a digest: rights that somebody else than the owner gave, which no copy can have."""

KINDS: Mapping[str, tuple[LiteralString, ...]] = {
    "columns, types, defaults and generated columns": (
        statements.RELATIONS,
        statements.COLUMNS,
        statements.TYPES,
    ),
    "keys, indexes and constraints": (
        statements.CONSTRAINTS,
        statements.INDEXES,
        statements.STATISTICS,
    ),
    "row security and policies": (statements.ROW_SECURITY, statements.POLICIES),
    "owners and grants": (statements.OWNERS,),
    "triggers and rules": (statements.TRIGGERS,),
    "views and functions": (statements.ROUTINES,),
    "sequences": (statements.SEQUENCES,),
    "comments": (statements.COMMENTS,),
    "casts, operators, collations and the like": (statements.OTHERS,),
}
"""Each kind of what a dump carries beside rows: what is asked of the catalog about it."""

_CHUNK = 2**20
HINT = "Do not count on this dump: take a new one and look into why they differ."


class Position(Part):
    """How far a sequence has come, and by which step."""

    last: int
    step: int


class LargeObject(Part):
    """One large object: owner and rights, bytes, and the SHA-256 of its content."""

    rights: str
    size: Annotated[int, Field(ge=0, description="bytes")]
    sha256: str


class Structure(Part):
    """What a database is made of: each object's digest by kind and name, and what has a state of its own."""

    objects: dict[str, dict[str, str]]
    sequences: dict[str, Position]
    large_objects: dict[int, LargeObject]
    by_name: tuple[tuple[str, str], ...]


def read(conn: Connection[TupleRow]) -> Structure:
    """Return what this database is made of. Call within one transaction, `measure.pin` before it."""
    return Structure(
        objects={kind: dict(_digests(conn, asked)) for kind, asked in KINDS.items()},
        sequences={
            name: Position(last=last, step=step)
            for name, last, step in conn.execute(statements.POSITIONS)
        },
        large_objects={
            oid: _large_object(conn, oid, rights)
            for oid, rights in conn.execute(statements.LARGE_OBJECTS).fetchall()
        },
        by_name=tuple(sorted((what, name) for what, name in conn.execute(statements.BY_NAME))),
    )


def _digests(
    conn: Connection[TupleRow], asked: tuple[LiteralString, ...]
) -> Iterator[tuple[str, str]]:
    for statement in asked:
        for name, of_others, digest in conn.execute(statements.digests(statement)):
            yield name, OTHERS_GAVE if of_others and statement is statements.OWNERS else digest


def _large_object(conn: Connection[TupleRow], oid: int, rights: str) -> LargeObject:
    """Read it piece by piece: it may be larger than memory."""
    whole, size = sha256(), 0
    while True:
        asked = {"oid": oid, "from": size, "bytes": _CHUNK}
        row = conn.execute(statements.LARGE_OBJECT, asked).fetchone()
        assert row is not None
        whole.update(row[0])
        size += len(row[0])
        if len(row[0]) < _CHUNK:
            return LargeObject(rights=rights, size=size, sha256=whole.hexdigest())


def differences(dumped: Structure, found: Structure) -> Iterator[Failure]:
    """Yield one failure for each object that is lost, changed or added in the copy, by kind and name."""
    for kind in KINDS:
        yield from _of_kind(dumped.objects.get(kind, {}), found.objects[kind])
    for name, was in sorted(dumped.sequences.items()):
        now = found.sequences.get(name)
        if now is not None and (now.last - was.last) * was.step < 0:
            yield Failure(f"sequence {name}", "stands before where it stood", HINT)
    for oid in sorted(dumped.large_objects.keys() | found.large_objects.keys()):
        if dumped.large_objects.get(oid) != found.large_objects.get(oid):
            yield Failure(f"large object {oid}", "is not as it was dumped", HINT)


def _of_kind(dumped: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Failure]:
    for name in sorted(dumped.keys() | found.keys()):
        was, now = dumped.get(name), found.get(name)
        if was in (OTHERS_GAVE, now):
            continue
        if now is None:
            yield Failure(name, "was dumped and is not in the copy", HINT)
        elif was is None:
            yield Failure(name, "is in the copy and was not dumped", HINT)
        else:
            yield Failure(name, "is not as it was dumped", HINT)


def of_others(dumped: Structure) -> int:
    """Return of how many objects the rights cannot be compared."""
    return sum(
        digest == OTHERS_GAVE for kind in dumped.objects.values() for digest in kind.values()
    )
