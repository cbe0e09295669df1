"""The months of the ledger that were exported and dropped in a period. Pure."""

from collections.abc import Mapping
from typing import Any

from lifecycle.chapter import Chapter, Column, Facts, Table, text
from lifecycle.words import counted


def chapter(facts: Facts, _own: Mapping[str, Any]) -> Chapter:
    """Return each month that left, with what it held and the digest its export is known by."""
    exported = {
        (line.run, line.target): line.digest
        for line in facts.evidence
        if line.event == "records.exported" and line.kind == "outcome"
    }
    left = tuple(
        {
            "month": line.target,
            "at": text(line.at),
            "counts": line.counts,
            "digest": exported.get((line.run, line.target)),
            "run": line.run,
        }
        for line in facts.evidence
        if line.event == "records.dropped" and line.kind == "effect"
    )
    return Chapter(
        "records",
        "The ledger's own months",
        f"{counted(len(left), 'month')} left the ledger, each after a signed copy of it was read back.",
        (
            Table(
                "months",
                "",
                (
                    Column("month", "Month"),
                    Column("at", "dropped", "instant"),
                    Column("counts", "held", "counts"),
                    Column("digest", "SHA-256 of its export", "name"),
                    Column("run", "run"),
                ),
                left,
                "None was over age in this period.",
            ),
        ),
    )
