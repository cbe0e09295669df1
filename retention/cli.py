"""What a person can ask about retention."""

from contextlib import closing
from functools import partial

import typer

from lifecycle import clock, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(
    help="What is kept no longer than promised: what is overdue, what would go, let it go.",
    no_args_is_help=True,
)


@app.command()
def status(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Show, per rule, how many rows are overdue and how many have no date."""
    from retention.survey import survey

    chosen = open_system(system)
    with closing(chosen.connect("retention status", write=False)) as conn:
        surveyed = survey(conn, chosen.policy, clock.now())
    rows = [
        (
            counted.bound.rule.table,
            counted.bound.rule.do,
            str(counted.bound.rule.after),
            counted.bound.before,
            counted.rows,
            counted.undated,
            "",
        )
        for counted in surveyed.counted
    ]
    rows += [(f.target, "", "", "", 0, 0, f.what) for f in surveyed.failures]
    columns = ("rule", "do", "after", "before", "overdue", "without a date", "in the way")
    show.table("retention", columns, rows, as_json)


@app.command()
def plan(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Show what would go, by which rule, and the hash to apply exactly that."""
    from retention import plan as plans
    from retention.survey import survey

    chosen = open_system(system)
    with closing(chosen.connect("retention plan", write=False)) as conn:
        surveyed = survey(conn, chosen.policy, clock.now())
    show.plan(plans.make(chosen.policy, chosen.policy_digest, surveyed), as_json)


@app.command()
def apply(
    wanted: str = typer.Argument(metavar="PLAN", help="The hash that `plan` printed."),
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry out the plan with this hash, however many rows it ends, unless the world has changed since."""
    from lifecycle import rooms
    from lifecycle.running import run
    from retention import expire
    from retention import plan as plans
    from retention.survey import survey

    chosen = open_system(system)
    now = clock.now()
    with closing(chosen.connect("retention apply", write=False)) as conn:
        surveyed = survey(conn, chosen.policy, now)
    plans.make(chosen.policy, chosen.policy_digest, surveyed).must_be(wanted)
    job = rooms.job(chosen.policy, "retention.expire")
    outcome = run.by_hand(chosen, job, now, carry_out=partial(expire.carry_out, wanted=wanted))
    show.outcome(outcome, as_json)
