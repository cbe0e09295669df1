"""`lifecycle policy`: look at a policy file before anything is done in its name. Never changes a database."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import show as shown
from lifecycle.cli_options import JsonOption, SystemOption
from lifecycle.commands import policy_check, policy_decide, policy_questions
from lifecycle.commands.policy_check import File
from lifecycle.commands.policy_places import conninfo, must_be_new, own_file, write_new
from lifecycle.policy.seen import NOTHING

if TYPE_CHECKING:
    from lifecycle.policy.model import Table

app = typer.Typer(help="Check, show and draft policy files.", no_args_is_help=True)
app.command()(policy_check.check)
app.command()(policy_decide.decide)
app.command()(policy_questions.explain)
app.command()(policy_questions.diff)
app.command()(policy_questions.graph)

SCHEMA = Path(__file__).parents[1] / "policy/schema.json"
"""The JSON Schema of a policy file, for editors. A test holds it equal to the model."""


@app.command()
def show(file: File = None, system: SystemOption = None, as_json: JsonOption = False) -> None:
    """Say in a table what a policy does with each table."""
    from lifecycle.policy import load, telling

    policy, digest = load.policy(file or own_file(system))
    if as_json:
        shown.document("policy", {"digest": digest, "policy": policy.model_dump(mode="json")})
        return
    rows = [
        (name, _whose(table), "; ".join(str(said) for said in telling.of(policy, name)))
        for name, table in policy.tables.items()
    ]
    shown.table(
        f"{policy.system} ({digest[:16]})", ("table", "whose", "what is promised"), rows, as_json
    )


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy file, for editors."""
    from lifecycle.policy import whole

    shown.text(json.dumps(whole.model().model_json_schema(), indent=2, ensure_ascii=False))


@app.command()
def generate(
    from_dsn: Annotated[
        str, typer.Option("--from-dsn", help="The database to describe, without a password.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write to this new file; else to standard output."),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE.KEY",
            help="Who may ask to be forgotten, such as patients.id; needed where several tables look like people.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draft a policy from a live database; some rows are counted. What a person must decide is marked DECIDE."""
    from lifecycle.policy import barred, evidence
    from lifecycle.policy import generate as drafted
    from lifecycle.postgres import catalog, connect

    if output:
        must_be_new(output)
    with connect.connect(conninfo(from_dsn, None), "policy", write=False) as conn:
        picture = catalog.read(conn)
        who = drafted.subject(picture, subject)
        seen = evidence.read(conn, picture, who.table, who.key) if who else NOTHING
        hidden = barred.hidden(conn, picture)
    text = drafted.draft(picture, who, seen)
    if output is None and as_json:
        shown.document("policy-draft", {"draft": text})
        return
    if output is None:
        shown.text(text.rstrip())
        return
    write_new(output, text)
    shown.done(f"{output} is written.", as_json)
    if as_json:
        return
    if said := barred.sentence(picture):
        shown.text(f"First: {said}; its head says how to mend that.")
    if hidden:
        shown.text(f"Know: {hidden}.")
    shown.text(
        f"Next: decide what is marked DECIDE (`lifecycle policy decide {output} --dsn ...` asks you), then "
        f"`lifecycle policy check {output} --dsn ...`."
    )


def _whose(table: "Table") -> str:
    if table.copy_of:
        return f"a copy of {', '.join(table.copy_of)}"
    return ", ".join(table.owner or ()) or "nobody's"
