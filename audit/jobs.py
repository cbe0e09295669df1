"""What the daemon schedules for this room: the daily report. It needs nothing from the policy."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lifecycle import __version__
from lifecycle.coverage import Coverage, Judgement, Place
from lifecycle.job import Job
from lifecycle.ledger import evidence
from lifecycle.policy.model import Policy
from lifecycle.promise import Task


def jobs(policy: Policy) -> tuple[Job, ...]:  # noqa: ARG001 - every room is asked in the same way
    """Return the daily compliance report."""
    return (
        Job(
            "audit.report",
            "whoever answers for the data sees each morning what was done, and what was not",
            "30 7 * * *",
            write_report,
            limit=timedelta(minutes=30),
        ),
    )


def write_report(task: Task) -> Judgement:
    """Write the report of the day before the slot and of everything since the last report.

    Raise Refused when it cannot be written, and as `gather` does.
    """
    from audit import gather, render, report
    from audit.headline import headline

    system, claim = task.system, task.claim
    day = claim.scheduled_for.astimezone(ZoneInfo(system.policy.timezone))
    reports = system.machine.path(system.machine.reports) / system.name
    directory = reports / f"{day:%Y-%m-%d}-{claim.id}"
    # An earlier attempt may have written it and died before it could say so.
    document = render.standing(directory)
    if document is None:
        since, to = gather.period(system, claim.id, claim.scheduled_for, task.now)
        document = report.make(gather.gather(system, __version__, claim.id, since, to))
    digest = render.write(directory, document)
    counts = {"runs": len(document["runs"]), "evidence": document["completeness"]["evidence_lines"]}
    period = {
        f"{edge}_epoch": round(datetime.fromisoformat(moment).timestamp())
        for edge, moment in document["period"].items()
    }
    with system.connect("audit.report") as conn:
        evidence.record(
            conn,
            claim,
            "outcome",
            "audit.reported",
            directory.name,
            counts=counts | period,
            digest=digest,
        )
    found = headline(document)["text"]
    return Judgement(_cover(directory), f"{found} {directory / 'report.html'}", counts)


def _cover(directory: Path) -> Coverage:
    """Read the report back: promised are its files, each as its manifest has it."""
    from audit import render

    files = frozenset(Place("file", name) for name in (*render.FILES, render.MANIFEST))
    there = render.standing(directory) is not None
    return Coverage(files, files if there else frozenset())
