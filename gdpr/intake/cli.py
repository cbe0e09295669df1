"""`lifecycle gdpr request`, `cancel`, `extend`, `settle`: what a person does about one request by hand."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import show
from lifecycle.cli_options import By, JsonOption, SystemOption, instant, open_system, typed_key

if TYPE_CHECKING:
    from lifecycle.coverage import Judgement
    from lifecycle.promise import Task

Reference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="The request, by its reference or own id.")
]
Because = Annotated[
    str,
    typer.Option(help="The reason, without the person's name: it stands in the ledger for ever."),
]


def request(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="Who asks: the person's key. Better `-`, which reads it from standard input or asks for it: see "
            "`plan`.",
        ),
    ],
    asked: Annotated[
        str | None,
        typer.Option(
            "--asked",
            metavar="TIME",
            help="When they asked, with its zone, where that was not now: grace and deadline run from then.",
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a request to be forgotten there, for a person who asked by letter or by telephone and is known to be who."""
    from gdpr.intake import receive

    at = None if asked is None else instant(asked)
    work = partial(receive.carry_out, typed=typed_key(key, "KEY"), asked=at)
    _run(system, "gdpr.request", "a person asked to be forgotten", work, as_json)


def cancel(reference: Reference, system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Take a request back for its person, who changed their mind before its erasure began."""
    from gdpr.intake import cancel as taken_back

    work = partial(taken_back.carry_out, wanted=reference)
    _run(system, "gdpr.cancel", "a person took their request back", work, as_json)


def extend(
    reference: Reference,
    until: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="The new deadline, with its zone: two months more at the most."
        ),
    ],
    because: Because,
    by: By,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a request more time than the law's first month, of which its person must be told in it (Art. 12(3))."""
    from gdpr.intake import extend as longer

    work = partial(longer.carry_out, wanted=reference, until=instant(until), because=because, by=by)
    _run(system, "gdpr.extend", "a request is too complex for a month", work, as_json)


def settle(
    reference: Reference,
    because: Because,
    by: By,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """End our record of a request whose row is gone or was closed by somebody else: nobody is erased for it."""
    from gdpr.intake import settle as ended

    work = partial(ended.carry_out, wanted=reference, because=because, by=by)
    _run(system, "gdpr.settle", "a person ends the record of a lost request", work, as_json)


def _run(
    system: str | None, name: str, why: str, work: "Callable[[Task], Judgement]", as_json: bool
) -> None:
    from lifecycle.job import Job
    from lifecycle.running import run

    job = Job(name, why, "0 0 1 1 *", work, timedelta(hours=1), retry_safe=False)
    show.outcome(run.by_hand(open_system(system), job), as_json)
