"""`lifecycle <room> status | plan | apply`: made once, for every room that keeps a promise. Prints; decides nothing."""

from contextlib import closing, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lifecycle import clock, rooms, show
from lifecycle.cli_options import JsonOption, SystemOption, open_system
from lifecycle.errors import InputError, LifecycleError, NotFound

if TYPE_CHECKING:
    from lifecycle.job import Job
    from lifecycle.plan import Plan, Step
    from lifecycle.promise import Promise
    from lifecycle.system import System

OnlyArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ONLY]", help="One table or request; default: all."),
]
HashArgument = Annotated[str, typer.Argument(metavar="PLAN", help="The hash that `plan` printed.")]


def keeps_one(room: str) -> bool:
    """Say whether a room keeps a promise. Imports nothing of it."""
    return find_spec(f"{room}.promise") is not None


def add(app: typer.Typer, room: str) -> None:
    """Add the three commands to a room's own, unless they are there."""
    there = {command.callback.__name__ for command in app.registered_commands if command.callback}
    for command in (_apply(room), _plan(room), _status(room)):
        if command.__name__ not in there:
            app.command(command.__name__)(command)
            app.registered_commands.insert(0, app.registered_commands.pop())


def promise_of(room: str) -> "Promise[Any, Any, Any]":
    """Return the promise that a room keeps."""
    return cast("Promise[Any, Any, Any]", import_module(f"{room}.promise").PROMISE)


def _status(room: str) -> Any:
    def status(system: SystemOption = None, as_json: JsonOption = False) -> None:
        """Show how the promise stands now. Reads only."""
        chosen = open_system(system)
        _job(chosen, room)
        listing = promise_of(room).status(chosen, clock.now())
        show.table(listing.title, listing.columns, listing.rows, as_json)

    return status


def _plan(room: str) -> Any:
    def plan(
        only: OnlyArgument = None, system: SystemOption = None, as_json: JsonOption = False
    ) -> None:
        """Show what would be done, each step with its reason, and the hash to apply exactly that."""
        show_plan(room, only, system, as_json)

    return plan


def show_plan(room: str, only: str | None, system: str | None, as_json: bool) -> None:
    """Show what a room would do now, and remember it so that it can be applied."""
    from lifecycle.running import apply as way

    chosen = open_system(system)
    _job(chosen, room)
    made = way.plan(promise_of(room), chosen, clock.now(), only)
    show.plan(made, as_json, remembered=remember(chosen, made))


def _apply(room: str) -> Any:
    def apply(
        wanted: HashArgument, system: SystemOption = None, as_json: JsonOption = False
    ) -> None:
        """Carry out the plan with this hash, however much it ends, unless the world has changed since."""
        from lifecycle.running import run

        chosen = open_system(system)
        job = _job(chosen, room)
        must_be_shown(chosen, room.rpartition(".")[2], wanted)
        show.outcome(run.by_hand(chosen, job, wanted), as_json)

    return apply


def _job(system: "System", room: str) -> "Job":
    """Return the room's job for this policy. Raise InputError when the policy asks nothing of the room."""
    name = promise_of(room).job
    for job in rooms.jobs(system.policy):
        if job.name == name:
            return job
    raise InputError(
        f"the policy of {system.name} asks nothing of {room.rpartition('.')[2]}",
        hint="`lifecycle policy show` says what it promises; docs/policy.md has the section to write.",
    )


def must_be_shown(
    system: "System", commands: str, wanted: str, what: str = "what would be done"
) -> None:
    """Raise NotFound unless somebody was shown the plan with this hash. `commands`: the words before `plan`."""
    from lifecycle.ledger import plans

    with closing(system.connect(f"{commands} apply", write=False)) as conn:
        known = plans.find(conn, system.name, commands, wanted) is not None
    if not known:
        raise NotFound(
            f"nobody was shown a plan {wanted!r} of {commands} for {system.name}",
            hint=f"Look at `lifecycle {commands} plan`: it shows {what} and its hash.",
        )


def remember(system: "System", made: "Plan[Step]") -> bool:
    """Keep the plan on the ledger, so that it can be applied. Return False where nothing can be written."""
    import psycopg

    from lifecycle.ledger import plans

    with (
        suppress(LifecycleError, psycopg.Error),
        closing(system.connect(f"{made.room} plan")) as conn,
    ):
        plans.remember(conn, made)
        return True
    return False
