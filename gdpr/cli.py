"""What a person can ask about erasures. Requests are named by reference; the application's own id is taken too."""

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import clock, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

if TYPE_CHECKING:
    pass

app = typer.Typer(
    help="People who asked to be forgotten: who is due, what would go, do it, prove it.",
    no_args_is_help=True,
)
RequestOption = Annotated[
    str | None, typer.Argument(metavar="REQUEST", help="One request; default: all that are due.")
]


@app.command()
def status(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Show the open requests: due when, legal deadline when, how far. By reference only."""
    from gdpr import request
    from lifecycle.outside.keys import reference_key

    chosen, now = open_system(system), clock.now()
    erasure = request.erasure_of(chosen.policy)
    key = reference_key(chosen.settings.reference_key)
    with closing(chosen.connect("gdpr status", write=False)) as conn:
        waiting = request.open_requests(conn, chosen, key)
    rows = [
        (
            one.reference,
            "processing" if one.processing else "due" if one.ready(now) else "in grace",
            one.due,
            erasure.deadline.after(one.requested),
            erasure.deadline.after(one.requested) < now,
        )
        for one in waiting
    ]
    show.table("requests", ("request", "state", "due", "deadline", "overdue"), rows, as_json)


@app.command()
def plan(
    request: RequestOption = None, system: SystemOption = None, as_json: JsonOption = False
) -> None:
    """Show what would be erased, in tables and counts, and the hash to apply exactly that."""
    from gdpr import preview

    chosen = open_system(system)
    show.plan(preview.plan(chosen, clock.now(), request).plan, as_json)


@app.command()
def apply(
    wanted: Annotated[str, typer.Argument(metavar="PLAN", help="The hash that `plan` printed.")],
    request: RequestOption = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase what the plan with this hash says, unless the world has changed since. It cannot be undone."""
    from gdpr import preview
    from gdpr.request import carry_out
    from lifecycle import rooms
    from lifecycle.running import run

    chosen, now = open_system(system), clock.now()
    previewed = preview.plan(chosen, now, request)
    previewed.plan.must_be(wanted)
    job = rooms.job(chosen.policy, "gdpr.erase")
    work = partial(carry_out, seen=previewed.references)
    show.outcome(run.by_hand(chosen, job, now, carry_out=work), as_json)


@app.command()
def verify(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request to look at.")],
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look again for a person who is being erased; of one who is, show when it was proven."""
    from gdpr import preview

    show.outcome(preview.verify(open_system(system), request), as_json)
