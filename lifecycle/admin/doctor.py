"""`lifecycle doctor`: says what is wrong with this installation before the night does.

Looks at the machine here, at each system's database in `database.py`, and asks every room what else can be wrong with
what it needs (`<room>/findings.py`). Each check survives another's failure. Changes nothing, anywhere.
"""

import stat
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from ipaddress import ip_address

import typer

from lifecycle import progress, rooms, settings_file, show
from lifecycle.admin import calendar, database
from lifecycle.admin.finding import Finding, absent, bad, fine, not_asked, refused, survive, unknown
from lifecycle.cli_options import open_settings
from lifecycle.errors import FindingsPresent, InputError, LifecycleError, NotFound
from lifecycle.outcome import Verdict
from lifecycle.settings.model import Settings, secrets_of
from lifecycle.words import choices, counted

COLUMNS = ("check", "verdict", "what")


def show_findings(name: str | None, as_json: bool) -> None:
    """Print all findings. Exit with 10 when one has to be mended. Raise NotFound for an unknown system."""
    settings = open_settings()
    if name is not None:
        if name not in settings.systems:
            raise NotFound(
                f"no system is called {name!r}",
                hint=choices(name, sorted(settings.systems), "Systems in the settings are"),
            )
        settings = settings.model_copy(update={"systems": {name: settings.systems[name]}})
    found = findings(settings)
    if as_json:
        show.document("doctor", {"findings": [asdict(f) for f in found]})
    else:
        show.table("doctor", COLUMNS, [(f.check, f.verdict, f.what) for f in found], as_json=False)
        for finding in found:
            _explain(finding)
    if any(f.verdict == Verdict.FAIL for f in found):
        raise typer.Exit(FindingsPresent.exit_code)


def _explain(finding: Finding) -> None:
    """Say why a finding matters and how to mend it, below the table."""
    if finding.verdict != Verdict.PASS and (finding.why or finding.fix):
        show.text(f"\n{finding.verdict.value}: {finding.check}: {finding.what}")
        for label, words in (("why", finding.why), ("fix", finding.fix)):
            if words:
                show.text(f"  {label}: {words}")


def findings(settings: Settings) -> list[Finding]:
    """Look at everything. Never raises for what it finds."""
    found: list[Finding] = []
    found += survive("settings", _settings_mode)
    found += survive("secrets", partial(_secrets, settings))
    found += survive("alerts", partial(_alerts, settings))
    found += survive("watched from outside", partial(_watched, settings))
    found += survive("monitoring address", partial(_address, settings))
    for name in settings.systems:
        found += survive(name, partial(_system, settings, name))
    return found


def _settings_mode() -> Iterator[Finding]:
    path = settings_file.find(None)
    if path is None:
        yield not_asked("settings", "there is no file: they come from the environment")
        return
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield bad(
            "settings",
            f"{path} can be changed by others (mode {stat.S_IMODE(mode):04o})",
            "Whoever changes it points the service at another database or has a program of theirs called.",
            f"chmod go-w {path}",
        )
    else:
        yield fine("settings", f"{path} can be changed by its owner alone")


def _secrets(settings: Settings) -> Iterator[Finding]:
    found, wrong = list(secrets_of(settings, "")), 0
    for place, secret in found:
        try:
            secret.read(place)
        except InputError as error:
            wrong += 1
            yield refused("secrets", error, "What needs this secret will fail when its time comes.")
    if not found:
        yield not_asked("secrets", "the settings name none")
    elif not wrong:
        yield fine("secrets", f"{counted(len(found), 'secret')} can be read, by the service alone")


def _alerts(settings: Settings) -> Iterator[Finding]:
    if not settings.alerts.channels:  # whether they arrive, each system's ledger knows
        yield absent(
            "alerts",
            "nobody is told when a run fails, is lost or is missed",
            "Alerts wait in the ledger, where nobody looks at night.",
            "Set `webhook`, `smtp` or `command` under `alerts:` in the settings.",
        )


def _watched(settings: Settings) -> Iterator[Finding]:
    if settings.pings.daemon is not None:
        yield unknown(
            "watched from outside",
            "a dead-man's switch is named; whether it hears the daemon is seen there alone",
            "With a mistake in its URL nobody would notice a host that died.",
            "Look at the switch: it must have heard of this host within the last minutes.",
        )
    else:
        yield absent(
            "watched from outside",
            "nothing outside this host would notice if it died",
            "A dead host sends no alert. Silence is the commonest failure of unattended work.",
            "Name the URL of a dead-man's switch (healthchecks protocol) under `pings: {daemon: ...}`.",
        )


def _address(settings: Settings) -> Iterator[Finding]:
    listen = settings.daemon.listen
    if listen is None:
        yield absent(
            "monitoring address",
            "the daemon answers no monitor",
            "Neither /healthz nor /metrics can be asked.",
            'Set `daemon: {listen: "127.0.0.1:9877"}`.',
        )
        return
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost" or (
        (host[:1].isdigit() or ":" in host) and ip_address(host).is_loopback
    ):
        yield fine("monitoring address", f"{listen} is reached from this host alone")
    else:
        yield unknown(
            "monitoring address",
            f"{listen} may be reached from other hosts",
            "It asks for no password; job names and their states can be read by whoever reaches it.",
            'Set `daemon: {listen: "127.0.0.1:9877"}`, or see that a firewall lets only the monitor in.',
        )


def _system(settings: Settings, name: str) -> Iterator[Finding]:
    progress.phase(f"looking at {name}")
    try:
        system = settings_file.open(settings, name)
    except LifecycleError as error:
        yield refused(f"{name}: policy", error, "Without its policy nothing of this system runs.")
        return
    yield from database.findings(system)
    for _, room in rooms.load("findings"):
        for check, look in room.FINDINGS.items():
            yield from survive(f"{name}: {check}", partial(look, system))
    yield from survive(f"{name}: clock changes", partial(calendar.clock_changes, system))
