"""Each damage: what is done to a copy of the archive, or to the server before its backup is taken."""

# ruff: noqa: ARG001, ARG005, S603, S608 - each damage is called alike; its own words, and gpg

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lifecycle.outcome import Verdict
from tests.waiting import wait_until
from tests.wal_g.clinic import Clinic
from tests.wal_g.source import PAGE, Archive, Source, give, private, promoted

ROWS = 20_000
KEY = b"""
Key-Type: RSA
Key-Length: 2048
Subkey-Type: RSA
Subkey-Length: 2048
Name-Real: %s
%%no-protection
%%commit
"""
Hurt = Callable[[Clinic, Archive], None]


@dataclass(frozen=True)
class Damage:
    """A row of the table: `store` is done to a copy of the archive, `files` the same to a pg_basebackup."""

    name: str
    store: Hurt
    files: Callable[[Path], None] | None = None


@contextmanager
def server(
    hurt: Callable[[Source], None] | None = None,
    settings: dict[str, str] | None = None,
    *,
    pointed: bool = True,
) -> Generator[Clinic]:
    """Give a server with a full base backup, a delta, and a restore point in its archive; `hurt` comes first."""
    source, place = Source(settings), private("lifecycle-detection-")
    place.chmod(0o711)
    try:
        source.say("create database clinic")
        source.say("create table visits (id bigint primary key, note text)", "clinic")
        _write(source, 0, ROWS)
        source.say("vacuum analyze visits", "clinic")
        clinic = Clinic(source, place)
        clinic.install()
        if hurt is not None:
            hurt(source)
        for push in (1, 2):
            source.push()
            _write(source, push * ROWS, 500)
        source.say("vacuum visits", "clinic")
        source.say("grant execute on function pg_ls_archive_statusdir() to lifecycle", "clinic")
        if pointed:
            assert clinic.point().verdict is Verdict.PASS
        clinic.after()
        yield clinic
    finally:
        source.end()
        shutil.rmtree(place)


def _write(source: Source, after: int, rows: int) -> None:
    made = f"select n, repeat('x', 200) from generate_series({after + 1}, {after + rows}) n"
    source.say(f"insert into visits {made}", "clinic")


def nothing(clinic: Clinic, archive: Archive) -> None:
    """Leave all as it is."""


def no_file(base: Path) -> None:
    """Leave a pg_basebackup as it is."""


def _of_point(clinic: Clinic, archive: Archive) -> Path:
    segment = clinic.newest().point.segment
    return next(path for path in archive.wal if path.name.startswith(segment))


def _before_point(clinic: Clinic, archive: Archive) -> Path:
    """Return the segment before the point's, which the newest base backup needs to be consistent."""
    stored = [path for path in archive.wal if ".backup" not in path.name]
    return stored[stored.index(_of_point(clinic, archive)) - 1]


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)


def _cut(path: Path, kept: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])


def _part(archive: Archive) -> Path:
    """Return the largest part of the base backups."""
    return max(archive.base.glob("*/tar_partitions/part_*"), key=lambda path: path.stat().st_size)


def _largest(base: Path) -> Path:
    return max(base.glob("base/*/*"), key=lambda path: path.stat().st_size)


def _exchange(clinic: Clinic, archive: Archive) -> None:
    shutil.copy(archive.wal[0], _of_point(clinic, archive))


def _lose_tail(clinic: Clinic, archive: Archive) -> None:
    since = archive.wal.index(_of_point(clinic, archive))
    for path in archive.wal[since:]:
        path.unlink()


def _sentinels(archive: Archive) -> list[Path]:
    return sorted(archive.base.glob("*_backup_stop_sentinel.json"))


def _killed(clinic: Clinic, archive: Archive) -> None:
    """Leave what a push leaves that was killed: its parts, and no sentinel. Of each push there was."""
    for sentinel in _sentinels(archive):
        sentinel.unlink()


def _no_json(clinic: Clinic, archive: Archive) -> None:
    for sentinel in _sentinels(archive):
        sentinel.write_text("{")


