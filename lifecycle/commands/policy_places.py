"""Where the policy file of a command is, the database it is about, and the new file it writes."""

from pathlib import Path

from lifecycle.errors import Conflict, InputError


def own_file(system: str | None) -> Path:
    """Return the policy file of the system that was named or chosen."""
    from lifecycle.cli_options import chosen
    from lifecycle.settings_file import policy_file, settings_from

    return policy_file(settings_from(None), system or chosen.system)


def conninfo(dsn: str | None, system: str | None) -> str:
    """Return how the database is reached: by the dsn that was named, else the system's own."""
    from lifecycle.cli_options import open_system
    from lifecycle.postgres import connect

    return connect.conninfo(dsn, None) if dsn else open_system(system).conninfo()


def must_be_new(path: Path) -> None:
    """Raise Conflict where something is there: what a person has edited is never overwritten."""
    if path.exists():
        raise Conflict(
            f"{path} is there already", hint="Name a new file; none is ever overwritten."
        )


def write_new(path: Path, text: str) -> None:
    """Write a new file. Raise Conflict where it is there, InputError where it cannot be written."""
    must_be_new(path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror})", hint="Name another place."
        ) from None
