"""Keeps on disk how far somebody has come in a runbook, so that an interruption costs nothing.

One JSON file per walk, beside the reports, replaced in one step after every change. Holds names of steps,
exit codes, digests of what was printed and the notes people typed; never what a command printed.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from lifecycle.errors import NotFound, Refused
from lifecycle.system import System

Result = Literal["started", "done", "failed", "skipped", "left to a person"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one step. `started` alone means: interrupted, its effect is not known."""

    step: str
    result: Result
    at: str
    note: str = ""
    exit_code: int | None = None
    output_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """One walk through a runbook. `state` is `open` until its last step is done; `facts` are the book's own.

    `about` is what the book was told when it was begun.
    """

    file: Path
    book: str
    about: dict[str, str]
    facts: dict[str, Any]
    begun: str
    state: Literal["open", "done"] = "open"
    entries: tuple[Entry, ...] = field(default=())

    def result_of(self, step: str) -> Result | None:
        """Return what the last entry about a step says, None if it was not begun."""
        results: list[Result] = [entry.result for entry in self.entries if entry.step == step]
        return results[-1] if results else None

    def with_entry(self, entry: Entry) -> "Progress":
        """Return this walk with one more entry, written to disk."""
        return save(replace(self, entries=(*self.entries, entry)))

    def ended(self) -> "Progress":
        """Return this walk at its end, written to disk."""
        return save(replace(self, state="done"))


def begin(
    system: System, book: str, about: Mapping[str, str], facts: dict[str, Any], now: datetime
) -> Progress:
    """Begin a walk and write it down. Raise Refused when it cannot be written."""
    file = _folder(system) / f"{now:%Y%m%dT%H%M%S%fZ}-{book}.json"
    return save(Progress(file, book, dict(about), facts, now.isoformat()))


def save(progress: Progress) -> Progress:
    """Write the walk to its file, in one step, and return it. Raise Refused."""
    half = progress.file.with_suffix(".half")
    content = asdict(progress) | {"file": None, "format": "lifecycle.runbook-progress.v1"}
    try:
        progress.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with half.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        half.replace(progress.file)
    except OSError as error:
        raise Refused(
            f"the progress cannot be written to {progress.file}: {error.strerror}",
            hint="Check `reports:` in the settings; nothing was done without being written down.",
        ) from None
    return progress


def history(system: System) -> tuple[Progress, ...]:
    """Return every walk, the newest first. Raise Refused when a file cannot be read."""
    return tuple(_load(file) for file in sorted(_folder(system).glob("*.json"), reverse=True))


def newest_open(system: System) -> Progress:
    """Return the newest walk that has not ended. Raise NotFound."""
    for progress in history(system):
        if progress.state == "open":
            return progress
    raise NotFound(
        "no runbook waits to be resumed", hint="Begin one with `lifecycle runbooks run`."
    )


def _folder(system: System) -> Path:
    return system.machine.path(system.machine.reports) / system.name / "runbooks"


def _load(file: Path) -> Progress:
    try:
        content = json.loads(file.read_bytes())
        entries = tuple(Entry(**entry) for entry in content["entries"])
        return Progress(
            file,
            content["book"],
            content["about"],
            content["facts"],
            content["begun"],
            content["state"],
            entries,
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(
            f"{file} is not the progress of a runbook",
            hint="Look at it, and move it away.",
        ) from None
