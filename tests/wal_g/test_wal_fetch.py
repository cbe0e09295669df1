"""PostgreSQL's restore_command: 1 only where the archive says that it has no such file, 255 for whatever else there is."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backups.wal_g import wal_fetch
from lifecycle import cli
from lifecycle.postgres.binaries import environment, rights, server_account
from tests.waiting import wait_until
from tests.wal_g.source import Archive, Source, private, program

MISSING = "00000001000000FF000000AA"
ENV = os.environ | {"LIFECYCLE_WAL_FETCH_PAUSES": "0 0 0"}


@pytest.fixture
def place() -> Iterator[Path]:
    made = private("lifecycle-fetch-")
    yield made

    def gone() -> bool:
        shutil.rmtree(made)
        return True

    # WAL-G fetches what comes next in a process of its own, which may still be at it.
    wait_until(gone, forgive=OSError)


def fetch(
    archive: Archive, name: str, to: Path, *, config: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it as a drill's server does, by the server's account."""
    script = to.parent / "wal_fetch.sh"
    script.write_text(wal_fetch.SCRIPT.read_text())
    words = (str(program()), "--config", str(config or archive.config))
    return subprocess.run(
        ["/bin/sh", str(script), name, str(to), *words],
        env=environment({"LIFECYCLE_WAL_FETCH_PAUSES": "0 0"}),
        cwd=to.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **rights(server_account()),
    )


def segment(archive: Archive) -> str:
    return archive.wal[0].name.split(".")[0]


def test_a_segment_that_is_there_is_fetched_whole(archive: Archive, place: Path) -> None:
    ended = fetch(archive, segment(archive), place / "RECOVERYXLOG")

    assert ended.returncode == 0, ended.stderr
    assert (place / "RECOVERYXLOG").stat().st_size == 16 << 20


@pytest.mark.parametrize("name", [MISSING, "00000007.history"])
def test_what_the_archive_does_not_have_is_the_end(
    archive: Archive, place: Path, name: str
) -> None:
    ended = fetch(archive, name, place / "RECOVERYXLOG")

    assert ended.returncode == 1, ended.stderr
    assert not (place / "RECOVERYXLOG").exists()


@pytest.mark.parametrize("damage", ["truncated", "emptied", "one byte", "not readable"])
def test_a_segment_that_is_damaged_is_no_end(archive: Archive, place: Path, damage: str) -> None:
    stored, name = archive.wal[0], segment(archive)
    whole = stored.read_bytes()
    if damage == "not readable":
        stored.unlink()
        stored.mkdir()
    else:
        broken = bytearray(whole)
        broken[len(broken) // 2] ^= 0xFF
        kept = {"truncated": whole[: len(whole) // 2], "emptied": b"", "one byte": bytes(broken)}
        stored.write_bytes(kept[damage])

    ended = fetch(archive, name, place / "RECOVERYXLOG")

    assert ended.returncode == 255, ended.stderr
    assert not (place / "RECOVERYXLOG").exists()


def test_a_store_that_is_not_there_is_no_end(archive: Archive, place: Path) -> None:
    name = segment(archive)
    shutil.rmtree(archive.store)

    assert fetch(archive, name, place / "RECOVERYXLOG").returncode == 255


def test_a_configuration_that_is_not_there_is_no_end(archive: Archive, place: Path) -> None:
    ended = fetch(archive, MISSING, place / "RECOVERYXLOG", config=place / "none.json")

    assert ended.returncode == 255


def test_nothing_is_written_over_a_file_that_is_there(archive: Archive, place: Path) -> None:
    (place / "RECOVERYXLOG").write_text("somebody's")

    assert fetch(archive, segment(archive), place / "RECOVERYXLOG").returncode == 255
    assert (place / "RECOVERYXLOG").read_text() == "somebody's"


def test_what_is_no_name_of_the_log_is_asked_of_nobody(archive: Archive, place: Path) -> None:
    assert fetch(archive, "../../etc/passwd", place / "RECOVERYXLOG").returncode == 255


def double(place: Path, body: str) -> tuple[str, ...]:
    """Return a program that answers as WAL-G 3 does, which no registry has: in what it does otherwise than the real one."""
    script = place / "wal-g"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return (str(script),)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("exit 74", 1),
        ("echo \"ERROR: Archive '$2' does not exist.\" >&2; exit 1", 1),
        # Its child that fetches ahead says so of segments that nobody asked for.
        ("echo \"ERROR: Archive '000000010000000000000099' does not exist.\" >&2; exit 1", 255),
        ("echo 'ERROR: AccessDenied: status code: 403' >&2; exit 1", 255),
        ("exit 0", 255),
        ("kill -9 $$", 255),
        ("exit 2", 255),
    ],
)
def test_of_both_versions_only_their_word_for_absent_is_the_end(
    tmp_path: Path, body: str, code: int
) -> None:
    ended = wal_fetch.fetch(double(tmp_path, body), MISSING, tmp_path / "to", ENV)

    assert ended == code


def test_an_error_that_passes_is_waited_out(tmp_path: Path) -> None:
    body = f'if [ -e {tmp_path}/tried ]; then echo whole > "$3"; exit 0; fi; touch {tmp_path}/tried; echo part > "$3"; exit 1'

    ended = wal_fetch.fetch(double(tmp_path, body), MISSING, tmp_path / "to", ENV)

    assert ended == 0
    assert (tmp_path / "to").read_text() == "whole\n"


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    hanging = double(tmp_path, f"echo $$ >> {tmp_path}/pids; sleep 300 & wait")

    ended = wal_fetch.fetch(
        hanging, MISSING, tmp_path / "to", ENV | {"LIFECYCLE_WAL_FETCH_LIMIT": "1"}
    )

    assert ended == 255
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 3
    assert not any(Path("/proc", pid).exists() for pid in pids)


def test_a_program_that_is_missing_is_no_end(tmp_path: Path) -> None:
    argv = (str(tmp_path / "none"),)

    assert wal_fetch.fetch(argv, MISSING, tmp_path / "to", ENV) == 255


@pytest.mark.parametrize(
    "words",
    [
        ["backups", "wal-fetch"],
        ["backups", "wal-fetch", MISSING],
        ["backups", "wal-fetch", "--no-such-option", MISSING, "to"],
        ["--settings", "/none.yaml", "backups", "wal-fetch", MISSING, "to"],
        ["backups", "wal-fetch", "--system", "none", MISSING, "to"],
    ],
)
def test_a_command_line_or_settings_that_are_wrong_are_no_end(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_SETTINGS", "/none.yaml")

    assert cli.carry_out(words) == 255


def test_the_command_fetches_by_the_settings_alone_and_says_what_is_absent(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policy.yaml").write_text("system: clinic\ndatabase: clinic\ntables: {}\n")
    (tmp_path / "lifecycle.yaml").write_text(
        "systems: {clinic: {policy: policy.yaml, dsn: 'host=/nowhere dbname=clinic',"
        f" wal_g: {{program: {program()}, config: {source.archive.config}}}}}}}\n"
    )
    monkeypatch.setenv("LIFECYCLE_SETTINGS", str(tmp_path / "lifecycle.yaml"))
    name, to = segment(source.archive), tmp_path / "RECOVERYXLOG"

    assert cli.carry_out(["backups", "wal-fetch", name, str(to)]) == 0
    assert to.stat().st_size == 16 << 20
    assert cli.carry_out(["backups", "wal-fetch", MISSING, str(tmp_path / "to")]) == 1
