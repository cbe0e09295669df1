"""What only this room can be asked: to take a table over from pg_partman."""

from functools import partial
from typing import Annotated

import typer

from lifecycle import show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(help="Partitions that exist before rows need them.", no_args_is_help=True)


@app.command()
def adopt(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A table that pg_partman looks after.")
    ],
    apply: Annotated[
        str | None,
        typer.Option("--apply", metavar="PLAN", help="Do it: the hash of the plan you were shown."),
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn", help="An administrator's connection, without a password; for --apply."
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what pg_partman does for a table and what the policy would; with --apply let pg_partman rest."""
    from datetime import timedelta

    from lifecycle import clock
    from lifecycle.admin import init
    from lifecycle.job import Job
    from lifecycle.partitions import adopt as taking
    from lifecycle.running import run

    chosen = open_system(system)
    if apply is not None:
        work = partial(
            taking.carry_out, table=table, shown=apply, administrator=init.administrator(dsn)
        )
        why = "a person takes a table over from pg_partman"
        job = Job(taking.JOB, why, "0 0 1 1 *", work, limit=timedelta(minutes=10), retry_safe=False)  # fmt: skip
        show.outcome(run.by_hand(chosen, job), as_json)
        return
    made = taking.plan(chosen, table, clock.now())
    show.asked_alone(
        made,
        lambda step: f"{step.verb} {step.target}: {step.cost}; {step.reason}",
        f"lifecycle partitions adopt {table}",
        as_json,
    )
