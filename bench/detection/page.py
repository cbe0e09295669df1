"""The page docs/detection.md of what was found. Pure."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

HEAD = """# Which damage is seen by whom

Made by `python -m bench.detection`: each damage was made, and each looked at it. No cell is written by hand. The
server has checksums and archives with the real WAL-G (v1.1.3-rc, a full base backup and a delta) into a folder.

"""
COLUMNS = (
    "damage",
    "`lifecycle` drill",
    "`lifecycle` watch",
    "`wal-g wal-verify`",
    "`pg_verifybackup`",
    "Barman `check-backup`",
    "restore, `select 1`",
)
NOTES = """
- **`lifecycle` drill** is `lifecycle backups recover`. Where archiving itself is broken, it is the restore point before
  it, `lifecycle backups point`, which waits until the store has it.
- **`wal-g wal-verify`** is `wal-verify integrity timeline`, its report: its exit code is 0 whatever that says. A
  segment among the last `WALG_UPLOAD_CONCURRENCY` (here 1, by default 16) that is missing counts as on its way.
- **`pg_verifybackup`** needs a manifest, which WAL-G does not write. Where the damage is one of files, it was done to a
  `pg_basebackup` of the same server instead.
- **Barman `check-backup`** cannot read a store of WAL-G's. It was given a catalog of its own, made of WAL-G's list and
  of the names in its store; names are all that it looks at, and only those that the base backup itself needs. The
  variable `LIFECYCLE_BENCH_BARMAN` names the program; without it Barman is not run.
- **restore, `select 1`** is `backup-fetch LATEST` and recovery to the end of the archive with `wal-g wal-fetch`, as is
  done by hand. How many rows came back, of those that the source has, is nothing that it asks, and is said here.
- **cannot**: this program cannot look at such a thing. **not run**: nobody ran it.

## The first that the drill said

"""


@dataclass(frozen=True, slots=True)
class Row:
    """One damage, and what each said of it."""

    name: str
    drill: str
    watch: str
    verify: str
    manifest: str
    barman: str
    select_1: str
    said: str


def markdown(rows: Sequence[Row]) -> str:
    """Return the page."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(astuple(row)[:-1] for row in rows)]
    table = "".join(_line(cells) for cells in lines)
    said = "".join(f"- {row.name}: {_first(row.said)}\n" for row in rows)
    return HEAD + table + NOTES + said


def renewed(text: str, rows: Sequence[Row]) -> str:
    """Return the page with these rows anew; a cell of who was not run stays as it was."""
    lines = text.splitlines(keepends=True)
    for row in rows:
        for at, line in enumerate(lines):
            if line.startswith(f"| {row.name} |"):
                old = line.strip("| \n").split(" | ")
                cells = astuple(row)[:-1]
                lines[at] = _line(
                    [o if n == "not run" else n for o, n in zip(old, cells, strict=True)]
                )
            elif line.startswith(f"- {row.name}: "):
                lines[at] = f"- {row.name}: {_first(row.said)}\n"
    return "".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _first(said: str) -> str:
    """Return the first of what was said, without the lines of a program's log that it quotes."""
    return said.partition("; ")[0].partition(": INFO: ")[0]
