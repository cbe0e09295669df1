"""Says in our words what went wrong when something else than one of our own errors was raised.

A foreign exception's message may quote a row, a password or a whole command line: what goes on is its type and
the line of ours where it came from. Used where a process ends: `cli.py` and the runs.
"""

import errno
import traceback
from types import TracebackType

from lifecycle.errors import (
    AccessDenied,
    InputError,
    LifecycleError,
    NotFound,
    Refused,
    Unreachable,
)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def explain(error: BaseException) -> LifecycleError:
    """Return `error` as one of ours. Carries no value that a foreign message may quote."""
    if isinstance(error, LifecycleError):
        return error
    import psycopg

    from lifecycle.postgres import connect

    match error:
        case psycopg.Error():
            return connect.explain(error)
        case OSError() if error.errno is not None:
            return _of_the_machine(error)
        case _:
            return LifecycleError(
                f"unexpected {type(error).__name__} at {place(error.__traceback__)}",
                hint="This is a mistake in the program. Run it again with `--debug` and report what it prints.",
            )


def _of_the_machine(error: OSError) -> LifecycleError:
    """Return what the operating system refused. Its own words for an errno quote nothing."""
    where = f" {error.filename}" if isinstance(error.filename, str) else ""
    what = f"{(error.strerror or type(error).__name__).lower()}{where}"
    if error.errno in _FULL:
        return Refused(
            f"the disk is full: {what}", hint="Free space there, then run the command again."
        )
    match error:
        case PermissionError():
            return AccessDenied(what, hint="Check whose it is and what this user may do there.")
        case FileNotFoundError() | NotADirectoryError():
            return NotFound(what, hint="Check the path.")
        case FileExistsError() | IsADirectoryError():
            return InputError(what, hint="Name another path.")
        case ConnectionError() | TimeoutError():
            return Unreachable(what, hint="Check address, port and firewall; trying again is safe.")
        case _:
            return LifecycleError(
                f"{what} (at {place(error.__traceback__)})",
                hint="The operating system refused this; its log may say more.",
            )


def place(trace: TracebackType | None) -> str:
    """Return `file:line` of the innermost frame that is ours, else of the innermost."""
    from lifecycle.rooms import ROOMS

    ours = {room.partition(".")[0] for room in ROOMS}
    found = last = "an unknown place"
    while trace is not None:
        code = trace.tb_frame.f_code
        last = f"{'/'.join(code.co_filename.split('/')[-2:])}:{trace.tb_lineno}"
        if str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] in ours:
            found = last
        trace = trace.tb_next
    return found if found != "an unknown place" else last


def story(error: BaseException) -> str:
    """Return the traceback for `--debug`. PostgreSQL's own messages are left out, as they quote rows."""
    import psycopg

    lines: list[str] = []
    link: BaseException | None = error
    while link is not None:
        words = type(link).__name__ if isinstance(link, psycopg.Error) else repr(link)
        lines = [*traceback.format_tb(link.__traceback__), words + "\n", *lines]
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "".join(lines)
