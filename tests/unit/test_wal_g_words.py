"""What a policy may promise of WAL-G, and what the server's own settings make of it."""

from typing import Any

import pytest

from backups.section import SECTION, Backups
from backups.wal_g import words
from lifecycle.policy import check, whole
from lifecycle.policy.look import Look
from lifecycle.postgres.catalog import Catalog

GOOD: dict[str, Any] = {"window": "7 days", "rpo": "5 minutes", "rto": "1 hour"}


def said(**other: str) -> list[str]:
    policy = whole.model().model_validate(
        {"system": "s", "database": "d", "tables": {}, "backups": {"wal_g": GOOD | other}}
    )
    return [mistake.what for mistake in check.check(policy)]


def notes(archive_timeout: int | None) -> list[str]:
    catalog = Catalog("1", "d", 15, {}, {}, (), (), archive_timeout=archive_timeout)
    policy = whole.model().model_validate({"system": "s", "database": "d", "tables": {}})
    look = Look(policy, catalog, [], [])
    assert SECTION.truth is not None
    SECTION.truth(Backups.model_validate({"wal_g": GOOD}), look)
    return look.notes


def test_what_can_be_kept_is_no_mistake() -> None:
    assert said() == []


def test_a_base_backup_seldomer_than_the_window_is_long_is_a_mistake() -> None:
    assert "does not carry a window of 7 days" in said(base="8 days")[0]


def test_an_rpo_longer_than_the_window_is_a_mistake() -> None:
    assert "longer than the window" in said(rpo="8 days")[0]


@pytest.mark.parametrize(
    ("timeout", "told"),
    [(3600, "can wait 1:00:00"), (300, "can wait"), (0, "archives nothing for as long"), (None, "set `archive_mode = on`")],
)  # fmt: skip
def test_an_rpo_that_the_server_cannot_keep_is_noted(timeout: int | None, told: str) -> None:
    assert told in notes(timeout)[0]


def test_an_rpo_that_the_server_can_keep_is_not() -> None:
    assert notes(60) == []


def test_where_nothing_is_promised_nothing_is_noted() -> None:
    assert list(words.sense(None)) == []
