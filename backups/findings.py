"""What can be wrong with an installation that dumps and drills: programs, room on the disk, the bucket. Reads only."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from backups import dump, statements
from backups.section import SECTION
from lifecycle import scratch
from lifecycle.admin import buckets
from lifecycle.admin.finding import Finding, Look, bad, fine, not_asked, refused, unknown
from lifecycle.errors import LifecycleError
from lifecycle.postgres import catalog as catalogs
from lifecycle.postgres.server import Binaries
from lifecycle.system import System


def _programs(system: System) -> Iterator[Finding]:
    label = f"{system.name}: programs"
    if SECTION.of(system.policy).dumps is None:
        yield not_asked(label, "the policy asks for no dumps")
        return
    why = (
        "Dumps and their restore drills need PostgreSQL's own programs, not older than the server."
    )
    try:
        binaries = scratch.programs(system.machine)
        program = binaries.tool("pg_dump")
    except LifecycleError as error:
        yield refused(label, error, why)
        return
    with system.connect("doctor", write=False) as conn:
        catalog = catalogs.read(conn)
    if binaries.major < catalog.version:
        what = f"{program} is of version {binaries.major}, the server of {catalog.version}"
        fix = f"Install PostgreSQL {catalog.version}, and name it under `postgres_binaries:`."
        yield bad(label, what, why, fix)
        return
    yield fine(label, f"pg_dump {binaries.major} for a server of version {catalog.version}")
    yield from _extensions(label, binaries, sorted(set(catalog.extensions) - {"plpgsql"}))


def _extensions(label: str, binaries: Binaries, wanted: list[str]) -> Iterator[Finding]:
    """Say which extensions of the database the private server of a drill does not have."""
    if not wanted:
        return
    why = "A restore drill makes the database anew in a private server, extensions and all."
    try:
        share = Path(binaries.run("pg_config", "--sharedir", cwd=Path("/"), timeout=20).strip())
    except LifecycleError as error:
        yield unknown(label, "cannot tell which extensions are installed here", why, error.hint)
        return
    missing = [e for e in wanted if not (share / "extension" / f"{e}.control").is_file()]
    for extension in missing:
        what = f"extension {extension} of the database is not installed on this machine"
        yield bad(label, what, why, f"Install it for PostgreSQL {binaries.major}.")
    if not missing:
        yield fine(label, f"the extensions {', '.join(wanted)} are installed here too")


def _scratch(system: System) -> Iterator[Finding]:
    label = f"{system.name}: scratch"
    if SECTION.of(system.policy).dumps is None:
        yield not_asked(label, "the policy asks for no dumps")
        return
    named = system.machine.scratch
    place = system.machine.path(named) if named else Path(tempfile.gettempdir())
    why = "A dump and the restored database lie there at the same time, for the length of a drill."
    if not place.is_dir():
        yield bad(label, f"{place} is no directory", why, f"mkdir -m 700 {place}")
        return
    if not os.access(place, os.W_OK | os.X_OK):
        yield bad(label, f"nothing can be written into {place}", why, "Let the service own it.")
        return
    with system.connect("doctor", write=False) as conn:
        row = conn.execute(statements.SIZE).fetchone()
    assert row is not None
    needed, free = 2 * row[0], shutil.disk_usage(place).free
    what = f"{place}: {free >> 20:,} MiB free, {needed >> 20:,} MiB needed (twice the database)"
    if free < needed:
        yield bad(label, what, why, "Name a larger place under `scratch:` in the settings.")
    else:
        yield fine(label, what)


def _large_objects(system: System) -> Iterator[Finding]:
    label = f"{system.name}: large objects"
    if SECTION.of(system.policy).dumps is None:
        yield not_asked(label, "the policy asks for no dumps")
        return
    with system.connect("doctor", write=False) as conn:
        row = conn.execute(statements.UNREADABLE_LARGE_OBJECTS).fetchone()
    assert row is not None
    if row[0]:
        why = "Each dump is refused: without them it would be none."
        yield bad(label, f"{row[0]:,} of them may not be read by the service", why, dump.LET_READ)
    else:
        yield fine(label, "a dump may read whatever large objects there are")


def _bucket(system: System) -> Iterator[Finding]:
    dumps = SECTION.of(system.policy).dumps
    yield from buckets.look_at(
        system, f"{system.name}: bucket of dumps", [dumps.bucket] if dumps else []
    )


FINDINGS: Mapping[str, Look] = {
    "programs": _programs,
    "scratch": _scratch,
    "large objects": _large_objects,
    "bucket of dumps": _bucket,
}
