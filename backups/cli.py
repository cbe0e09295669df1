"""What a person can ask of the backups: `lifecycle backups list | verify | dump | drill`."""

import typer

from lifecycle import clock, rooms, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(
    help="Dumps of the database, and the drills that prove them.", no_args_is_help=True
)


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


def _by_hand(name: str, system: str | None, as_json: bool) -> None:
    from lifecycle.running import run

    at_hand = open_system(system)
    job = rooms.job(at_hand.policy, name)
    show.outcome(run.by_hand(at_hand, job), as_json)
