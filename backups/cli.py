"""What a person can ask of the backups: `lifecycle backups list | verify | dump | drill | push | recover ...`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from backups.wal_g.ends.cli import app as wal_g_app
from backups.way_back.cli import back
from lifecycle import clock, rooms, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(
    help="Dumps of the database, and the drills that prove them.", no_args_is_help=True
)

app.add_typer(back, name="restore")
app.add_typer(wal_g_app, name="wal-g")


@app.command("list")
def list_dumps(
    wal_g: Annotated[
        bool,
        typer.Option("--wal-g", help="The times that one can come back to with WAL-G, instead."),
    ] = False,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the dumps in the bucket, the damaged and the unfinished ones included; or how far WAL-G reaches."""
    if wal_g:
        from backups.wal_g.watch import told

        found = told.intervals(open_system(system))
        show.table(found.title, found.columns, found.rows, as_json)
        return
    from backups import past

    past.show_dumps(open_system(system), as_json)


@app.command()
def verify(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Fetch the newest dump, compare its checksum and read it to the end, without restoring it."""
    from backups import drill
    from lifecycle.coverage import conclude

    judged, _ = drill.judge(open_system(system), clock.now(), restore=False)
    show.outcome(conclude(judged), as_json)


@app.command()
def drill(
    which: Annotated[
        str | None,
        typer.Option(
            "--which",
            metavar="CLASS",
            help="daily, weekly, monthly, or `next` for the one whose turn it is. Default: the newest.",
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a dump into a scratch server and compare every table with its own snapshot."""
    if which is None:
        _by_hand("backups.drill", system, as_json)
        return
    from backups import drill_kept
    from lifecycle.running import run

    at_hand = open_system(system)
    show.outcome(run.by_hand(at_hand, drill_kept.job(at_hand, which)), as_json)


@app.command()
def dump(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Dump the database into the bucket now."""
    _by_hand("backups.dump", system, as_json)


@app.command()
def push(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Take a base backup with WAL-G if one is due, on the database's own host, and look whether the store has it."""
    _by_hand("backups.push", system, as_json)


@app.command()
def point(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Write a restore point into the database's log, with what each table held, and wait until the archive has it."""
    _by_hand("backups.point", system, as_json)


@app.command()
def recover(
    alone: Annotated[
        bool,
        typer.Option("--alone", help="The database is lost: ask it nothing, write nothing down."),
    ] = False,
    which: Annotated[
        str | None,
        typer.Option(
            "--which",
            metavar="POINT",
            help="oldest, random, delta, or `next` for the one whose turn it is. Default: the newest point.",
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drill WAL-G: recover to a restore point on a private server, compare it, and remove it."""
    from lifecycle.errors import InputError

    if which is not None and alone:
        raise InputError("--alone comes back to the newest point", hint="Leave `--which` out.")
    if which is not None:
        from backups.wal_g import recover_kept
        from lifecycle.running import run

        at_hand = open_system(system)
        show.outcome(run.by_hand(at_hand, recover_kept.job(at_hand, which)), as_json)
        return
    if not alone:
        _by_hand("backups.recover", system, as_json)
        return
    from backups.wal_g import drill
    from lifecycle.coverage import conclude

    judged, _ = drill.judge(open_system(system), clock.now())
    show.outcome(conclude(judged), as_json)


@app.command()
def history(
    count: Annotated[
        int, typer.Option("--count", min=1, max=1000, help="How many drills of each kind.")
    ] = 20,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Write them into this new directory instead: drills.json, signed, and drills.xml, as JUnit.",
        ),
    ] = None,
    verify_file: Annotated[
        Path | None,
        typer.Option(
            "--verify",
            metavar="FILE",
            help="Check a drills.json instead: a key of the settings signed exactly this.",
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the drills: how long until a copy answered (RTO), what could have been lost (RPO), and the trend."""
    from backups import past

    at_hand = open_system(system)
    if verify_file is not None:
        past.check_drills(at_hand, verify_file, as_json)
    elif output is not None:
        past.write_drills(at_hand, count, output, as_json)
    else:
        past.show_drills(at_hand, count, as_json)


@app.command("ack-gap")
def ack_gap(
    segment: Annotated[
        str, typer.Argument(metavar="SEGMENT", help="A missing segment of the gap, by its name.")
    ],
    because: Annotated[str, typer.Option(help="The reason; it stands in the ledger for ever.")],
    by: Annotated[str, typer.Option(help="Who knows of it: a name, or the number of a case.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="When it is a failure again.")],
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a gap in WAL-G's archive is known: until that day the watch names it, and fails for others alone."""
    from zoneinfo import ZoneInfo

    from backups.wal_g.watch import told
    from lifecycle.holds.cli import day_begins
    from lifecycle.running import run

    at_hand = open_system(system)
    ends = day_begins(until, ZoneInfo(at_hand.policy.timezone))
    show.outcome(
        run.by_hand(at_hand, told.acknowledged(at_hand, segment, because, by, ends)), as_json
    )


@app.command("wal-fetch")
def wal_fetch(
    name: Annotated[str, typer.Argument(metavar="%f", help="The file of the log.")],
    destination: Annotated[Path, typer.Argument(metavar="%p", help="Where it has to lie.")],
    system: SystemOption = None,
) -> None:
    """Fetch a file of the log with WAL-G, as PostgreSQL's restore_command: 1 says that there is none, 255 all else.

    PostgreSQL takes every code up to 125 for the end of the log, and opens the server there: no other is given.
    """
    from backups.wal_g import program, wal_fetch
    from lifecycle import cli

    found = program.find(open_system(system))
    ended = wal_fetch.fetch(found.argv, name, destination, os.environ | found.env)
    # `lifecycle.cli` makes 255 of any error, wherever it comes from, and 1 of this one alone.
    raise typer.Exit(cli.ABSENT if ended == wal_fetch.ABSENT else ended)


def _by_hand(name: str, system: str | None, as_json: bool) -> None:
    from lifecycle.running import run

    at_hand = open_system(system)
    job = rooms.job(at_hand.policy, name)
    show.outcome(run.by_hand(at_hand, job), as_json)
