"""Where the policy file of a command is, and the database it is about."""

from pathlib import Path


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
