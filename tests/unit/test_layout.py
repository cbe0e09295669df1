"""layout.py: no word is ever broken, on any terminal; what does not fit side by side is stacked."""

import io
import os
import re
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle import layout, show

SCHEDULE = (
    ("job", "cron", "next (Europe/Berlin)", "last slot", "last state", "why"),
    [
        (
            "partitions.create", "15 1 * * *", "2026-11-22 01:15:00+01:00", "2026-11-21 00:15:00Z", "pass",
            "Rows need a partition before they come; 4 are kept ahead.",
        ),
        ("gdpr.erase", "0 2 * * *", "2026-11-22 02:00:00+01:00", "2026-11-21 01:00:00Z", "could not verify",
         "People who asked to be forgotten are due every night."),
    ],
)  # fmt: skip
RUNS = (
    ("id", "job", "scheduled_for", "state", "verdict", "attempt", "asked_by", "summary"),
    [
        ("12", "retention.expire", "2026-11-21 02:00:00Z", "finished", "pass", "1", "schedule",
         "120 rows deleted, 44 values cleared by 5 rules; 0 still overdue"),
        ("13", "backups.dump", "2026-11-21 03:00:00Z", "lost", "-", "3", "schedule", "-"),
    ],
)  # fmt: skip
DOCTOR = (
    ("check", "verdict", "what"),
    [
        ("vitalis: buckets", "pass", "lifecycle-dumps-1 answers and keeps versions"),
        ("vitalis: rights", "fail", 'may not delete on documents, which "retention" and "gdpr" need'),
        ("settings", "pass", "/etc/lifecycle/lifecycle.yaml can be changed by its owner alone"),
    ],
)  # fmt: skip
REQUESTS = (
    ("request", "state", "due", "deadline", "overdue"),
    [("ref_9f86d081884c7d65", "in grace", "2026-12-01 08:00:00Z", "2026-12-21 08:00:00Z", "no")],
)
RETENTION = (
    ("rule", "do", "after", "before", "overdue", "without a date", "in the way"),
    [("ingestion_jobs", "delete", "90 days", "2026-08-23", "1,200", "0", "-"),
     ("users.ip_address", "clear", "1 month", "2026-10-21", "3", "12",
      "a delete would clear rows of documents too, by documents_user_id_fkey")],
)  # fmt: skip
TABLES = {
    "schedule": SCHEDULE, "runs": RUNS, "doctor": DOCTOR, "requests": REQUESTS, "retention": RETENTION,
}  # fmt: skip
Table = tuple[Sequence[str], Sequence[Sequence[str]]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(table: Table, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    show.table("title", *table, as_json=False)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 100, 120])
@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(
    table: Table, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(table, width, monkeypatch)
    wanted = {word for row in table[1] for text in row for word in text.split() if word != "-"}
    assert wanted <= set(out.split())
    longest = max(map(len, wanted))
    assert max(map(len, out.splitlines())) <= max(width, longest + 4)


@pytest.mark.parametrize(
    ("name", "width", "side_by_side"),
    [
        ("doctor", 80, True),
        ("doctor", 40, False),
        ("requests", 100, True),
        ("requests", 80, False),
        ("schedule", 80, False),
        ("schedule", 120, True),
        ("runs", 80, False),
        ("retention", 120, True),
    ],
)
def test_rows_are_stacked_where_their_columns_do_not_fit(
    name: str, width: int, side_by_side: bool
) -> None:
    assert (layout.widths(*TABLES[name], width) is not None) is side_by_side


def test_stacked_rows_read_as_names_and_values_without_what_is_empty() -> None:
    assert layout.stacked(*REQUESTS, 40).splitlines() == [
        "request: ref_9f86d081884c7d65",
        "  state: in grace",
        "  due: 2026-12-01 08:00:00Z",
        "  deadline: 2026-12-21 08:00:00Z",
        "  overdue: no",
    ]
    assert "summary" not in layout.stacked(RUNS[0], RUNS[1][1:], 40)


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.text("ab -", max_size=40), min_size=n, max_size=n), min_size=1, max_size=4
        )
    ),
    st.integers(20, 120),
)
def test_columns_side_by_side_fit_and_hold_their_longest_word(
    cells: list[list[str]], width: int
) -> None:
    columns, rows = [f"c{i}" for i in range(len(cells[0]))], cells
    found = layout.widths(columns, rows, width)
    if found is not None:
        assert sum(found) + layout.GAP * (len(found) - 1) <= width
        for row in rows:
            for text, wide in zip(row, found, strict=True):
                assert all(len(word) <= wide for word in text.split())


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_into_a_pipe_goes_one_line_per_row_with_tabs_and_nothing_else(
    table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    show.table("title", *table, as_json=False)
    title, head, *lines = capsys.readouterr().out.splitlines()
    assert (title, head.split("\t")) == ("title", list(table[0]))
    assert [line.split("\t") for line in lines] == [list(row) for row in table[1]]


def test_a_cell_with_more_lines_is_still_one_line_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show.table("t", ("a", "b"), [("one\ntwo\tthree", 1)], as_json=False)
    assert capsys.readouterr().out == "t\na\tb\none two?three\t1\n"


def test_numbers_that_are_typed_again_are_not_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    show.table("runs", ("id", "rows"), [(1234, 1234)], as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "1234\t1,234"


def test_without_a_known_width_nothing_is_padded_beyond_eighty_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", _nowhere)
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    show.table("runs", *RUNS, as_json=False)
    assert max(map(len, out.getvalue().splitlines())) <= 80
    assert not re.search(r"─{81}", out.getvalue())


def _nowhere(*_: object) -> os.terminal_size:
    raise OSError
