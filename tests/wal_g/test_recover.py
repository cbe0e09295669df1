"""Coming back to a named point from what the real WAL-G keeps: whole, and damaged in each way that must be noticed."""

from lifecycle.outcome import Verdict
from tests.wal_g.clinic import Clinic, told, unseen


def test_a_healthy_archive_brings_back_every_row_and_leaves_nothing_behind(clinic: Clinic) -> None:
    before = clinic.source.archive.files()

    outcome = clinic.drill()

    assert outcome.verdict is Verdict.PASS, (told(outcome), unseen(outcome))
    assert outcome.counts["rows"] >= 21000
    assert clinic.left() == []
    assert clinic.source.archive.files() == before
