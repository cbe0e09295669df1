"""What a person can ask of the audit log: `lifecycle audit report | status`."""

from datetime import UTC, timedelta
from pathlib import Path
from typing import Annotated

import typer

from lifecycle import __version__, clock, show
from lifecycle.cli_options import JsonOption, SystemOption, instant, open_system

app = typer.Typer(help="The application's audit log, and the reports.", no_args_is_help=True)


@app.command()
def report(
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="T",
            help="Begin of the period, UTC, like 2026-11-01 or 2026-11-01T02:00Z; default: a day before its end.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="T", help="End of the period, UTC; default: now."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="A directory that does not exist yet."),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the compliance report of any period: JSON, a page to read and print, and their checksums."""
    from audit import gather, render
    from audit import report as document_of
    from audit.headline import headline
    from lifecycle.errors import InputError

    at_hand = open_system(system)
    end = instant(to, UTC) if to else clock.now().replace(microsecond=0)
    begin = instant(since, UTC) if since else end - timedelta(days=1)
    if begin >= end:
        raise InputError(
            "the period ends before it begins", hint="Give `--from` an earlier time than `--to`."
        )
    reports = at_hand.machine.path(at_hand.machine.reports) / at_hand.name
    directory = output or reports / f"{begin:%Y%m%dT%H%M%SZ}-{end:%Y%m%dT%H%M%SZ}"
    if directory.exists():
        raise InputError(f"{directory} exists already", hint="Name another one with `-o DIR`.")
    document = document_of.make(gather.gather(at_hand, __version__, 0, begin, end))
    digest = render.write(directory.absolute(), document)
    rows = [(headline(document)["text"], str(directory / "report.html"), digest)]
    show.table("report", ("found", "page", "sha256 of report.json"), rows, as_json)


@app.command()
def status(system: SystemOption = None, as_json: JsonOption = False) -> None:
    """List the tables with people's data, and whether the audit log hears of their changes."""
    from audit.coverage import coverage, of_people
    from audit.section import SECTION

    at_hand = open_system(system)
    with at_hand.connect("audit.status", write=False) as conn:
        unheard = coverage(conn, at_hand.policy)
    heard = SECTION.of(at_hand.policy) is not None
    missing = {name: [one.relation for one in unheard if one.table == name] for name, _ in unheard}
    rows = [
        (name, heard and name not in missing, ", ".join(missing.get(name, ())))
        for name in of_people(at_hand.policy)
    ]
    columns = ("table", "captured", "not heard of")
    show.table("tables with people's data", columns, rows, as_json)
