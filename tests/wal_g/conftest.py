"""What the tests of WAL-G share: one server per worker that archives, and for each test a copy of its archive."""

import shutil
from collections.abc import Iterator

import pytest

from lifecycle.outcome import Verdict
from tests.wal_g.clinic import Clinic
from tests.wal_g.source import Archive, Source, private


@pytest.fixture(scope="session")
def source() -> Iterator[Source]:
    """A server with a full base backup and a delta, and a database `clinic` with rows from before, between and after."""
    made = Source()
    try:
        made.say("create database clinic")
        made.say(
            "create table visits (id bigint primary key, at timestamptz default now(), note text);"
            "insert into visits select n, now(), repeat('x', 200) from generate_series(1, 20000) n;",
            "clinic",
        )
        made.say("vacuum analyze visits", "clinic")
        made.push()
        made.say("insert into visits select n from generate_series(20001, 20500) n", "clinic")
        made.push()
        made.say("insert into visits select n from generate_series(20501, 21000) n", "clinic")
        made.say("vacuum visits", "clinic")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def clinic(source: Source) -> Iterator[Clinic]:
    """The source as a system of ours, with a restore point in its archive."""
    place = private("lifecycle-drills-")
    place.chmod(0o711)
    made = Clinic(source, place)
    made.install()
    pointed = made.point()
    assert pointed.verdict is Verdict.PASS, pointed
    made.after()
    yield made
    shutil.rmtree(place)


@pytest.fixture
def archive(source: Source) -> Iterator[Archive]:
    """A copy of the source's archive as it is now, for a test to damage."""
    place = private("lifecycle-archive-")
    try:
        yield source.copy(place)
    finally:
        shutil.rmtree(place)
