"""How often each materialized view was made anew in a period, and when last. Pure."""

from collections.abc import Mapping
from typing import Any

from lifecycle.chapter import Chapter, Column, Facts, Table, text
from lifecycle.maintenance.survey import REFRESHED
from lifecycle.words import counted


def chapter(facts: Facts, _own: Mapping[str, Any]) -> Chapter:
    """Return one row for each view that was refreshed."""
    lines = [e for e in facts.evidence if e.event == REFRESHED and e.kind == "effect"]
    views = {line.target: line for line in sorted(lines, key=lambda line: line.at)}
    rows = tuple(
        {
            "view": name,
            "times": sum(line.target == name for line in lines),
            "at": text(last.at),
            "run": last.run,
        }
        for name, last in sorted(views.items())
    )
    columns = (
        Column("view", "Materialized view", "name"),
        Column("times", "times", "count"),
        Column("at", "last", "instant"),
        Column("run", "run"),
    )
    said = f"{counted(len(rows), 'materialized view')} refreshed {counted(len(lines), 'time')}."
    table = Table("refreshed", "", columns, rows, "None was refreshed in this period.")
    return Chapter("maintenance", "Views refreshed", said, (table,))
