"""What a person can ask about partitions."""

from contextlib import closing
from functools import partial

import typer

from lifecycle import clock, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(
    help="Partitions that exist before rows need them: what is there, what is missing, make it.",
    no_args_is_help=True,
)


@app.command()
def status(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Show, per table, how many partitions exist, how many are wanted and are missing, and what is in the way."""
    from lifecycle.partitions import create
    from lifecycle.partitions.section import SECTION
    from lifecycle.postgres import catalog

    chosen = open_system(system)
    with closing(chosen.connect("partitions status", write=False)) as conn:
        tables = catalog.read(conn).tables
        decision = create.plan(conn, chosen, clock.now())
    missing = [step.parent for step in decision.plan.steps]
    blocked = {failure.target: failure.what for failure in decision.blocked}
    rows = [
        (
            name,
            wanted.every,
            len(tables[name].partitions) if name in tables else 0,
            wanted.ahead,
            missing.count(name),
            blocked.get(name, ""),
        )
        for name, wanted in SECTION.of(chosen.policy).items()
    ]
    columns = ("table", "every", "partitions", "ahead", "missing", "in the way")
    show.table("partitions", columns, rows, as_json)


@app.command()
def plan(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Show which partitions would be made, and the hash to apply exactly that."""
    from lifecycle.partitions import create

    chosen = open_system(system)
    with closing(chosen.connect("partitions plan", write=False)) as conn:
        decision = create.plan(conn, chosen, clock.now())
    show.plan(decision.plan, as_json)


@app.command()
def apply(
    wanted: str = typer.Argument(metavar="PLAN", help="The hash that `plan` printed."),
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry out the plan with this hash, unless the world has changed since."""
    from lifecycle import rooms
    from lifecycle.partitions import create
    from lifecycle.running import run

    chosen = open_system(system)
    now = clock.now()
    with closing(chosen.connect("partitions apply", write=False)) as conn:
        create.plan(conn, chosen, now).plan.must_be(wanted)
    job = rooms.job(chosen.policy, "partitions.create")
    outcome = run.by_hand(chosen, job, now, carry_out=partial(create.carry_out, wanted=wanted))
    show.outcome(outcome, as_json)
