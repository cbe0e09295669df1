"""What only this room can be asked: `lifecycle records verify`, an export proven without any database."""

from pathlib import Path
from typing import Annotated

import typer

from lifecycle import show
from lifecycle.cli_options import JsonOption

app = typer.Typer(
    help="The ledger's own months: how long they are kept, and where they go.", no_args_is_help=True
)


@app.command()
def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An export, NAME.jsonl.gz, with its two others.")
    ],
    public_key: Annotated[
        Path, typer.Option("--public-key", metavar="KEY", help="The public key, a PEM file.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Prove an exported month by its signature, its bytes and every line. Asks no database, bucket or settings."""
    from lifecycle.outside import signing
    from lifecycle.records import prove

    proven = prove.prove(file, signing.public_key(public_key))
    counts = proven.counts
    rows = [(proven.system, proven.month, *counts.values(), proven.exported_at, proven.sha256)]
    columns = ("system", "month", *counts, "exported", "sha256")
    show.table("proven", columns, rows, as_json)
