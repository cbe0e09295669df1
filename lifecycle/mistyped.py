"""Says in our words what is wrong with the words of a command line: which one, and which may have been meant.

Knows the parser's exceptions, and what pydantic says of a value for it. Never passes their sentences on.
"""

import re
from typing import Any

from typer._click.exceptions import (  # typer keeps its parser here  # pyright: ignore[reportPrivateUsage]
    BadOptionUsage,
    BadParameter,
    MissingParameter,
    NoSuchOption,
    UsageError,
)

from lifecycle.errors import InputError
from lifecycle.words import choices, closest

VALUES = (
    (r"valid integer", "not a whole number"),
    (r"valid number", "not a number"),
    (r"greater than or equal to (\S+)", r"less than \1"),
    (r"less than or equal to (\S+)", r"more than \1"),
    (r"valid boolean", "neither true nor false"),
)
"""What the parser may say of a value, and how we say it."""

WORDS = (
    (r"No such command '(.*?)'.*", r"no such command '\1'"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"too many words: \1"),
    (r"Missing command\.?", "no command is named"),
)
"""The same for the words of a command line as a whole."""


def explain(error: UsageError) -> InputError:
    """Return the mistake as one of ours: `--count is not a whole number`."""
    path = error.ctx.command_path if error.ctx else "lifecycle"
    command: Any = error.ctx.command if error.ctx else None
    see = f"See `{path} --help`."
    match error:
        case MissingParameter():
            return InputError(f"{_name(error)} is missing", hint=see)
        case BadParameter():
            return InputError(
                f"{_name(error)} is {_ours(VALUES, error.message) or 'not a value it takes'}",
                hint=see,
            )
        case NoSuchOption():
            known = [
                o for p in getattr(command, "params", ()) for o in (*p.opts, *p.secondary_opts)
            ]
            close = closest(error.option_name, [o for o in known if o.startswith("--")])
            meant = f"Did you mean `{close}`? " if close else ""
            return InputError(f"no such option {error.option_name}", hint=meant + see)
        case BadOptionUsage():
            takes = "takes no value" if "not take a value" in error.message else "needs a value"
            return InputError(f"{error.option_name} {takes}", hint=see)
        case _:
            what = _ours(WORDS, error.message) or "the command line cannot be read"
            unknown = re.fullmatch(r"no such command '(.*)'", what)
            names = list(getattr(command, "commands", ()))
            if unknown and names:
                see = choices(unknown[1], names, "Commands are")
            return InputError(what, hint=see)


def _name(error: BadParameter) -> str:
    """Return a parameter as it is typed: `--count`, or the `JOB` of the help."""
    parameter: Any = error.param
    if parameter is None:
        return "a value"
    return parameter.opts[0] if parameter.param_type_name == "option" else _metavar(parameter)


def _metavar(parameter: Any) -> str:
    return (parameter.metavar or parameter.name.upper()).strip("[]")


def _ours(known: tuple[tuple[str, str], ...], theirs: str) -> str | None:
    for pattern, ours in known:
        found = re.search(pattern, theirs)
        if found:
            return found.expand(ours)
    return None
