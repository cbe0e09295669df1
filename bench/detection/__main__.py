"""Make each damage, let each look at it, and write docs/detection.md. Takes some minutes.

With names: of the damages to copies of the archive only those whose name has one of these in it, and only their rows
are written anew. A program that is not here leaves its cell as it was.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.detection import damage, look, page
from bench.detection.damage import Damage
from bench.detection.page import Row
from tests.wal_g.clinic import Clinic
from tests.wal_g.source import Archive, private
from tests.wal_g.test_recover import hasty

PAGE = Path(__file__).parents[2] / "docs/detection.md"


def rows() -> Iterator[Row]:
    """Yield a row for each damage."""
    with damage.server() as clinic:
        for one in damage.on_copies():
            yield _on_copy(clinic, one)
    with damage.server(damage.lose_page) as clinic:
        lost = Damage("a page of a table was lost on the source", damage.nothing, damage.no_file)
        yield _on_copy(clinic, lost)
    with damage.server(damage.change_byte, pointed=False) as clinic:
        name = "a byte of a table was changed on the source"
        yield _on_copy(clinic, Damage(name, damage.nothing, damage.no_file), point=True)
    yield _with_another_key()
    for command in ("/bin/true", "/bin/false"):
        with damage.server() as clinic:
            damage.archive_by(command)(clinic.source)
            yield _on_copy(clinic, Damage(f"`archive_command = {command}`", damage.nothing), point=True)  # fmt: skip


def _with_another_key() -> Row:
    keys = private("lifecycle-detection-")
    keys.chmod(0o711)
    try:
        right, wrong = (damage.key(keys, name) for name in ("right", "wrong"))
        with damage.server(settings={"WALG_PGP_KEY_PATH": str(right)}) as clinic:
            return _on_copy(clinic, Damage("WAL-G has another key", lambda _, a: damage.locked(a, wrong)))  # fmt: skip
    finally:
        shutil.rmtree(keys)


def _on_copy(clinic: Clinic, one: Damage, *, point: bool = False) -> Row:
    place = private("lifecycle-detection-")
    try:
        archive: Archive = hasty(clinic.source.copy(place))
        one.store(clinic, archive)
        verify = look.verify(clinic, archive)
        watch = look.watch(clinic, archive)  # before the server goes on: the copy does not
        select_1 = look.select_1(clinic, archive)
        ours, said = look.point(clinic) if point else look.drill(clinic, archive)
        made = look.manifest(clinic, one.files)
        found = Row(
            one.name,
            ours,
            watch,
            verify,
            made,
            look.barman(archive),
            select_1,
            said,
        )
    finally:
        shutil.rmtree(place)
    print(found, flush=True)  # noqa: T201 - this is a command
    return found


def some(names: list[str]) -> list[Row]:
    """Return the rows of the damages to copies of the archive whose name has one of these in it."""
    with damage.server() as clinic:
        wanted = [one for one in damage.on_copies() if any(name in one.name for name in names)]
        return [_on_copy(clinic, one) for one in wanted]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        text = page.renewed(PAGE.read_text(encoding="utf-8"), some(sys.argv[1:]))
    else:
        text = page.markdown(list(rows()))
    PAGE.write_text(text, encoding="utf-8")
