"""An archive that WAL-G encrypts with a real PGP key: quiet and come back to with it, told by what it is without it.

The keys in `keys/` were made for this test alone, without a passphrase, and open nothing else.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backups.wal_g import wal_fetch
from backups.wal_g.ends.survey import survey_store
from backups.wal_g.program import find
from backups.wal_g.watch import watch
from lifecycle.outcome import Outcome, Verdict
from tests.keep import work
from tests.wal_g.aged import PROMISED
from tests.wal_g.clinic import Clinic, now, opened, told, unseen
from tests.wal_g.source import Archive, Source, give, private

KEYS = Path(__file__).parent / "keys"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Give a directory with both keys, which the server's account can read."""
    made = private("lifecycle-keys-")
    for file in KEYS.iterdir():
        shutil.copy(file, made)
        (made / file.name).chmod(0o600)
    give(made)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def sealed(place: Path) -> Iterator[Clinic]:
    source, scratch = Source({"WALG_PGP_KEY_PATH": str(place / "right.asc")}), private("lifecycle-sealed-")  # fmt: skip
    scratch.chmod(0o711)
    try:
        made = opened(source, scratch)
        source.push()
        made.after()
        assert made.point().verdict is Verdict.PASS
        made.after()
        yield made
    finally:
        source.end()
        shutil.rmtree(scratch)


@pytest.fixture
def archive(sealed: Clinic) -> Iterator[Archive]:
    made = private("lifecycle-archive-")
    try:
        yield sealed.source.copy(made)
    finally:
        shutil.rmtree(made)


def with_key(archive: Archive, key: Path | None) -> Archive:
    """Let WAL-G have this key, or none, and not try for a quarter of an hour whether what it cannot read mends itself."""
    said = json.loads(archive.config.read_text()) | {"WALG_DOWNLOAD_CONCURRENCY": "1"}
    said |= {"WALG_PGP_KEY_PATH": str(key)} if key else {}
    archive.config.write_text(json.dumps(said))
    return archive


def looked(sealed: Clinic, archive: Archive) -> Outcome:
    system = sealed.system(archive, {"encrypt": True})
    claim = sealed.claim("backups.watch")
    try:
        return work(watch.carry_out, system, claim, now())
    finally:
        sealed.end(claim)


def test_what_is_encrypted_is_quiet_and_comes_back_with_its_key(
    sealed: Clinic, archive: Archive, place: Path
) -> None:
    own = with_key(archive, place / "right.asc")
    parts = [*own.wal, *own.base.glob("*/tar_partitions/*")]
    assert all(file.read_bytes()[:1] in (b"\xc1", b"\x84", b"\x85") for file in parts)

    seen, drilled = looked(sealed, own), sealed.drill(own)

    assert seen.verdict is Verdict.PASS, (told(seen), unseen(seen))
    assert drilled.verdict is Verdict.PASS, (told(drilled), unseen(drilled))


@pytest.mark.parametrize("key", ["wrong.asc", None])
def test_19_without_its_key_it_is_told_and_never_taken_for_the_end_of_the_log(
    sealed: Clinic, archive: Archive, place: Path, key: str | None
) -> None:
    own = with_key(archive, place / key if key else None)
    system = sealed.system(own)
    segment, to = own.wal[-1].name[:24], own.place / "fetched"

    drilled, seen = sealed.drill(own), looked(sealed, own)
    env = {"LIFECYCLE_WAL_FETCH_PAUSES": "0", "PATH": "/usr/bin:/bin"}
    fetched = wal_fetch.fetch(find(system).argv, segment, to, env)

    assert drilled.verdict is Verdict.FAIL, (drilled.summary, unseen(drilled))
    # Without any key WAL-G takes it for what only compresses, and says that it cannot be unpacked.
    said = "cannot be decrypted with the key that WAL-G has here" if key else "backup-fetch"
    assert said in told(drilled)
    assert seen.verdict is Verdict.FAIL
    assert fetched == wal_fetch.FAILED
    assert sealed.left() == []


def test_what_is_encrypted_is_whole_to_what_decides_which_end(
    sealed: Clinic, archive: Archive, place: Path
) -> None:
    own = with_key(archive, place / "right.asc")
    seen = survey_store(sealed.system(own, PROMISED), now(), None)
    assert [seen.is_whole(one) for one in seen.there.backups] == [True]