def _no_parent(clinic: Clinic, archive: Archive) -> None:
    for sentinel in _sentinels(archive):
        if "_D_" not in sentinel.name:
            sentinel.unlink()
            shutil.rmtree(archive.base / sentinel.name.removesuffix("_backup_stop_sentinel.json"))


def _promoted(clinic: Clinic, archive: Archive) -> None:
    """Let a restored copy archive into the store: a timeline of its own, with a row that the source never had."""
    with promoted(clinic.source, archive) as other:
        other.say("insert into visits select max(id) + 1 from visits", "clinic")
        [(last,)] = other.ask("select pg_walfile_name(pg_switch_wal())")
        archived = f"select last_archived_wal >= '{last}' from pg_stat_archiver"
        wait_until(lambda: other.ask(archived) == [(True,)])


def on_copies() -> tuple[Damage, ...]:
    """Return what is done to copies of a healthy server's archive; the first is nothing at all."""
    return (
        Damage("nothing: healthy", nothing, no_file),
        Damage("a segment of the base backup itself is lost", lambda c, a: _before_point(c, a).unlink()),
        Damage("a segment after it is lost, and later ones are there", lambda c, a: _of_point(c, a).unlink()),
        Damage("the last segments are lost", _lose_tail),
        Damage("a byte of a segment is changed", lambda c, a: flip(_of_point(c, a))),
        Damage("a segment is cut in half", lambda c, a: _cut(_of_point(c, a), 0.5)),
        Damage("a segment is empty", lambda c, a: _cut(_of_point(c, a), 0)),
        Damage("a segment is another one's content", _exchange),
        Damage("a part of a base backup is lost", lambda c, a: _part(a).unlink(), lambda base: _largest(base).unlink()),
        Damage("a byte of a base backup is changed", lambda c, a: flip(_part(a)), lambda base: flip(_largest(base))),
        Damage("what a delta builds on is lost", _no_parent),
        Damage("each push was killed before its end", _killed),
        Damage("a sentinel is no JSON", _no_json),
        Damage("a copy was promoted and archived into the store", _promoted),
    )  # fmt: skip


def lose_page(source: Source) -> None:
    """Make a page of the table zeros on the source, before a base backup is taken."""
    source.lose_page("visits", "clinic")


def change_byte(source: Source) -> None:
    """Change a byte in a page of the table on the source, which has checksums."""
    source.say("checkpoint")
    [(path,)] = source.ask("select pg_relation_filepath('visits')", "clinic")
    source.cluster.stop()
    with (source.cluster.data / path).open("r+b") as heap:
        heap.seek(7 * PAGE + PAGE - 100)
        byte = heap.read(1)[0]
        heap.seek(-1, 1)
        heap.write(bytes([byte ^ 0xFF]))
    source.cluster.start()


def archive_by(command: str) -> Callable[[Source], None]:
    """Return what lets a server archive by another command from now on, and write on."""

    def hurt(source: Source) -> None:
        source.say(f"alter system set archive_command = '{command}'")
        source.say("select pg_reload_conf()")
        _write(source, 10 * ROWS, 500)
        source.say("select pg_switch_wal()")
        _write(source, 11 * ROWS, 500)

    return hurt


def key(place: Path, name: str) -> Path:
    """Return the file of a new PGP key without a passphrase. Raise CalledProcessError, FileNotFoundError."""
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        subprocess.run([*gpg, "--generate-key"], input=KEY % name.encode(), check=True)
        exported = subprocess.run(
            [*gpg, "--armor", "--export-secret-keys"], check=True, capture_output=True
        )
    file = place / f"{name}.asc"
    file.write_bytes(exported.stdout)
    give(file)
    return file


def locked(archive: Archive, with_key: Path) -> None:
    """Let WAL-G open the archive with another key."""
    settings = json.loads(archive.config.read_text())
    archive.config.write_text(json.dumps(settings | {"WALG_PGP_KEY_PATH": str(with_key)}))
