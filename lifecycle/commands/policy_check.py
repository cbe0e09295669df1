"""`lifecycle policy check`: every mistake in a policy with its line and what to write instead. Changes no database."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import show as shown
from lifecycle.cli_options import JsonOption, SystemOption
from lifecycle.commands.policy_places import conninfo, own_file
from lifecycle.errors import InputError, LifecycleError
from lifecycle.words import counted

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from lifecycle.config.mistake import Mistake
    from lifecycle.policy.model import Policy
    from lifecycle.postgres.catalog import Catalog

File = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A policy file; else the system's own.")
]

Migrations = Annotated[
    list[Path] | None,
    typer.Option(
        "--migration",
        metavar="SQL_FILE",
        help="Tell only what this file of SQL would newly make wrong, tried on a copy of the schema; repeatable.",
    ),
]
GitHub = Annotated[
    bool,
    typer.Option("--github", help="Print mistakes and notes as annotations of a GitHub workflow."),
]


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy without a mistake, and what it was compared with."""

    file: Path
    digest: str
    declared: int
    catalog: "Catalog | None"
    notes: tuple[str, ...]


def check(
    file: File = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live",
            help="Compare with the live database too. Default: yes, unless only a FILE is named.",
        ),
    ] = None,
    dsn: Annotated[
        str | None, typer.Option("--dsn", help="The database to compare with, without a password.")
    ] = None,
    migration: Migrations = None,
    github: GitHub = False,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report every mistake in a policy with its line: the file in itself, and against the live database."""
    if github and as_json:
        raise InputError(
            "--github and --json are two answers to one question", hint="Take one of them out."
        )
    path = file or own_file(system)
    compare_with = live or bool(dsn) or (live is None and file is None)
    if migration and not compare_with:
        raise InputError(
            "--migration needs the database whose schema it changes",
            hint="Name it with `--dsn`: it is only read.",
        )
    try:
        found = _checked(
            path,
            dsn,
            system if file is None else None,
            compare_with=compare_with,
            migrations=migration or [],
        )
    except LifecycleError as error:
        if github:
            _annotate(path, error)
        elif not (as_json and _told_with_drafts(error)):
            raise
        raise typer.Exit(error.exit_code) from None
    _show(found, github=github, as_json=as_json)


def _checked(
    path: Path,
    dsn: str | None,
    system: str | None,
    *,
    compare_with: bool,
    migrations: list[Path],
) -> Checked:
    from lifecycle.config.load import refuse
    from lifecycle.policy import load, reality, stored
    from lifecycle.postgres import catalog, connect

    policy, lines, digest = load.policy_with_lines(path)
    if not compare_with:
        return Checked(path, digest, len(policy.tables), None, ())
    info = conninfo(dsn, system or policy.system)
    with connect.connect(info, "policy", write=False) as conn:
        picture = catalog.read(conn)
        if migrations:
            from lifecycle.commands import policy_migration

            said = policy_migration.judge(conn, info, policy, lines, picture, migrations)
            return Checked(path, digest, len(policy.tables), said.catalog, said.notes)
        compared = reality.compare(policy, picture)
        refuse(lines, _with_drafts(conn, policy, picture, compared.mistakes))
        rows = stored.compare(conn, policy, picture)
        refuse(lines, rows.mistakes)
    return Checked(path, digest, len(policy.tables), picture, (*compared.notes, *rows.notes))


def _with_drafts(
    conn: "Connection[TupleRow]",
    policy: "Policy",
    picture: "Catalog",
    mistakes: "tuple[Mistake, ...]",
) -> "list[Mistake]":
    """Return the mistakes with lines to paste. Rows are counted only where there is a table to draft."""
    from lifecycle.policy import newly

    counted = newly.unspoken(mistakes, policy, picture)
    seen = newly.look(conn, policy, picture) if counted else {}
    return newly.drafted(mistakes, newly.Beside(policy, picture, seen))


def _told_with_drafts(error: LifecycleError) -> bool:
    """Print the document of a refusal with the lines to paste; say whether there are any."""
    from lifecycle.config.load import Mistaken
    from lifecycle.config.mistake import dotted

    drafts = [
        {"path": dotted(one.path), "mistake": one.what, "line": one.draft}
        for one in (error.mistakes if isinstance(error, Mistaken) else ())
        if one.draft
    ]
    if drafts:
        facts = {"error": error.what, "hint": error.hint, "exit_code": error.exit_code}
        shown.text(json.dumps({**facts, "drafts": drafts}))
    return bool(drafts)


def _annotate(path: Path, error: LifecycleError) -> None:
    from lifecycle.commands import annotations

    for line in annotations.errors(str(path), error.what):
        shown.text(line)
    shown.text(f"hint: {error.hint}")


def _show(found: Checked, *, github: bool, as_json: bool) -> None:
    there = len(found.catalog.tables) if found.catalog else None
    if as_json:
        facts = {"file": str(found.file), "digest": found.digest, "declared": found.declared}
        shown.document("policy-check", {**facts, "tables": there, "notes": found.notes})
        return
    compared_with = (
        f", {there} in database {found.catalog.database}"
        if found.catalog
        else "; not compared with a database"
    )
    shown.text(
        f"{found.file}: no mistakes; {counted(found.declared, 'table')} declared{compared_with}"
    )
    for note in found.notes:
        shown.text(_noted(found.file, note) if github else f"note: {note}")


def _noted(file: Path, note: str) -> str:
    from lifecycle.commands import annotations

    return annotations.notice(str(file), note)
