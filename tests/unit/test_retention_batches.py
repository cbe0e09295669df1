"""How many rows go in one transaction, and what of a leaf that is."""

import pytest

from lifecycle import clock
from retention.fixed import BLOCK, MOST_BORN, MOST_PAGES, Stretch
from retention.pace import Pace


def block(number: int, rows: int, *born: str, page: int = 61) -> Stretch:
    """Return a stretch of one block of pages."""
    since = number * BLOCK * page
    return Stretch(rows, born, page, since, since + BLOCK * page)


def lengths(rows: int, wanted: int) -> list[int]:
    """Return how many rows each transaction has, of a stretch with so many."""
    rest: Stretch | None = block(0, rows, "7")
    found: list[int] = []
    while rest is not None:
        piece, rest = rest.first(wanted)
        found.append(piece.rows)
    return found


@pytest.mark.parametrize(
    ("took", "rows"), [(0.001, 100), (0.01, 50), (0.03, 20), (0.07, 10), (0.2, 5)]
)
def test_as_many_rows_go_next_as_take_a_moment(
    monkeypatch: pytest.MonkeyPatch, took: float, rows: int
) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: took)
    pace = Pace()
    pace.since(0.0, 10)
    assert pace.rows == rows


def test_a_rest_of_a_few_rows_is_no_transaction_of_its_own() -> None:
    assert lengths(20_821, 19_200) == [20_821]
    assert [round(rows, -3) for rows in lengths(30_000, 20_000)] == [15_000, 15_000]
    assert sum(lengths(100_000, 9_000)) == 100_000
    assert max(lengths(100_000, 9_000)) <= 9_000 * 1.25


def test_blocks_side_by_side_go_as_one_whatever_their_pages_hold() -> None:
    both = block(2, 100, "7", page=61).joined(block(3, 50, "7", "8", page=70))
    assert both is not None
    assert (both.rows, both.born, both.page) == (150, ("7", "8"), 70)
    assert both.values() == {
        "since": f"({2 * BLOCK},0)",
        "to": f"({4 * BLOCK},0)",
        "born": ["7", "8"],
    }


def test_blocks_far_apart_or_too_much_for_a_statement_go_one_by_one() -> None:
    assert block(0, 1, "7").joined(block(9, 1, "7")) is None
    many = [str(number) for number in range(MOST_BORN)]
    assert block(0, 1, *many).joined(block(1, 1, "x")) is None
    large = block(0, 1, "7")
    for number in range(1, MOST_PAGES // BLOCK):
        large = large.joined(block(number, 1, "7")) or large
    assert large.rows == MOST_PAGES // BLOCK
    assert large.joined(block(MOST_PAGES // BLOCK, 1, "7")) is None
