"""The page for people: which systems are dark, how every job stands, why, since when, and what to do next.

Made of what the daemon keeps in mind: asks no database, shows no connection string. Reads only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape

from lifecycle import cron, show
from lifecycle.ledger.standing import Standing
from lifecycle.schedule.state import DaemonState
from lifecycle.system import System
from lifecycle.watch import check
from lifecycle.watch.check import Judged, State

HEAD = ("system", "job", "state", "why", "last success", "what to do", "waiting", "next slot")

# A colour says nothing the word in the same cell does not; below 700 px every row is a card of its own.
_STYLE = """
:root{color-scheme:light dark}body{font:16px sans-serif;margin:1em}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3em .6em;border-bottom:1px solid #8888}
td{overflow-wrap:anywhere}.word{font-weight:bold;color:#fff;background:#555;padding:0 .4em;border-radius:.2em}
.OK .word{background:#1b6e33}.WARNING .word{background:#8a5a00}
.CRITICAL .word,.DARK .word,.FENCED .word{background:#a4161a}
@media(max-width:700px){thead{display:none}tr,td{display:block}td:empty{display:none}
tr{border-bottom:2px solid #888;padding:.5em 0}td{border:0;padding:.1em 0}
td::before{content:attr(data-name)": ";opacity:.7}}
"""


@dataclass(frozen=True, slots=True)
class _Row:
    state: str
    cells: tuple[object, ...]


def render(state: DaemonState, now: datetime) -> str:
    """Return the page, dark and fenced systems first, then what is worst."""
    rows = [row for system in state.systems for row in _rows(state, system, now)]
    order = ("DARK", "FENCED", "UNKNOWN", "CRITICAL", "WARNING", "OK")
    rows.sort(key=lambda row: order.index(row.state))
    head = "".join(f"<th>{name}" for name in HEAD)
    leaving = " - on its way out" if state.draining else ""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=30>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>Lifecycle</title><style>{_STYLE}</style>"
        f"<h1>Lifecycle</h1><p>{escape(show.cell(now))}{leaving}"
        f"<table><thead><tr>{head}<tbody>{''.join(map(_html, rows))}</table></html>"
    )


def _html(row: _Row) -> str:
    cells = ""
    for name, value in zip(HEAD, row.cells, strict=True):
        text = "" if value is None else escape(show.cell(value))
        cells += f"<td data-name='{name}'>"
        cells += f"<span class=word>{text}</span></td>" if name == "state" else f"{text}</td>"
    return f"<tr class={row.state}>{cells}</tr>"


def _rows(state: DaemonState, system: System, now: datetime) -> Iterator[_Row]:
    """Yield what is known of a system's jobs; when it is dark, or nothing was read of late, a row says so."""
    kept, zone, name = state.snapshots.get(system.name), system.policy.timezone, system.name
    if dark := state.dark(name, now):
        why = f"{dark.error.what}, since {show.cell(dark.since)}"
        yield _Row("DARK", (name, None, "DARK", why, None, dark.error.hint, None, None))
    elif kept is None or now - kept.at > state.tick_limit:
        why = f"no figures were read {f'since {show.cell(kept.at)}' if kept else 'yet'}"
        yield _Row("UNKNOWN", (name, None, "UNKNOWN", why, None, None, None, None))
    for fence in state.fences.get(name, ()):
        why = f"{fence.why}, seen first at {show.cell(fence.since)}"
        yield _Row("FENCED", (name, None, "FENCED", why, None, fence.hint, None, None))
    if kept is None:
        return
    crons = {job.name: job.cron for job in state.jobs[name]}
    for j in check.judged(system, state.jobs[name], kept.jobs, now):
        yield _Row(j.state.name, _job(j, kept.jobs, cron.next_slot(crons[j.job], zone, now)))


def _job(j: Judged, known: Mapping[str, Standing], coming: datetime | None) -> tuple[object, ...]:
    found = known.get(j.job)
    age = None if j.age is None else f"{show.cell(j.age)} ago"
    todo = None if j.state is State.OK else f"lifecycle runs list --job {j.job}"
    return (j.system, j.job, j.state.name, j.why, age, todo, found.queued if found else 0, coming)
