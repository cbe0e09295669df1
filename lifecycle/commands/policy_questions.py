"""`lifecycle policy explain | diff | graph`: what a policy means, for whoever approves it. Never changes a thing."""

from pathlib import Path
from typing import Annotated

import typer

from lifecycle import show as shown
from lifecycle.cli_options import JsonOption, SystemOption
from lifecycle.commands.policy_places import conninfo, must_be_new, own_file, write_new
from lifecycle.errors import InputError
from lifecycle.words import counted, did_you_mean

PolicyFile = Annotated[
    Path | None, typer.Option("--file", help="A policy file; else the system's own.")
]
Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn", help="The database it is about, without a password; else the system's own."
    ),
]


def explain(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table, as the policy names it.")],
    row: Annotated[
        str | None,
        typer.Argument(
            metavar="[ROW]", help="A row's primary key, with commas between columns; `-` reads it."
        ),
    ] = None,
    file: PolicyFile = None,
    dsn: Dsn = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say of a table, or of one row, whose it is, by which way, and what happens when they go."""
    from lifecycle.policy import explain as asked
    from lifecycle.policy import load, telling, virtual
    from lifecycle.postgres import catalog, connect

    path = file or own_file(system)
    policy, lines, _ = load.policy_with_lines(path)
    if table not in policy.tables:
        hint = did_you_mean(table, policy.tables, "`lifecycle policy show` lists them")
        raise InputError(f"{path} declares no table {table!r}", hint=_sentence(hint))
    said = telling.of(policy, table)
    with connect.connect(
        conninfo(dsn, policy.system if file else system), "policy", write=False
    ) as conn:
        there = virtual.joined(policy, catalog.read(conn))
        kinds = policy.tables[table].owner or {}
        ways = [(str(w), None) for kind in kinds for w in asked.ways(policy, there, table, kind)]
        if row is not None:
            key = (typer.get_text_stream("stdin").readline().strip() if row == "-" else row).split(
                ","
            )
            ways = [(str(w), found) for w, found in asked.people(conn, policy, there, table, key)]
    if as_json:
        facts = [{"line": lines.of(s.path), "said": str(s), "effect": s.effect} for s in said]
        found = [{"way": way, "people": people} for way, people in ways]
        shown.document("policy-explain", {"table": table, "sentences": facts, "ways": found})
        return
    for one in said:
        shown.text(f"{lines.file}:{lines.of(one.path)}: {one}")
    for way, people in ways:
        ending = "" if people is None else f": {_people(people)}"
        shown.text(f"way: {way}{ending}")


def _people(count: int) -> str:
    return (
        "leads to nobody, and so the row stays"
        if count == 0
        else f"leads to {counted(count, 'person', 'people')}"
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}".removesuffix(".") + (
        "" if words.endswith("?") else "."
    )


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The policy file as it is.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The policy file as it would be.")],
    as_json: JsonOption = False,
) -> None:
    """Say what another policy would newly destroy, no longer destroy, and do otherwise."""
    from dataclasses import asdict

    from lifecycle.policy import difference, load

    found = difference.between(load.policy(old)[0], load.policy(new)[0])
    if as_json:
        shown.document("policy-diff", asdict(found))
        return
    groups = (
        ("newly destroyed", found.destroyed),
        ("no longer destroyed", found.kept),
        ("said otherwise", found.said),
        ("other values", found.otherwise),
    )
    for title, told in groups:
        if told:
            shown.text(f"{title}:")
        for line in told:
            shown.text(f"  {line}")
    if not any(told for _, told in groups):
        shown.text("Both say the same.")


def graph(
    file: PolicyFile = None,
    dsn: Dsn = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a page for the browser to this new file; else Mermaid's text.",
        ),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw people, tables and the keys between them, each with what the policy says of it."""
    from dataclasses import asdict

    from lifecycle.policy import diagram, drawing, load, virtual
    from lifecycle.postgres import catalog, connect

    if output is not None:
        must_be_new(output)
    path = file or own_file(system)
    policy, lines, digest = load.policy_with_lines(path)
    with connect.connect(
        conninfo(dsn, policy.system if file else system), "policy", write=False
    ) as conn:
        found = diagram.of(policy, virtual.joined(policy, catalog.read(conn)))
    if output is not None:
        write_new(output, drawing.page(policy, found, lines, digest))
        shown.done(f"{output} is written: open it in a browser.", as_json)
    elif as_json:
        shown.document("policy-graph", asdict(found))
    else:
        shown.text(diagram.mermaid(found).rstrip())
