"""`lifecycle gdpr replay plan | apply`: after a restore, by a person."""

from datetime import timedelta

import typer

from lifecycle import clock, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system
from lifecycle.commands import promises

app = typer.Typer(
    help="After a restore: erase again whoever the ledger outside says was erased since.",
    no_args_is_help=True,
)


@app.command()
def plan(
    only: promises.OnlyArgument = None, system: SystemOption = None, as_json: JsonOption = False
) -> None:
    """Show who would be erased again, in counts, and the hash to apply exactly that."""
    from gdpr.replay.promise import PROMISE
    from lifecycle.running import apply as way

    chosen = open_system(system)
    made = way.plan(PROMISE, chosen, clock.now(), only)
    show.plan(made, as_json, remembered=promises.remember(chosen, made))


@app.command()
def apply(
    wanted: promises.HashArgument, system: SystemOption = None, as_json: JsonOption = False
) -> None:
    """Erase them again, prove it, and lift the fence where nothing is left. Safe to be run again."""
    from gdpr.replay.promise import PROMISE
    from lifecycle.job import Job
    from lifecycle.running import run

    chosen = open_system(system)
    promises.must_be_shown(chosen, PROMISE.commands, wanted)
    why = "the database was put back, and people are in it who were erased"
    job = Job(PROMISE.job, why, "0 0 1 1 *", PROMISE, limit=timedelta(hours=12), retry_safe=False)
    show.outcome(run.by_hand(chosen, job, wanted), as_json)
