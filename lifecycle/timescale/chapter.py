"""How many chunks of each hypertable were compressed in a period. Pure."""

from collections.abc import Mapping
from typing import Any

from lifecycle.chapter import Chapter, Column, Facts, Table, text
from lifecycle.timescale.survey import COMPRESSED
from lifecycle.words import counted


def chapter(facts: Facts, _own: Mapping[str, Any]) -> Chapter:
    """Return one row for each hypertable of which a chunk was compressed."""
    lines = [e for e in facts.evidence if e.event == COMPRESSED and e.kind == "effect"]
    tables = {line.target: line for line in sorted(lines, key=lambda line: line.at)}
    rows = tuple(
        {
            "table": name,
            "chunks": sum(line.target == name for line in lines),
            "at": text(last.at),
            "run": last.run,
        }
        for name, last in sorted(tables.items())
    )
    columns = (
        Column("table", "Hypertable", "name"),
        Column("chunks", "chunks", "count"),
        Column("at", "last", "instant"),
        Column("run", "run"),
    )
    said = f"{counted(len(lines), 'chunk')} of {counted(len(rows), 'hypertable')} compressed."
    table = Table("compressed", "", columns, rows, "None was compressed in this period.")
    return Chapter("timescale", "Chunks compressed", said, (table,))
