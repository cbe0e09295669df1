"""What reached the end of its time in a period, and what is overdue and still there. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from lifecycle.chapter import Chapter, Column, Facts, Table
from lifecycle.ledger.reading import Evidence, Run
from lifecycle.words import counted


def chapter(facts: Facts, _own: Mapping[str, Any]) -> Chapter:
    """Return what ended per table, and what was overdue afterwards, as the runs counted it."""
    ended = _ended(facts.evidence)
    runs = [run for run in facts.runs if run.job.startswith("retention.")]
    ending = [run for run in runs if run.finished_at and not run.narrowed]
    latest = max(ending, key=lambda run: str(run.finished_at), default=None)
    overdue = latest.counts.get("overdue") if latest else None
    left = {
        "still_overdue": overdue,
        "on_hold": latest.counts.get("on hold", 0) if latest else None,
        "without_a_date": latest.counts.get("without a date") if latest else None,
        "failed": sum(len(run.failures) for run in runs),
    }
    return Chapter(
        "retention",
        "What reached the end of its time",
        _sentence(ended, overdue, ran=latest is not None),
        (
            Table(
                "ended",
                "",
                (
                    Column("table", "Table", "name"),
                    Column("how", "how"),
                    Column("rows", "rows", "count"),
                ),
                ended,
                "Nothing was removed in this period.",
            ),
            Table(
                "left",
                "Counted again afterwards",
                (
                    Column("still_overdue", "still overdue", "alarm"),
                    Column("on_hold", "on legal hold", "count"),
                    Column("without_a_date", "without a date", "count"),
                    Column("failed", "rules that failed", "alarm"),
                ),
                (left,),
            ),
            _copies(latest),
        ),
        "warn" if overdue else None,
    )


def _copies(run: Run | None) -> Table:
    """Show the copies that the last run over all rules named, and the searches for some that could not be made."""
    unseen = (run.coverage or {}).get("unseen", ()) if run else ()
    return Table(
        "copies",
        "Copies that no rule clears",
        (Column("copy", "What may still hold what was ended", "name"), Column("why", "why")),
        tuple(
            {"copy": one["place"].removeprefix("copy "), "why": one["why"]}
            for one in unseen
            if one["place"].startswith(("copy ", "search "))
        ),
        "None was found." if run else "Nobody looked in this period.",
    )


def _ended(evidence: Iterable[Evidence]) -> tuple[dict[str, Any], ...]:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for line in evidence:
        if line.kind == "effect" and (
            line.event.startswith("retention.") or line.event == "partitions.dropped"
        ):
            counts[line.target, line.event].update(line.counts)
    return tuple(
        {"table": table, "how": event.partition(".")[2], "rows": counted["rows"]}
        for (table, event), counted in sorted(counts.items())
    )


def _sentence(rows: Iterable[Mapping[str, Any]], overdue: int | None, *, ran: bool) -> str:
    every = tuple(rows)
    ended = sum(row["rows"] for row in every if row["how"] != "moved")
    moved = sum(row["rows"] for row in every if row["how"] == "moved")
    were = "was" if ended == 1 else "were"
    gone = f"{counted(ended, 'row or value', 'rows or values')} reached the end of their time and {were} removed"
    if moved:
        gone += f"; {counted(moved, 'row')} moved into archives"
    if not ran:
        return f"{gone}; no retention run over all rules ended in this period."
    if overdue is None:
        return f"{gone}; how many are overdue was not counted."
    return (
        f"{gone}; {counted(overdue, 'is', 'are')} overdue and still there."
        if overdue
        else f"{gone}; none is overdue."
    )
