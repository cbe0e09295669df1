"""A drill on the source's own host, whose files lie in a tablespace, too: whatever is come back to, these are let be."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.outcome import Verdict
from tests.wal_g.clinic import Clinic, opened, told, unseen
from tests.wal_g.source import Source, give, private


@pytest.fixture(scope="module")
def spaced() -> Iterator[tuple[Clinic, Path]]:
    """Give a server that made a tablespace after its base backup, and changed its rows after the point."""
    source, place = Source(), private("lifecycle-spaces-")
    place.chmod(0o711)
    space = source.place / "space"
    try:
        made = opened(source, place)
        source.push()
        space.mkdir()
        give(space)
        source.say(f"create tablespace elsewhere location '{space}'")
        source.say("create table labs (id bigint, note text) tablespace elsewhere", "clinic")
        source.say("grant select on labs to lifecycle", "clinic")
        source.say("insert into labs select n, 'a' from generate_series(1, 5000) n", "clinic")
        made.after()
        assert made.point().verdict is Verdict.PASS
        made.after()
        changed(source)
        yield made, space
    finally:
        source.end()
        shutil.rmtree(place)


def changed(source: Source) -> None:
    """Change the rows, and let the files have it."""
    for said in ("update labs set note = 'b'", "delete from labs where id > 2500", "vacuum labs"):
        source.say(said, "clinic")
    source.say("checkpoint")


def files(space: Path) -> dict[str, str]:
    return {
        str(file.relative_to(space)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in space.rglob("*")
        if file.is_file()
    }


def rows(source: Source) -> list[tuple[int, str, str]]:
    """Return what a server that begins anew finds in its files."""
    source.cluster.stop()
    source.cluster.start()
    return source.ask("select count(*), min(note), max(note) from labs", "clinic")


def test_37_a_tablespace_that_the_log_makes_is_not_made_over_the_sources(
    spaced: tuple[Clinic, Path],
) -> None:
    """Recovery makes it where the log says: with the source on the same host its files got old pages, and no error."""
    clinic, space = spaced
    before = files(space)

    outcome = clinic.drill()

    assert outcome.verdict is Verdict.UNVERIFIED, (outcome.summary, told(outcome))
    assert "the log makes a tablespace" in unseen(outcome)
    assert files(space) == before
    assert clinic.left() == []
    assert rows(clinic.source) == [(2500, "b", "b")]


def test_37_a_base_backup_that_has_one_is_refused_by_name_before_anything_is_fetched(
    spaced: tuple[Clinic, Path],
) -> None:
    clinic, space = spaced
    name = clinic.source.push("--full")
    clinic.after()
    assert clinic.point().verdict is Verdict.PASS
    clinic.after()
    changed(clinic.source)
    before = files(space)

    outcome = clinic.drill()

    assert outcome.verdict is Verdict.UNVERIFIED, (outcome.summary, told(outcome))
    assert f"{name} has tablespaces" in unseen(outcome)
    assert "fetch_ms" not in outcome.counts
    assert files(space) == before
    assert clinic.left() == []
