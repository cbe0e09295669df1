"""A page that is damaged on the source, and what WAL-G notes of it when it takes a base backup with `--verify`."""

import shutil

from backups.wal_g import noted
from backups.wal_g.program import find
from lifecycle.outcome import Verdict
from tests.wal_g.clinic import Clinic, told
from tests.wal_g.source import PAGE, Source, private


def spoil(source: Source, table: str, database: str) -> None:
    """Change a byte of the third page of a table's file, as a disk does."""
    source.say("checkpoint")
    [(path,)] = source.ask(f"select pg_relation_filepath('{table}')", database)
    source.cluster.stop()
    with (source.cluster.data / path).open("r+b") as heap:
        heap.seek(2 * PAGE + 5000)
        heap.write(b"!")
    source.cluster.start()


def test_8_a_page_that_is_damaged_on_the_source_is_found_by_what_wal_g_notes() -> None:
    source, place = Source(), private("lifecycle-noted-")
    place.chmod(0o711)
    try:
        source.say("create database clinic")
        source.say("create table visits (id bigint primary key, note text)", "clinic")
        source.say("create table labs (note text)", "clinic")
        source.say("insert into visits select n from generate_series(1, 99) n", "clinic")
        source.say("insert into labs select repeat('x', 500) from generate_series(1, 99)", "clinic")
        made = Clinic(source, place)
        made.install()
        source.say("grant select on labs to lifecycle", "clinic")
        whole = source.push("--full", "--verify")
        assert list(noted.damaged(find(made.system()), whole)) == []
        made.after()
        assert made.point().verdict is Verdict.PASS
        made.after()
        healthy = made.drill()
        assert healthy.verdict is Verdict.PASS, told(healthy)

        spoil(source, "labs", "clinic")
        damaged = source.push("--full", "--verify")

        [found] = noted.damaged(find(made.system()), damaged)
        assert (found.target, "1 damaged page on the server" in found.what) == (damaged, True)
        assert "/base/" in found.what
    finally:
        source.end()
        shutil.rmtree(place)
