"""docs/detection.md is what `python -m bench.detection` writes: a row for each damage, and nothing beside it."""

import re
from pathlib import Path

from bench.detection import damage, page
from bench.detection.page import Row

PAGE = (Path(__file__).parents[2] / "docs/detection.md").read_text(encoding="utf-8")


def table() -> list[Row]:
    lines = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    said = dict(
        re.findall(
            r"^- ([^:\n]+(?:: healthy)?): (.*)$", PAGE.partition("the drill said")[2], re.MULTILINE
        )
    )
    return [
        Row(name, drill, watch, verify, manifest, barman, select_1, said[name])
        for name, drill, watch, verify, manifest, barman, select_1 in lines[2:]
    ]


def test_each_damage_has_its_row_in_their_order() -> None:
    names = [row.name for row in table()]

    assert names[: len(damage.on_copies())] == [one.name for one in damage.on_copies()]


def test_the_page_is_as_it_is_written_from_its_rows() -> None:
    assert page.markdown(table()) == PAGE


def test_everybody_is_quiet_where_nothing_is_damaged() -> None:
    healthy = table()[0]

    assert {healthy.drill, healthy.watch, healthy.verify, healthy.manifest} == {"quiet"}
