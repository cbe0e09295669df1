"""The commands of the schedule: `daemon`, `worker`, `run`, `schedule ...`, `runs ...`. Prints; decides nothing."""

import contextlib
from collections.abc import Generator, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from psycopg import Connection
from psycopg.rows import TupleRow

from lifecycle import clock, progress, rooms, show, words
from lifecycle.cli_options import (
    JsonOption,
    SystemOption,
    instant,
    open_system,
    open_systems,
)
from lifecycle.errors import InputError
from lifecycle.ledger import daemons, runs, schedules
from lifecycle.system import System

schedule_app = typer.Typer(help="When each job runs: list, preview, pause.", no_args_is_help=True)
runs_app = typer.Typer(help="What has run: list, show, cancel, resume.", no_args_is_help=True)

JobName = Annotated[str, typer.Argument(help="A job, like `partitions.create`.", metavar="JOB")]
RunId = Annotated[
    int, typer.Argument(help="A run's number, from `lifecycle runs list`.", metavar="RUN")
]
Count = Annotated[int, typer.Option(min=1, max=1000, help="How many.")]


def daemon(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Run what is due now, then leave.")
    ] = False,
    system: SystemOption = None,  # noqa: ARG001 - heard by the option itself
) -> None:
    """Run every job at its time, until told to stop."""
    _work(schedules_too=True, until_idle=until_idle)


def worker(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Take what waits now, then leave.")
    ] = False,
    system: SystemOption = None,  # noqa: ARG001 - heard by the option itself
) -> None:
    """Take waiting runs from the ledger, and plan none."""
    _work(schedules_too=False, until_idle=until_idle)


def _work(*, schedules_too: bool, until_idle: bool) -> None:
    from lifecycle import log
    from lifecycle.daemon.daemon import Daemon

    systems = open_systems()
    log.configure()
    with progress.paused():  # its log says what it does
        raise typer.Exit(Daemon(systems, schedules=schedules_too).run(until_idle=until_idle))


def run(
    job: JobName,
    scheduled_for: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="The slot to run, like 2026-11-21T02:00Z, for Kubernetes, systemd or Airflow; "
            "a slot that passed already is done: exit 0.",
        ),
    ] = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Run one job now, or a slot of it that nobody ran."""
    from lifecycle.running import run as running

    here = open_system(system)
    found = rooms.job(here.policy, job)
    if scheduled_for is None:
        ending = running.Ending(running.by_hand(here, found))
    else:
        ending = running.slot(here, found, instant(scheduled_for))
    if ending.error is not None:
        raise ending.error
    with contextlib.suppress(typer.Exit):  # a run has exit codes of its own: fail is 1
        show.outcome(ending.outcome, as_json)
    raise typer.Exit(ending.exit_code)


@schedule_app.command("list")
def list_schedules(as_json: JsonOption = False, system: SystemOption = None) -> None:
    """Show each job's schedule, its next slot and how its last run ended."""
    from lifecycle import cron

    here = open_system(system)
    now, zone = clock.now(), here.policy.timezone
    with _ledger(here) as conn:
        known = {row[0]: row for row in schedules.listed(conn, here.name)}
    rows: list[tuple[object, ...]] = []
    for job in rooms.jobs(here.policy):
        row = known.pop(job.name, None)
        paused = f"paused: {row[4]}" if row and row[3] else ""
        coming = cron.next_slot(job.cron, zone, now)
        rows.append((job.name, job.cron, paused or _local(coming, zone), *_last(row), job.why))
    rows += [(name, row[1], "not offered any more", *_last(row), "") for name, row in known.items()]
    columns = ("job", "cron", f"next ({zone})", "last slot", "last state", "why")
    show.table(f"schedule of {here.name}", columns, rows, as_json)


def _last(row: TupleRow | None) -> tuple[datetime | None, str]:
    if row is None or row[7] is None:
        return (None, "")
    return (row[7], row[6] or row[5])


@schedule_app.command()
def preview(
    job: JobName, count: Count = 10, as_json: JsonOption = False, system: SystemOption = None
) -> None:
    """Show a job's next slots, local and in UTC, and mark the days on which the clocks change."""
    from lifecycle import cron

    here = open_system(system)
    found, zone = rooms.job(here.policy, job), here.policy.timezone
    rows: list[tuple[object, ...]] = []
    slot = cron.next_slot(found.cron, zone, clock.now())
    while slot is not None and len(rows) < count:
        mark = "clocks change" if cron.changes_clock(slot, zone) else ""
        day = slot.astimezone(cron.zone(zone))
        rows.append((f"{day:%A}", _local(slot, zone), slot, mark))
        slot = cron.next_slot(found.cron, zone, slot)
    show.table(f"{job}: {found.cron}", ("day", f"local ({zone})", "UTC", "note"), rows, as_json)


def _local(slot: datetime | None, zone: str) -> str:
    return words.moment(slot, zone) if slot else "never"


