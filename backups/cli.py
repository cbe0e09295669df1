"""What a person can ask of the backups: `lifecycle backups list | verify | dump | drill | push | recover ...`."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import clock, rooms, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system, typed_key

if TYPE_CHECKING:
    from backups.one_table.copied import Wanted
    from lifecycle.system import System

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


@back.command("table")
def restore_table(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table, as the policy has it.")],
    dump: DumpOption = None,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="COLUMN", help="Only rows whose column has one --key."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="That key. Better `-`, which reads it from standard input or asks for it: what stands on a command "
            "line is seen by everybody on this machine.",
        ),
    ] = None,
    apply: Annotated[
        str | None,
        typer.Option("--apply", metavar="PLAN", help="Do it: the hash of the plan you were shown."),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which rows of one table a dump has and the table lacks, and with --apply bring them back."""
    from backups.one_table.copied import Wanted
    from lifecycle.errors import InputError

    if (column is None) != (key is None):
        raise InputError("--column and --key go together", hint="Give both, or neither.")
    asked = Wanted(table, column, typed_key(key, "--key") if key else None, dump)
    if apply is None:
        _compare(open_system(system), asked, as_json)
    else:
        _bring(open_system(system), asked, apply, as_json)


def _compare(system: "System", asked: "Wanted", as_json: bool) -> None:
    from dataclasses import asdict

    from backups.one_table import back as one

    seen = one.look(system, asked)
    again = f"lifecycle backups restore table {shlex.quote(asked.table)} --dump {shlex.quote(seen.dumped.key)}"
    if asked.column is not None:
        again += f" --column {shlex.quote(asked.column)} --key -"
    found = {"missing": seen.missing, "changed": seen.changed, "added": seen.added}
    show.asked_alone(
        seen.plan,
        lambda step: f"{step.verb}: {step.cost} into {step.target}, {step.reason}",
        again,
        as_json,
        {"dump": seen.dumped.key}
        | {name: asdict(some) if as_json else some for name, some in found.items()},
    )


def _bring(system: "System", asked: "Wanted", plan: str, as_json: bool) -> None:
    from functools import partial

    from backups.one_table import back as one
    from backups.restore import LIMIT
    from lifecycle.job import Job
    from lifecycle.running import run

    work = partial(one.carry_out, wanted=asked, shown=plan)
    why = "a person wants rows of a dump back"
    job = Job("backups.restore", why, "0 0 1 1 *", work, limit=LIMIT, retry_safe=False)
    show.outcome(run.by_hand(system, job), as_json)


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
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drill WAL-G: recover to the newest restore point on a private server, compare it, and remove it."""
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
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the drills: how long until a copy answered (RTO), what could have been lost (RPO), and the trend."""
    from backups import past

    past.show_drills(open_system(system), count, as_json)


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
