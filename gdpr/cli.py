"""What only this room can be asked: to look ahead, to export or to look again for one person.

Requests go by reference, or the application's own id.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gdpr.intake import cli as intake
from gdpr.replay.cli import app as replay
from lifecycle import show
from lifecycle.cli_options import JsonOption, SystemOption, open_system, typed_key
from lifecycle.commands import promises
from lifecycle.errors import InputError, Refused

if TYPE_CHECKING:
    from lifecycle.system import System

app = typer.Typer(
    help="People who asked to be forgotten: who is due, what would go, do it, prove it.",
    no_args_is_help=True,
)


app.add_typer(replay, name="replay")
for word in (intake.request, intake.cancel, intake.extend, intake.settle):
    app.command()(word)


@app.command(context_settings={"allow_extra_args": True})
def plan(
    words: typer.Context,
    only: promises.OnlyArgument = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="KEY",
            help="Any one person instead, who need not have asked: only show what an erasure would do. Better "
            "`--person -`, which reads the key from standard input or asks for it: what stands on a command line is "
            "seen by everybody on this machine in the list of processes, and stays in the shell's history.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="With --person: which kind of people, where the policy has several.",
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would be done, each step with its reason, and the hash to apply exactly that."""
    see = "See `lifecycle gdpr plan --help`."
    if words.args:  # never repeated: a name with a space in it is a person's
        raise InputError("too many words", hint=see)
    if person is None:
        if kind is not None:
            raise InputError(
                "--kind says of which kind --person is, and is nothing without", hint=see
            )
        promises.show_plan("gdpr", only, system, as_json)
        return
    if only is not None:
        raise InputError("a plan is of one request or of one --person, not of both", hint=see)
    _foresee(typed_key(person, "--person"), kind, system, as_json)


@app.command()
def export(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="Whose: the person's key. Better `-`, which reads it from standard input or asks for it: see `plan`.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option("--to", metavar="FILE.zip", help="A file that is not there yet; yours alone."),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="KIND", help="Which kind of people, where the policy has several."
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all there is of one person into one file: tables as CSV and JSON, their objects, a page to begin with."""
    from datetime import timedelta

    from gdpr.export.export import carry_out
    from lifecycle.job import Job
    from lifecycle.running import run

    chosen = open_system(system)
    work = partial(carry_out, kind=kind, typed=typed_key(key, "KEY"), to=to.absolute())
    why = "a person wants to see what there is of them"
    limit = timedelta(hours=4)
    job = Job("gdpr.export", why, "0 0 1 1 *", work, limit, retry_safe=False, spreads=True)
    show.outcome(run.by_hand(chosen, job), as_json)


def _foresee(key: str, kind: str | None, system: str | None, as_json: bool) -> None:
    """Show what an erasure would do to one person. End with 4 where it would be refused."""
    from gdpr import foretell, foretold
    from gdpr.foresee import foresee

    seen = foresee(open_system(system), kind, key)
    if as_json:
        show.document("gdpr-person", foretold.document(seen))
        if seen.refusals:
            raise typer.Exit(Refused.exit_code)
        return
    for line in foretell.lines(seen):
        show.text(line)
    if seen.refusals:
        raise Refused(
            "an erasure of this person would be refused, for the reasons above",
            hint="Nothing was touched. Correct the policy or the data, and look again.",
        )


@app.command()
def verify(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request to look at.")],
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look again for a person who is being erased; of one who is, show when nothing was found."""
    from gdpr import verify as again
    from lifecycle.coverage import conclude

    show.outcome(conclude(again.verify(open_system(system), request)), as_json)


@app.command()
def why(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="The request, by its reference or own id.")
    ],
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say where a request stands: when asked, due and late, what was done, found and not looked at, what comes next."""
    from gdpr import told, trail
    from gdpr import why as stands
    from lifecycle import clock

    document = stands.document(trail.read(open_system(system), reference), clock.now())
    if as_json:
        show.document("gdpr-why", document)
        return
    for line in told.lines(document):
        show.text(line)


@app.command()
def certificate(
    reference: Annotated[
        str | None,
        typer.Argument(metavar="[REFERENCE]", help="The request, by its reference or own id."),
    ] = None,
    verify_file: Annotated[
        Path | None,
        typer.Option(
            "--verify",
            metavar="FILE",
            help="Check a certificate's JSON instead: a key of the settings signed exactly this.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="A directory that does not exist yet."),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the signed certificate of an erasure whose proof passed, as JSON and as a page; or check one."""
    if (reference is None) == (verify_file is None):
        raise InputError(
            "a certificate is made of one REFERENCE, or one FILE is checked with --verify",
            hint="See `lifecycle gdpr certificate --help`.",
        )
    at_hand = open_system(system)
    if verify_file is not None:
        from backups import signed as signatures
        from gdpr.certificate import SCHEMA

        found = signatures.check(at_hand, verify_file, SCHEMA, "certificate")
        said = f"signed by {found['key']}: request {found['reference']}. {found['says']}"
        show.done(said, as_json)
        return
    assert reference is not None
    _certify(at_hand, reference, output, as_json)


def _certify(at_hand: "System", reference: str, output: Path | None, as_json: bool) -> None:
    from backups.signed import sign
    from gdpr import certificate as made
    from gdpr import signed, trail
    from lifecycle import clock

    known = trail.read(at_hand, reference)
    document = sign(at_hand, made.make(at_hand, known, clock.now()))
    reports = at_hand.machine.path(at_hand.machine.reports) / at_hand.name
    directory = output or reports / f"certificate-{known.reference}"
    if directory.exists():
        raise InputError(f"{directory} exists already", hint="Name another one with `-o DIR`.")
    digest = signed.write(directory.absolute(), document)
    rows = [(document["says"], str(directory / signed.FILES[1]), digest)]
    show.table("certificate", ("found", "page", "sha256 of certificate.json"), rows, as_json)
