"""`lifecycle backups restore plan | apply | table`: the way back, of a database or of one table."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle import show
from lifecycle.cli_options import JsonOption, SystemOption, open_system, typed_key

if TYPE_CHECKING:
    from backups.one_table.copied import Wanted
    from lifecycle.system import System

back = typer.Typer(
    help="The way back: a database from a dump onto an empty server, without a ledger.",
    no_args_is_help=True,
)
AdminOption = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        help="A superuser's connection to the empty server, without a password; else LIFECYCLE_ADMIN_DSN.",
        show_default=False,
    ),
]
DumpOption = Annotated[
    str | None,
    typer.Option("--dump", help="The key of a dump, from `backups list`; default: the newest."),
]


@back.command("plan")
def plan_back(
    dsn: AdminOption = None,
    dump: DumpOption = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would be done on the empty server, what is lost, who was erased since, and the hash to apply it."""
    from backups.way_back import bring
    from lifecycle.admin import init

    made = bring.choose(open_system(system), init.administrator(dsn), dump).plan
    show.plan(made, as_json, remembered=True)


@back.command("apply")
def apply_back(
    wanted: Annotated[str, typer.Argument(metavar="PLAN", help="The hash that `plan` printed.")],
    dsn: AdminOption = None,
    dump: DumpOption = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database back as that plan says: restore, compare, and only then open it. Safe to be run again."""
    from backups.way_back import bring
    from lifecycle.admin import init
    from lifecycle.coverage import conclude

    judged = bring.bring(open_system(system), init.administrator(dsn), wanted, dump)
    show.outcome(conclude(judged), as_json)


@back.command("table")
def restore_table(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table, as the policy has it.")],
    dump: DumpOption = None,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="COLUMN", help="Only rows whose column has one --key."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="That key. Better `-`, which reads it from standard input or asks for it: what stands on a command "
            "line is seen by everybody on this machine.",
        ),
    ] = None,
    apply: Annotated[
        str | None,
        typer.Option("--apply", metavar="PLAN", help="Do it: the hash of the plan you were shown."),
    ] = None,
    system: SystemOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which rows of one table a dump has and the table lacks, and with --apply bring them back."""
    from backups.one_table.copied import Wanted
    from lifecycle.errors import InputError

    if (column is None) != (key is None):
        raise InputError("--column and --key go together", hint="Give both, or neither.")
    asked = Wanted(table, column, typed_key(key, "--key") if key else None, dump)
    if apply is None:
        _compare(open_system(system), asked, as_json)
    else:
        _bring(open_system(system), asked, apply, as_json)


def _compare(system: "System", asked: "Wanted", as_json: bool) -> None:
    from dataclasses import asdict

    from backups.one_table import back as one

    seen = one.look(system, asked)
    again = f"lifecycle backups restore table {shlex.quote(asked.table)} --dump {shlex.quote(seen.dumped.key)}"
    if asked.column is not None:
        again += f" --column {shlex.quote(asked.column)} --key -"
    found = {"missing": seen.missing, "changed": seen.changed, "added": seen.added}
    show.asked_alone(
        seen.plan,
        lambda step: f"{step.verb}: {step.cost} into {step.target}, {step.reason}",
        again,
        as_json,
        {"dump": seen.dumped.key}
        | {name: asdict(some) if as_json else some for name, some in found.items()},
    )


def _bring(system: "System", asked: "Wanted", plan: str, as_json: bool) -> None:
    from functools import partial

    from backups.one_table import back as one
    from backups.restore import LIMIT
    from lifecycle.job import Job
    from lifecycle.running import run

    work = partial(one.carry_out, wanted=asked, shown=plan)
    why = "a person wants rows of a dump back"
    job = Job("backups.restore", why, "0 0 1 1 *", work, limit=LIMIT, retry_safe=False)
    show.outcome(run.by_hand(system, job), as_json)
