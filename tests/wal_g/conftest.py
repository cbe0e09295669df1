"""What the tests of WAL-G share: one server per worker that archives, and for each test a copy of its archive."""

import shutil
from collections.abc import Iterator

import pytest

from tests.wal_g.source import Archive, Source, private


@pytest.fixture(scope="session")
def source() -> Iterator[Source]:
    """A server with one base backup and a database `clinic` that has rows from before and from after it."""
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
        made.say("insert into visits select n from generate_series(20001, 21000) n", "clinic")
        made.say("vacuum visits", "clinic")
        yield made
    finally:
        made.end()


@pytest.fixture
def archive(source: Source) -> Iterator[Archive]:
    """A copy of the source's archive as it is now, for a test to damage."""
    place = private("lifecycle-archive-")
    try:
        yield source.copy(place)
    finally:
        shutil.rmtree(place)
