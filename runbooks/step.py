"""What a runbook is made of. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from lifecycle.outside.commands import Finished

Kind = Literal["check", "command", "manual", "decision"]
"""`check` only reads, `command` changes something, `manual` is done by a person, `decision` is theirs to take."""

Judge = Callable[[Finished], bool | None]
"""Says whether a command did what its step expects; None: not yet, ask again."""


def ended_well(finished: Finished) -> bool | None:
    """Expect exit code 0."""
    return finished.exit_code == 0


@dataclass(frozen=True, slots=True)
class Step:
    """One step, with real values in it.

    `words` is the command without the program's name (`runs show 7`), empty where a person acts. `expect` says
    in words what `judge` looks for, within `patience`; the command may take `limit`. `unattended`: --auto may take it
    without a person.
    """

    id: str
    title: str
    why: str
    kind: Kind
    expect: str
    undo: str
    words: tuple[str, ...] = ()
    judge: Judge = ended_well
    patience: timedelta = timedelta(0)
    limit: timedelta = timedelta(minutes=10)
    unattended: bool = True
