"""Finds this machine's settings and opens a system by its name. Reads files and the environment, connects to nothing.

The order: the file that was named; LIFECYCLE_SETTINGS; ./lifecycle.yaml; /etc/lifecycle/lifecycle.yaml. Where no file
is, a single system from LIFECYCLE_POLICY and LIFECYCLE_DSN: a container needs no more.
"""

import os
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from lifecycle.errors import InputError, NotFound
from lifecycle.policy import load
from lifecycle.settings import load as load_settings
from lifecycle.settings.model import Secret, Settings, SystemSettings
from lifecycle.system import System
from lifecycle.words import choices

PLACES = (Path("lifecycle.yaml"), Path("/etc/lifecycle/lifecycle.yaml"))
"""Where settings are looked for when no file is named."""


def settings_from(path: Path | None) -> Settings:
    """Return the settings. Raise InputError when there are none, a file is wrong, or two systems share a database."""
    found = _read(path)
    _one_policy_per_database(found)
    return found


def open(settings: Settings, name: str | None) -> System:  # noqa: A001 - read as `settings_file.open`
    """Return the system called `name`, or the only one.

    Raise InputError when a name is needed or the policy is wrong or another system's, NotFound when none is called so.
    """
    name = _chosen(settings, name)
    path = policy_file(settings, name)
    policy, digest = load.policy(path)
    if policy.system != name:
        raise InputError(
            f"the settings call a system {name!r}, and its policy {path} is written for {policy.system!r}",
            hint="Give both the same name, or point `policy:` at the right file.",
        )
    return System(policy, digest, settings.systems[name], settings)


def policy_file(settings: Settings, name: str | None) -> Path:
    """Return where the policy of the system called `name`, or of the only one, stands. Raise as `open`."""
    return settings.path(settings.systems[_chosen(settings, name)].policy)


def _chosen(settings: Settings, name: str | None) -> str:
    names = ", ".join(sorted(settings.systems))
    if name is None and len(settings.systems) > 1:
        raise InputError(
            "the settings have several systems, and none was named",
            hint=f"Add `--system NAME`: {names}.",
        )
    chosen = name or next(iter(settings.systems))
    if chosen not in settings.systems:
        raise NotFound(
            f"no system is called {chosen!r}",
            hint=choices(chosen, sorted(settings.systems), "Systems in the settings are"),
        )
    return chosen


def find(path: Path | None) -> Path | None:
    """Return the settings file: the one named, whether or not it exists, else the first that does, else None."""
    named = path or (Path(text) if (text := os.environ.get("LIFECYCLE_SETTINGS")) else None)
    return named or next((place for place in PLACES if place.exists()), None)


def _read(path: Path | None) -> Settings:
    found = find(path)
    if found is not None:
        return load_settings.settings(found)
    policy, dsn = os.environ.get("LIFECYCLE_POLICY"), os.environ.get("LIFECYCLE_DSN")
    if policy and dsn:
        return _from_environment(Path(policy).absolute(), dsn)
    raise InputError(
        f"no settings: neither {' nor '.join(map(str, PLACES))} exists",
        hint="Name a file with `--settings FILE` or LIFECYCLE_SETTINGS, or set LIFECYCLE_POLICY and LIFECYCLE_DSN.",
    )


def _from_environment(policy: Path, dsn: str) -> Settings:
    """Return settings with one system. Its password comes from libpq's own PGPASSFILE or PGPASSWORD."""
    key = os.environ.get("LIFECYCLE_REFERENCE_KEY_FILE")
    system = SystemSettings(
        policy=str(policy), dsn=dsn, reference_key=Secret(file=key) if key else None
    )
    return Settings(systems={load.policy(policy)[0].system: system}, base=Path.cwd())


def _one_policy_per_database(settings: Settings) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for name, system in settings.systems.items():
        place = _place(system.dsn, name)
        first = seen.setdefault(place, name)
        if first != name:
            raise InputError(
                f"two policies for one database: the dsn of {first!r} and of {name!r} lead to the same place",
                hint="One database has one policy: take one of the systems out, or correct its dsn.",
            )


def _place(dsn: str, name: str) -> tuple[str, ...]:
    """Return (host, port, database) as libpq would fill them in."""
    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError:
        raise InputError(
            f"systems.{name}.dsn cannot be read",
            hint="Write it like `host=db.example port=5432 dbname=vitalis user=lifecycle`.",
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST", "")
    port = parts.get("port") or os.environ.get("PGPORT", "5432")
    database = parts.get("dbname") or os.environ.get("PGDATABASE") or parts.get("user") or ""
    return str(host), str(port), str(database)
