"""What lies under the name of a segment, by its pages; what of it is looked at; and what is no ciphertext."""

import json
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from backups.wal_g import log, segment
from backups.wal_g.listing import Backup
from backups.wal_g.log import Segment
from backups.wal_g.program import Program
from backups.wal_g.watch import content
from backups.wal_g.words import WalG
from lifecycle.coverage import Reason
from lifecycle.errors import Unproven
from lifecycle.outcome import Failure
from tests.unit.test_wal_g_lag import base

SIZE, PAGE = 2**20, 8192
NAME = Segment(2, 77).name(SIZE)


def written(left: int = 0) -> bytearray:
    """Return a segment of timeline 2, its first `left` pages from before the promotion."""
    pages = bytearray()
    for number in range(SIZE // PAGE):
        timeline = 1 if number < left else 2
        address = 77 * SIZE + number * PAGE
        head = struct.pack("<HHIQIxxxxQII", 0xD110, 2, timeline, address, 0, 7, SIZE, PAGE)
        head = head if number == 0 else head[:24]
        pages += head + b"\x11" * (PAGE - len(head))
    return pages


def switched(record_at: int) -> bytearray:
    """Return one in which the log is switched by a record at this place, a page's header stepped over."""
    whole = written()
    record = struct.pack("<IIQBBxxI", 24, 0, 9, 0x40, 0, 0x01020304)
    begins = record_at
    for byte in record:
        if begins % PAGE == 0:
            begins += 24
        whole[begins] = byte
        begins += 1
    whole[begins : -(-begins // PAGE) * PAGE] = bytes(-begins % PAGE)
    zeros = -(-begins // PAGE) * PAGE
    whole[zeros:] = bytes(SIZE - zeros)
    return whole


def said(whole: bytes | bytearray, tmp_path: Path, name: str = NAME, identifier: int = 7) -> str:
    file = tmp_path / "segment"
    file.write_bytes(whole)
    try:
        segment.must_be(file, name, identifier, SIZE)
    except Unproven as error:
        return error.what
    return ""


def test_a_whole_segment_is_quiet_that_of_a_promoted_server_too(tmp_path: Path) -> None:
    assert said(written(), tmp_path) == ""
    assert said(written(left=9), tmp_path) == ""


@pytest.mark.parametrize("at", [PAGE + 24, PAGE * 9 - 24, PAGE * 9 - 16, PAGE * 9 - 8, 40])
def test_a_segment_that_was_switched_ends_in_zeros_wherever_the_record_lies(
    at: int, tmp_path: Path
) -> None:
    assert said(switched(at), tmp_path) == ""


def change(at: int, value: bytes) -> Callable[[bytearray], bytes]:
    return lambda whole: bytes(whole[:at] + value + whole[at + len(value) :])


HURT: list[tuple[Callable[[bytearray], bytes], str]] = [
        (lambda whole: bytes(whole[:-1]), "it has 1,048,575 bytes in the archive, and 1,048,576 are a segment"),
        (lambda whole: bytes(len(whole)), "under this name is no segment of a log"),
        (lambda whole: bytes(whole[: SIZE // 2]) + bytes(SIZE // 2), "its page at 0/4D80000 is zeros"),
        (lambda whole: bytes(whole[:PAGE]) + bytes(PAGE) + bytes(whole[2 * PAGE :]), "its page at 0/4D02000 is"),
        (lambda whole: bytes(whole[:PAGE] + whole[2 * PAGE : 3 * PAGE] + whole[2 * PAGE :]), "its page at 0/4D02000"),
        (change(9 * PAGE + 4, b"\x03"), "its page at 0/4D12000 is zeros, or of another place or timeline"),
        (change(9 * PAGE, b"\x11"), "its page at 0/4D12000 is zeros, or of another place or timeline"),
        (change(4, b"\x03"), "in the archive lies another segment under this name"),
]  # fmt: skip


@pytest.mark.parametrize(("hurt", "told"), HURT)
def test_2_to_4_what_was_cut_emptied_zeroed_or_exchanged_is_found(
    hurt: Callable[[bytearray], bytes], told: str, tmp_path: Path
) -> None:
    assert told in said(hurt(written()), tmp_path)


def test_4_a_segment_of_another_cluster_or_place_is_found(tmp_path: Path) -> None:
    assert (
        said(written(), tmp_path, identifier=8)
        == "in the archive lies one of another server under this name"
    )
    other = Segment(2, 78).name(SIZE)
    assert said(written(), tmp_path, other) == "in the archive lies another segment under this name"
    before = Segment(1, 77).name(SIZE)
    assert (
        said(written(), tmp_path, before) == "in the archive lies another segment under this name"
    )
    assert log.segment(NAME, SIZE) == Segment(2, 77)


def test_the_newest_are_looked_at_each_time_and_all_others_in_time() -> None:
    there = [Segment(1, n) for n in range(40)]
    seen = set[Segment]()
    for run in range(200):
        looked = content.chosen(there, run)
        assert looked == content.chosen(there[::-1], run), "a look can be repeated"
        assert looked[:2] == [Segment(1, 39), Segment(1, 38)]
        assert len(looked) == 4
        seen.update(looked)
    assert seen == set(there)
    assert content.chosen(there[:1], 1) == there[:1]


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        ("04224d18646040", "a.lz4", "lz4"),
        ("28b52ffd0488", "a.zst", "zstd"),
        ("5d00008000ff", "a.lzma", "lzma"),
        ("10d106000100", "a", "the log as it is"),
        ("c1c04c03aabb", "a.lz4", None),
        ("85010c03aabb", "a.br", None),
        ("9f3bd17a5c01", "a.lz4", None),
    ],
)
def test_20_what_is_no_ciphertext_is_told_by_its_first_bytes(
    head: str, name: str, kind: str | None
) -> None:
    found = content.judged(bytes.fromhex(head), name)
    assert (found is None) if kind is None else isinstance(found, Failure) and kind in found.what
    assert isinstance(content.judged(bytes.fromhex("8b0580ff01"), "a.br"), Reason)


@pytest.mark.parametrize(
    ("env", "file", "told"),
    [
        ({}, {"WALG_FILE_PREFIX": "/store"}, False),
        ({}, {"WALG_PGP_KEY_PATH": "/key"}, True),
        ({}, {"WALG_LIBSODIUM_KEY_TRANSFORM": "hex"}, True),
        ({"WALG_LIBSODIUM_KEY": "x"}, {}, True),
        ({"AWS_REGION": "x"}, {}, False),
    ],
)
def test_20_a_key_in_its_settings_is_a_promise_too(
    env: dict[str, str], file: dict[str, str], told: bool, tmp_path: Path
) -> None:
    (tmp_path / "wal-g.json").write_text("# WALG_PGP_KEY_PATH: none\n" + json.dumps(file))
    walg = Program(Path("/wal-g"), "", ("--config", str(tmp_path / "wal-g.json")), env)
    asked = WalG.model_validate({"window": "7 days", "rpo": "5 minutes", "rto": "1 hour"})
    assert content.promised(asked, walg) is told
    assert content.promised(asked.model_copy(update={"encrypt": True}), walg)


def test_15_a_latest_that_is_not_the_newest_is_found() -> None:
    newest: Backup = base(Segment(1, 5))
    after = newest.modified + timedelta(seconds=1)
    older = newest.model_copy(update={"backup_name": "base_older", "modified": after})
    [found] = content.another((older, newest))
    assert found.target == "base_older"
    assert "the newest base backup is base_of_tonight" in found.what
    same = newest.model_copy(update={"backup_name": "base_older"})
    assert not [*content.another((same, newest)), *content.another((newest,)), *content.another(())]
