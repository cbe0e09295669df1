"""`lifecycle holds`: place a legal hold, list them, release one."""

import getpass
import sys
from contextlib import closing
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from lifecycle import progress, show
from lifecycle.cli_options import By, JsonOption, SystemOption, open_system
from lifecycle.errors import InputError
from lifecycle.words import counted

if TYPE_CHECKING:
    from lifecycle.holds.hold import What

app = typer.Typer(
    help="Legal holds: what must not be destroyed, whatever the policy says.", no_args_is_help=True
)
add = typer.Typer(
    help="Place a hold on a person, a table, a time or a value.", no_args_is_help=True
)
app.add_typer(add, name="add")

Because = Annotated[str, typer.Option(help="The reason; it stands in the ledger for ever.")]
Until = Annotated[
    str | None,
    typer.Option(metavar="DAY", help="When it ends by itself; else it stands until released."),
]
Table = Annotated[str, typer.Argument(metavar="TABLE", help="A table, as the policy names it.")]
Column = Annotated[str, typer.Argument(metavar="COLUMN", help="A column.")]


@add.command("person")
def on_person(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Which kind of people.")],
    because: Because,
    by: By,
    until: Until = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Hold all that is one person's. Their key comes from standard input."""
    from lifecycle.holds.hold import What

    _place(
        What("person", kind, key=_typed("key of the person: ")), because, by, until, as_json, system
    )


@add.command("table")
def on_table(
    table: Table,
    because: Because,
    by: By,
    until: Until = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Hold all rows of a table."""
    from lifecycle.holds.hold import What

    _place(What("table", table=table), because, by, until, as_json, system)


@add.command("span")
def on_span(
    table: Table,
    column: Column,
    span: Annotated[
        str,
        typer.Argument(
            metavar="SPAN", help="Two days, the second no longer in it: 2026-01-01..2026-04-01."
        ),
    ],
    because: Because,
    by: By,
    until: Until = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Hold the rows of a table whose date lies in a span, and those that have none."""
    from lifecycle.holds.hold import What

    zone = _zone(system)
    since, _, before = span.partition("..")
    what = What(
        "span",
        table=table,
        column=column,
        since=day_begins(since, zone),
        before=day_begins(before, zone),
    )
    _place(what, because, by, until, as_json, system)


@add.command("value")
def on_value(
    column: Column,
    because: Because,
    by: By,
    until: Until = None,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Hold the rows of every table with one value in a column, as those of a tenant. It comes from standard input."""
    from lifecycle.holds.hold import What

    _place(What("value", column=column, key=_typed("value: ")), because, by, until, as_json, system)


@app.command("list")
def list_holds(as_json: JsonOption = False, system: SystemOption = None) -> None:
    """List all holds there ever were, those that stand first. Never a person's key."""
    from lifecycle.holds import place
    from lifecycle.holds.hold import read

    here = open_system(system)
    with closing(here.connect("holds.list")) as conn:
        found = place.listed(conn)
    rows: list[tuple[object, ...]] = []
    for row in found:
        hold, (released, by, why, over) = read(row[:12]), row[12:]
        state = "released" if released else "over" if over else "stands"
        told = (hold.because, hold.placed_by, hold.placed_at, hold.until, released, by, why)
        rows.append((hold.number, state, str(hold), *told))
    rows.sort(key=lambda row: (row[1] != "stands", row[0]))
    ended = ("released", "released by", "released because")
    columns = ("id", "state", "on", "because", "by", "placed", "until", *ended)
    show.table(f"holds of {here.name}", columns, rows, as_json)


@app.command()
def release(
    hold: Annotated[
        int, typer.Argument(help="A hold's number, from `lifecycle holds list`.", metavar="HOLD")
    ],
    because: Because,
    by: By,
    as_json: JsonOption = False,
    system: SystemOption = None,
) -> None:
    """Release a hold: from now on the policy speaks again of what it was on."""
    from lifecycle.holds import place

    here = open_system(system)
    with closing(here.connect("holds.release")) as conn:
        place.release(conn, hold, because=_said(because), released_by=_said(by))
    show.done(f"hold {hold} is released.", as_json)


def _place(
    what: "What", because: str, by: str, until: str | None, as_json: bool, system: str | None
) -> None:
    from lifecycle.holds import place
    from lifecycle.postgres import catalog

    here = open_system(system)
    ends = None if until is None else day_begins(until, ZoneInfo(here.policy.timezone))
    with here.snapshot("holds.add") as look:
        picture = catalog.read(look)
        place.must_be_there(what, here.policy, picture)
        if what.covers == "person":
            somebody = place.of_somebody(look, what, here.policy)
            if somebody is None:
                hint = "A hold on nobody holds nothing: look the key up."
                raise InputError(f"no {what.subject} has this key", hint=hint)
            what = somebody
    with closing(here.connect("holds.add")) as conn:
        number = place.place(conn, what, because=_said(because), placed_by=_said(by), until=ends)
    with here.snapshot("holds.add") as look:
        on = place.covered(look, number, here.policy, picture)
    rows = ", ".join(f"{counted(many, 'row')} of {table}" for table, many in on.items())
    now = rows or "no row now: if that is not so, it is spelled otherwise there"
    said = f"hold {number} is on {what}: {now}. `lifecycle holds release {number}` ends it."
    show.done(said, as_json)


def _zone(system: str | None) -> ZoneInfo:
    return ZoneInfo(open_system(system).policy.timezone)


def _typed(asked: str) -> str:
    """Return the key or value from standard input. Raise InputError without it."""
    with progress.paused():
        typed = getpass.getpass(asked) if sys.stdin.isatty() else sys.stdin.read()
    typed = typed.strip()
    if not typed or not typed.isprintable():
        raise InputError(
            "nothing was given on standard input", hint="One key or value, in one line."
        )
    return typed


def day_begins(text: str, zone: ZoneInfo) -> datetime:
    """Return the midnight at which a day begins. Raise InputError where it is none."""
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(f"{text!r} is no day", hint="Write it like 2026-01-31.") from None


def _said(text: str) -> str:
    """Return what somebody said. Raise InputError where it is nothing."""
    if not text.strip():
        raise InputError(
            "no reason or nobody was named", hint="Say it with `--because` and `--by`."
        )
    return text.strip()
