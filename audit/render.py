"""Turns a report's document into one self-contained page, and puts both on disk in one step.

The page needs nothing from anywhere: no script, no font, no address. It shows what the JSON has and computes
nothing a reader could not find there; the JSON's digest stands on it.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from audit import report
from audit.headline import headline
from lifecycle.errors import Refused

WIDTH = 900
"""Units across a drawing; it scales with the page."""

HIGH = 110
"""Units up a trend."""

FILES = ("report.json", "report.html")
MANIFEST = "manifest.json"


def page(document: dict[str, Any]) -> str:
    """Return the report as an HTML page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("audit"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "when": when, "seconds": seconds, "words": words}
    return environment.get_template("report.html").render(
        report=document,
        digest=report.digest(report.canonical(document)),
        headline=headline(document),
        timeline=timeline(document),
        bars=bars,
        trend=trend,
        level=level,
        width=WIDTH,
    )


def together(directory: Path, content: Mapping[str, bytes]) -> None:
    """Make the new `directory` with these files: all of them or none. Raise OSError as it comes."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=".half-", dir=directory.parent))
    try:
        for name, body in content.items():
            (half / name).write_bytes(body)
        half.chmod(0o750)
        half.rename(directory)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def write(directory: Path, document: dict[str, Any]) -> str:
    """Write report.json, report.html and manifest.json into the new `directory`; return the JSON's digest.

    All three appear together. A complete report that stands there already is left as it is. Raise Refused when
    the directory cannot be made or has something else in it.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        there = standing(directory)
        if there is not None:
            return report.digest(report.canonical(there))
        content = {
            "report.json": report.canonical(document),
            "report.html": page(document).encode(),
        }
        sums = {name: report.digest(body) for name, body in content.items()}
        listed = report.canonical({"format": "lifecycle.report-files.v1", "sha256": sums})
        together(directory, content | {MANIFEST: listed})
        return sums["report.json"]
    except OSError as error:
        raise Refused(
            f"the report cannot be written to {directory}: {error.strerror}",
            hint="Check `reports:` in the settings, and whose directory that is.",
        ) from None


def standing(directory: Path) -> dict[str, Any] | None:
    """Return the complete report in `directory`, or None when nothing is there.

    Raise Refused when something else is there.
    """
    if not directory.exists():
        return None
    try:
        sums = json.loads((directory / MANIFEST).read_bytes())["sha256"]
        content = {name: (directory / name).read_bytes() for name in FILES}
        if all(report.digest(body) == sums[name] for name, body in content.items()):
            return json.loads(content["report.json"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise Refused(
        f"{directory} has something else than a complete report in it",
        hint="Look at it, move it away, and make the report again.",
    )


def level(run: dict[str, Any]) -> str:
    """Return how a run is shown."""
    verdict = {"pass": "good", "fail": "bad", "could not verify": "warn", "not configured": "quiet"}
    state = {"missed": "bad", "lost": "bad", "cancelled": "warn"}
    return verdict.get(run["verdict"] or "", state.get(run["state"], "open"))


def timeline(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return per job where its runs lie across the period: a mark at each due time, in units of WIDTH."""
    begins, ends = (_moment(document["period"][edge]) for edge in ("from", "to"))
    length = max((ends - begins).total_seconds(), 1)
    rows: list[dict[str, Any]] = []
    for job in document["jobs"]:
        marks = [
            {
                "x": round(
                    WIDTH
                    * min(max((_moment(run["due_at"]) - begins).total_seconds() / length, 0), 1),
                    1,
                ),
                "level": level(run),
                "title": f"{run['job']}, due {when(run['due_at'])}: {run['verdict'] or run['state']}",
            }
            for run in document["runs"]
            if run["job"] == job["job"]
        ]
        rows.append({"job": job["job"], "marks": marks})
    return rows


def bars(block: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a whole as pieces of one bar, in units of WIDTH."""
    whole, x, parts = (
        max(sum(part["ms"] for part in block["parts"]), 1),
        0.0,
        list[dict[str, Any]](),
    )
    for index, part in enumerate(block["parts"]):
        wide = WIDTH * part["ms"] / whole
        shade = round(0.25 + 0.75 * index / len(block["parts"]), 2)
        parts.append({**part, "x": round(x, 1), "w": round(wide, 1), "shade": shade})
        x += wide
    return parts


def trend(block: dict[str, Any]) -> dict[str, Any]:
    """Return the dots of a trend in units of WIDTH and HIGH, and where the promise lies; None where far above.

    A promise far above all that was measured would press it flat: it is said in words then.
    """
    dots, promised = block["dots"], block["promised_ms"]
    most = max(dot["ms"] for dot in dots)
    near = promised is not None and promised <= 4 * max(most, 1)
    top = max(most, promised if near else 0, 1) * 1.1
    first, last = (_moment(dots[edge]["at"]).timestamp() for edge in (0, -1))
    drawn = [
        {
            **dot,
            "x": round(WIDTH * (_moment(dot["at"]).timestamp() - first) / max(last - first, 1), 1),
            "y": _high(dot["ms"], top),
        }
        for dot in dots
    ]
    return {"dots": drawn, "promise": _high(promised or 0, top) if near else None}


def _high(ms: int, top: float) -> float:
    return round(HIGH * (1 - ms / top), 1)


def number(value: int | None) -> str:
    """Return a count with its thousands apart, or a dash."""
    return "-" if value is None else f"{value:,}".replace(",", " ")


def when(text: str | None) -> str:
    """Return a moment for people, in UTC."""
    return _moment(text).strftime("%-d %b %Y, %H:%M:%S UTC") if text else "-"


def seconds(milliseconds: int | None) -> str:
    """Return a length of time for people."""
    if milliseconds is None:
        return "-"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, rest = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {rest} s"


def words(name: str) -> str:
    """Return a name of ours as words: `shelf.rows_moved` is `rows moved`."""
    return name.rpartition(".")[2].replace("_", " ")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
