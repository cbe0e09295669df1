"""The partitions that were made in a period. Pure."""

from collections.abc import Mapping
from typing import Any

from lifecycle.chapter import Chapter, Column, Facts, Table, text
from lifecycle.words import counted


def chapter(facts: Facts, _own: Mapping[str, Any]) -> Chapter:
    """Return what was made, each with its run."""
    made = tuple(
        {"partition": line.target, "at": text(line.at), "run": line.run}
        for line in facts.evidence
        if line.event == "partitions.created" and line.kind == "effect"
    )
    were, need = ("was", "it") if len(made) == 1 else ("were", "them")
    return Chapter(
        "partitions",
        "Partitions made",
        f"{counted(len(made), 'partition')} {were} made ahead of the rows that need {need}.",
        (
            Table(
                "partitions",
                "",
                (
                    Column("partition", "Partition", "name"),
                    Column("at", "made", "instant"),
                    Column("run", "run"),
                ),
                made,
                "None was needed in this period.",
            ),
        ),
    )
