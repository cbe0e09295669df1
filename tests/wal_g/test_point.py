"""Restore points: exact among writers, refused without the right, and what only they can tell of a source's own damage."""

import shutil
import threading
from collections.abc import Iterator

import psycopg
import pytest

from backups.wal_g import point
from backups.wal_g.findings import FINDINGS
from lifecycle.errors import AccessDenied
from lifecycle.outcome import Verdict
from tests.wal_g.clinic import Clinic, told, unseen
from tests.wal_g.source import Source, private


def test_a_point_among_writers_is_exact_or_says_that_it_is_not(clinic: Clinic) -> None:
    over = threading.Event()

    def write(number: int) -> None:
        with psycopg.connect(clinic.source.cluster.dsn("clinic"), autocommit=True) as conn:
            while not over.wait(0.01):
                conn.execute(
                    "insert into visits (id) select coalesce(max(id), 0) + 1 from visits on conflict do nothing"
                )
                conn.execute("delete from visits where id = 20000 + %s", [number])

    writers = [threading.Thread(target=write, args=(n,)) for n in (1, 2, 3)]
    for writer in writers:
        writer.start()
    try:
        pointed = clinic.point()
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert pointed.verdict is Verdict.PASS, pointed

    outcome = clinic.drill()

    assert outcome.verdict is not Verdict.FAIL, told(outcome)
    assert outcome.verdict is Verdict.PASS or "committed just before the point" in unseen(outcome)


def test_without_the_right_to_write_one_it_says_who_has_to_give_it(clinic: Clinic) -> None:
    rights = "execute on function pg_create_restore_point(text), pg_switch_wal()"
    system = clinic.system()
    clinic.source.say(f"revoke {rights} from lifecycle", "clinic")
    try:
        with pytest.raises(AccessDenied) as refused:
            clinic.point()
        found = [one.verdict for one in FINDINGS["restore points"](system)]
    finally:
        clinic.source.say(f"grant {rights} to lifecycle", "clinic")
    assert refused.value.hint == point.GRANT
    assert found == [Verdict.FAIL]
    assert [one.verdict for one in FINDINGS["restore points"](system)] == [Verdict.PASS]


def test_doctor_says_which_program_it_is_and_that_its_store_answers(clinic: Clinic) -> None:
    found = list(FINDINGS["WAL-G"](clinic.system()))

    assert [one.verdict for one in found] == [Verdict.PASS, Verdict.PASS]
    assert "v1.1.3" in found[0].what or "SHA-256" in found[0].what
    [missing] = FINDINGS["WAL-G"](clinic.system(program="/none/wal-g"))
    assert missing.verdict is Verdict.FAIL


@pytest.fixture
def hurt() -> Iterator[Clinic]:
    """A source of which a page of a table was lost before its base backup was taken: with checksums, and nobody told."""
    source, place = Source(), private("lifecycle-hurt-")
    place.chmod(0o711)
    try:
        source.say("create database clinic")
        source.say(
            "create table visits (id bigint primary key, note text);"
            "insert into visits select n, repeat('x', 200) from generate_series(1, 20000) n;",
            "clinic",
        )
        source.say("vacuum analyze visits", "clinic")
        source.lose_page("visits", "clinic")
        source.push()
        yield Clinic(source, place)
    finally:
        source.end()
        shutil.rmtree(place)


def test_7_a_page_that_was_lost_on_the_source_itself_is_found_by_the_index(hurt: Clinic) -> None:
    hurt.install()
    assert hurt.point().verdict is Verdict.PASS

    outcome = hurt.drill()

    assert outcome.verdict is Verdict.FAIL, (outcome.summary, unseen(outcome))
    assert "its index knows of 20,000" in told(outcome)
    assert hurt.left() == []
