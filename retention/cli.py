"""What only this room can be asked: which archives there are, and to bring one back."""

from functools import partial
from typing import Annotated

import typer

from lifecycle import show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(
    help="What is kept no longer than promised, and the archives of what was.",
    no_args_is_help=True,
)


@app.command()
def archives(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """List the archives in the bucket, the damaged and the unfinished ones included."""
    from contextlib import closing

    from lifecycle.errors import LifecycleError
    from retention.archive import shelf

    on = shelf.shelf(open_system(system))
    rows: list[tuple[object, ...]] = []
    with closing(on.store):
        for key, found in on.all():
            if isinstance(found, LifecycleError):
                rows.append((key, None, None, None, None, None, found.what))
            else:
                of = found.description
                many, size, at = of.content.rows, found.size, found.written_at
                rows.append((found.sha256, of.table, of.leaf, many, size, at, "complete"))
    columns = ("archive", "table", "of", "rows", "bytes", "written", "state")
    show.table("archives", columns, rows, as_json)


@app.command()
def restore(
    archive: Annotated[
        str, typer.Argument(metavar="ARCHIVE", help="The SHA-256 of one, or how it begins.")
    ],
    into: Annotated[
        str | None, typer.Option("--into", metavar="TABLE", help="Into the table it is of.")
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option("--beside", metavar="NAME", help="Into a new table of this name, beside it."),
    ] = None,
    apply: Annotated[
        str | None,
        typer.Option("--apply", metavar="PLAN", help="Do it: the hash of the plan you were shown."),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which rows of an archive would come back, and with --apply bring them back. Overwrites nothing."""
    from datetime import timedelta

    from lifecycle.job import Job
    from lifecycle.running import run
    from retention.archive import restore as back

    chosen = open_system(system)
    wanted = back.Wanted(archive, into, beside)
    if apply is not None:
        why = "a person wants rows of an archive back"
        work = partial(back.carry_out, wanted=wanted, shown=apply)
        limit = timedelta(hours=4)
        job = Job(
            "retention.restore", why, "0 0 1 1 *", work, limit, retry_safe=False, spreads=True
        )
        show.outcome(run.by_hand(chosen, job), as_json)
        return
    made = back.plan(chosen, wanted)
    where = f"--into {into}" if into else f"--beside {beside}"
    show.asked_alone(
        made,
        lambda step: f"{step.verb}: {step.cost} into {step.target}, {step.reason}",
        f"lifecycle retention restore {archive} {where}",
        as_json,
    )


@app.command()
def forecast(
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="TABLE", help="Only the rules about this table or column."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after", metavar="SPAN", help="What they would end with this time: '60 days'."
        ),
    ] = None,
    months: Annotated[
        int,
        typer.Option("--months", min=1, max=120, help="How many months ahead, this one included."),
    ] = 12,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many rows end now and in each coming month, or would with another time. Changes nothing."""
    from lifecycle import clock
    from lifecycle.config.span import Span
    from lifecycle.errors import InputError
    from retention import forecast as coming

    if after is not None and table is None:
        raise InputError("--after is of one table's rules", hint="Add `--table TABLE`.")
    try:
        span = None if after is None else Span.parse(after)
    except ValueError as error:
        raise InputError(f"--after: {error}", hint="Write it as in the policy.") from None
    found = coming.forecast(open_system(system), clock.now(), months, table, span)
    rows = [(one.month, one.rule, one.do, one.rows, one.size) for one in found.endings]
    rows += [("-", failure.target, failure.what, None, None) for failure in found.failures]
    show.table("what ends", ("month", "rule", "do", "rows", "bytes"), rows, as_json)
