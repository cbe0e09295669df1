"""What only this room can be asked: to look again for one person. Requests are named by reference, or their own id."""

from typing import Annotated

import typer

from lifecycle import show
from lifecycle.cli_options import JsonOption, SystemOption, open_system

app = typer.Typer(
    help="People who asked to be forgotten: who is due, what would go, do it, prove it.",
    no_args_is_help=True,
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
