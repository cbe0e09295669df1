"""What a person can ask of the backups: `lifecycle backups list | verify | dump | drill | point | recover ...`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lifecycle import clock, rooms, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(
    help="Dumps of the database, and the drills that prove them.", no_args_is_help=True
)

back = typer.Typer(
    help="The way back: a database from a dump onto an empty server, without a ledger.",
    no_args_is_help=True,
)
app.add_typer(back, name="restore")

AdminOption = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        help="A superuser's connection to the empty server, without a password; else LIFECYCLE_ADMIN_DSN.",
        show_default=False,
    ),
]
DumpOption = Annotated[
    str | None,
    typer.Option("--dump", help="The key of a dump, from `backups list`; default: the newest."),
]


@back.command("plan")
def plan_back(
    dsn: AdminOption = None,
    dump: DumpOption = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would be done on the empty server, what is lost, who was erased since, and the hash to apply it."""
    from backups.way_back import bring
    from lifecycle.admin import init

    made = bring.choose(open_system(system), init.administrator(dsn), dump).plan
    show.plan(made, as_json, remembered=True)


@back.command("apply")
def apply_back(
    wanted: Annotated[str, typer.Argument(metavar="PLAN", help="The hash that `plan` printed.")],
    dsn: AdminOption = None,
    dump: DumpOption = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database back as that plan says: restore, compare, and only then open it. Safe to be run again."""
    from backups.way_back import bring
    from lifecycle.admin import init
    from lifecycle.coverage import conclude

    judged = bring.bring(open_system(system), init.administrator(dsn), wanted, dump)
    show.outcome(conclude(judged), as_json)


@app.command("list")
def list_dumps(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """List the dumps in the bucket, the damaged and the unfinished ones included."""
    from backups import shelf

    found = shelf.look(open_system(system))
    complete = [
        (d.finished_at, d.key, d.size, len(d.tables), d.rows, "complete")
        for d in sorted(found.dumps, key=lambda dumped: dumped.finished_at, reverse=True)
    ]
    rows = [
        *complete,
        *((None, failure.target, None, None, None, "damaged") for failure in found.damaged),
        *(
            (d.finished_at, d.key, d.size, len(d.tables), d.rows, "unsigned")
            for d in found.unsigned
        ),
        *((None, key, None, None, None, "unfinished") for key in found.unfinished),
    ]
    show.table("dumps", ("finished", "key", "bytes", "tables", "rows", "state"), rows, as_json)


@app.command()
def verify(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Fetch the newest dump, compare its checksum and read it to the end, without restoring it."""
    from backups import drill
    from lifecycle.coverage import conclude

    judged, _ = drill.judge(open_system(system), clock.now(), restore=False)
    show.outcome(conclude(judged), as_json)


@app.command()
def drill(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Restore the newest dump into a scratch server and compare every table with its own snapshot."""
    _by_hand("backups.drill", system, as_json)


@app.command()
def dump(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Dump the database into the bucket now."""
    _by_hand("backups.dump", system, as_json)


@app.command()
def point(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Write a restore point into the database's log, with what each table held, and wait until the archive has it."""
    _by_hand("backups.point", system, as_json)


@app.command()
def recover(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Drill WAL-G: recover to the newest restore point on a private server, compare it, and remove it."""
    _by_hand("backups.recover", system, as_json)


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