@schedule_app.command()
def pause(
    job: JobName,
    because: Annotated[str, typer.Option(help="The reason; it stands beside every slot missed.")],
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Stop a job's slots from running; they are recorded as missed."""
    here = open_system(system)
    found = rooms.job(here.policy, job)
    if not because.strip():
        raise InputError("no reason given", hint="Say why with `--because`.")
    with _ledger(here) as conn:
        now = daemons.time(conn)
        schedules.register(conn, here.name, job, found.cron, here.policy.timezone, now)
        schedules.pause(conn, here.name, job, now, because)
    show.done(f"{job} is paused; `lifecycle schedule resume {job}` lets it run again.", as_json)


@schedule_app.command("resume")
def resume_schedule(job: JobName, as_json: JsonOption = False, system: SystemOption = None) -> None:
    """Let a job's slots run again, from now on."""
    from lifecycle.schedule import cover

    here = open_system(system)
    found = [offered for offered in rooms.jobs(here.policy) if offered.name == job]
    with _ledger(here) as conn:
        paused = {row[0]: row[3] for row in schedules.listed(conn, here.name)}
        if job not in paused:
            rooms.job(here.policy, job)  # mistyped: say what was meant
        if paused.get(job) is None:
            show.done(f"{job} is not paused; nothing was changed.", as_json)
            return
        now = daemons.time(conn)
        for offered in found:
            cover.cover_job(conn, here, offered, now)  # what fell due while it was paused is missed
        schedules.resume(conn, here.name, job, now)
    show.done(f"{job} runs again at its slots.", as_json)


@runs_app.command("list")
def list_runs(
    job: Annotated[str | None, typer.Option(help="Only runs of this job.")] = None,
    state: Annotated[
        str | None,
        typer.Option(help="Only runs in this state: " + ", ".join(runs.STATES) + "."),
    ] = None,
    verdict: Annotated[
        str | None,
        typer.Option(help="Only runs that ended so: " + ", ".join(runs.VERDICTS) + "."),
    ] = None,
    count: Count = 20,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Show the newest runs."""
    if state is not None and state not in runs.STATES:
        raise InputError(
            f"no run is ever {state!r}", hint=words.choices(state, runs.STATES, "States are")
        )
    if verdict is not None and verdict not in runs.VERDICTS:
        raise InputError(
            f"no run ever ends {verdict!r}",
            hint=words.choices(verdict, runs.VERDICTS, "Verdicts are"),
        )
    if verdict is not None and state not in (None, "finished"):
        raise InputError(f"no {state} run has a verdict", hint="Leave one of the two filters out.")
    here = open_system(system)
    with _ledger(here) as conn:
        found = runs.listed(conn, here.name, job=job, ending=verdict or state, count=count)
    if not found and job is not None:
        rooms.job(here.policy, job)  # mistyped: say what was meant
    columns = ("id", "job", "scheduled for", "state", "verdict", "attempt", "asked by", "summary")
    rows = [tuple(run[column.replace(" ", "_")] for column in columns) for run in found]
    show.table(f"runs of {here.name}", columns, rows, as_json)


@runs_app.command("show")
def show_run(run: RunId, as_json: JsonOption = False, system: SystemOption = None) -> None:
    """Show one run, its attempts, what it covered and what it changed."""
    here = open_system(system)
    with _ledger(here) as conn:
        found = runs.shown(conn, here.name, run)
    facts = [(name, value) for name, value in found.items() if value is not None]
    if as_json:
        show.table(f"run {run}", ("fact", "value"), facts, as_json)
        return
    lists = ("counts", "failures", "coverage", "attempts", "evidence")
    plain = [(name, value) for name, value in facts if name not in lists]
    rows = [
        (name.replace("_", " "), str(value) if name == "id" else value)
        for name, value in [*plain, *found["counts"].items()]
    ]
    show.table(f"run {run}", ("fact", "value"), rows, as_json)
    for failure in found["failures"]:
        show.text(f"failed: {failure['target']}: {failure['what']}\n  hint: {failure['hint']}")
    if found["coverage"]:
        _tell_coverage(found["coverage"])
    told = ("attempt", "started_at", "ended_at", "host", "how", "verdict", "summary")
    ended = [tuple(attempt[column] for column in told) for attempt in found["attempts"]]
    show.table("attempts that ended", [name.replace("_", " ") for name in told], ended, as_json)
    columns = ("at", "attempt", "kind", "event", "target", "reference")
    lines = [(*(line[c] for c in columns), _counted(line["counts"])) for line in found["evidence"]]
    show.table("evidence", (*columns, "counts"), lines, as_json)


def _tell_coverage(coverage: Mapping[str, Any]) -> None:
    counts = [
        (name.replace("_", " "), value) for name, value in coverage.items() if name != "unseen"
    ]
    show.table("what it covered", ("places", "number"), counts, as_json=False)
    unseen = [(place["place"], place["why"], place["hint"]) for place in coverage["unseen"]]
    show.table("not looked at", ("place", "why", "what to do"), unseen, as_json=False)


def _counted(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{unit}: {show.cell(number)}" for unit, number in counts.items())


@runs_app.command("cancel")
def cancel_run(run: RunId, as_json: JsonOption = False, system: SystemOption = None) -> None:
    """Cancel a run that waits."""
    here = open_system(system)
    with _ledger(here) as conn:
        runs.cancel(conn, here.name, run)
    show.done(f"run {run} is cancelled; `lifecycle runs resume {run}` queues it again.", as_json)


@runs_app.command("resume")
def resume_run(run: RunId, as_json: JsonOption = False, system: SystemOption = None) -> None:
    """Queue a run again that failed, was lost, missed or cancelled."""
    here = open_system(system)
    with _ledger(here) as conn:
        runs.resume(conn, here.name, run)
    show.done(f"run {run} waits again; a daemon or worker takes it.", as_json)


@contextlib.contextmanager
def _ledger(system: System) -> Generator[Connection[TupleRow]]:
    with contextlib.closing(system.connect("cli")) as conn:
        yield conn
