"""`lifecycle backups wal-g status | plan | apply`: how long base backups and their log are kept, by a person."""

import typer

from lifecycle import clock, rooms, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system
from lifecycle.commands import promises

app = typer.Typer(
    help="What WAL-G keeps: which base backups and which part of the log end, and why.",
    no_args_is_help=True,
)


@app.command()
def status(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """List the base backups: when finished, whether a drill has proven them, and what would become of them now."""
    from backups.wal_g.ends.promise import PROMISE

    listing = PROMISE.status(open_system(system), clock.now())
    show.table(listing.title, listing.columns, listing.rows, as_json)


@app.command()
def plan(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Show which base backups and which part of the log would end, why, and the hash to apply exactly that."""
    from backups.wal_g.ends.promise import PROMISE
    from lifecycle.running import apply as way

    chosen = open_system(system)
    made = way.plan(PROMISE, chosen, clock.now(), None)
    show.plan(made, as_json, remembered=promises.remember(chosen, made))


@app.command()
def apply(
    wanted: promises.HashArgument, system: SystemOption = None, as_json: JsonOption = False
) -> None:
    """Delete exactly what that plan says, and look again: what stays, what is gone, what can be come back to."""
    from backups.wal_g.ends.promise import PROMISE
    from lifecycle.running import run

    chosen = open_system(system)
    job = rooms.job(chosen.policy, PROMISE.job)
    promises.must_be_shown(chosen, PROMISE.commands, wanted, "what would end")
    show.outcome(run.by_hand(chosen, job, wanted), as_json)
