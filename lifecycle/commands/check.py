"""`lifecycle check`: prints how every job stands, for people or for Nagios. The judgement is `watch/check.py`.

One system that cannot be asked hides nothing of the others.
"""

import sys
from collections.abc import Iterator

import typer

from lifecycle import clock, show, unexpected
from lifecycle.cli_options import open_systems
from lifecycle.errors import FindingsPresent, LifecycleError
from lifecycle.system import System
from lifecycle.watch import check
from lifecycle.watch.check import Judged, State
from lifecycle.words import counted


def show_jobs(name: str | None, as_json: bool, *, nagios: bool) -> None:
    """Print how every job stands. Exit with 10 when one is not well; with `nagios`, 0 to 3.

    A system that cannot be asked is a row; where there is no other one, its error is raised.
    """
    if nagios:
        raise typer.Exit(_for_nagios())
    systems = open_systems()
    found, away = _ask(systems)
    if len(systems) == len(away) == 1:
        raise away[systems[0].name]
    rows: list[tuple[object, ...]] = [
        (j.system, j.job, j.state.name, j.age, j.warn, j.why) for j in found
    ]
    rows += [(s, None, State.UNKNOWN.name, None, None, error.what) for s, error in away.items()]
    columns = ("system", "job", "state", "last success ago", "expected within", "why")
    show.table("jobs" if name is None else f"jobs of {name}", columns, rows, as_json)
    if away or any(judged.state for judged in found):
        raise typer.Exit(FindingsPresent.exit_code)


def _ask(systems: tuple[System, ...]) -> tuple[list[Judged], dict[str, LifecycleError]]:
    """Return how the jobs stand, and which systems could not be asked."""
    found: list[Judged] = []
    away: dict[str, LifecycleError] = {}
    for system in systems:
        try:
            found += check.jobs(system, clock.now())
        except Exception as error:  # noqa: BLE001 - whatever it is, the other systems are told
            away[system.name] = unexpected.explain(error)
    return found, away


def _for_nagios() -> int:
    """Print one line and return its exit code. A monitor gets an answer, whatever is broken.

    What is known to be bad comes before what is not known: CRITICAL, UNKNOWN, WARNING, OK.
    """
    try:
        found, away = _ask(open_systems())
    except Exception as error:  # noqa: BLE001 - see above
        sys.stdout.write(f"LIFECYCLE UNKNOWN - {_line(unexpected.explain(error).what)}\n")
        return State.UNKNOWN
    states = {*(judged.state for judged in found), *([State.UNKNOWN] if away else [])}
    order = (State.CRITICAL, State.UNKNOWN, State.WARNING, State.OK)
    worst = next((state for state in order if state in states), State.UNKNOWN)
    bad = [f"{name}: {error.what}" for name, error in away.items()]
    bad += [f"{j.system}/{j.job}: {j.why}" for j in found if j.state]
    told = "; ".join(map(_line, bad)) or f"{counted(len(found), 'job')} well"
    figures = " ".join(_figures(found))
    sys.stdout.write(
        f"LIFECYCLE {worst.name} - {told}" + (f" | {figures}" if figures else "") + "\n"
    )
    return worst


def _figures(found: list[Judged]) -> Iterator[str]:
    for j in found:
        if j.age is not None:
            spans = ";".join(str(round(span.total_seconds())) for span in (j.warn, j.crit))
            yield f"'{j.system}/{j.job}'={round(j.age.total_seconds())}s;{spans};0"


def _line(text: str) -> str:
    """Return what Nagios can read: one line without the sign that begins the figures."""
    return text.partition("\n")[0].replace("|", "/")
