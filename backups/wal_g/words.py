"""What a policy promises of WAL-G, under `backups: wal_g:`, and what the server's own settings make of that.

Pure.
"""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from lifecycle.config.mistake import Mistake, Where
from lifecycle.config.span import Span
from lifecycle.policy.look import Look
from lifecycle.policy.part import Part

PATH: Where = ("backups", "wal_g")


class WalG(Part):
    """What WAL-G's base backups and its archive of the log let one come back to."""

    base: Span = Field(
        default=Span(1, "day"), description="a base backup is taken at least this often"
    )
    push: bool = Field(
        default=False,
        description="the service takes the base backups, where its settings name `pgdata`; else somebody else does",
    )
    keep: Span | None = Field(
        default=None,
        description="base backups and log end once nothing of the last time this long needs them; without it none is "
        "deleted",
        examples=["14 days"],
    )
    encrypt: bool = Field(
        default=False,
        description="what WAL-G stores is encrypted, by its first bytes; looked at also where its settings name a key",
    )
    window: Span = Field(
        description="one can come back to any moment of the time up to now that is this long",
        examples=["7 days"],
    )
    rpo: Span = Field(
        description="what is written is in the archive after this long at most",
        examples=["5 minutes"],
    )
    rto: Span = Field(
        description="a copy answers, recovered to the point that was wanted, after this long at most",
        examples=["1 hour"],
    )


def sense(said: WalG | None) -> Iterator[Mistake]:
    """Find what cannot be kept, whatever the server does."""
    if said is None:
        return
    if said.base.at_least() > said.window.at_most():
        what = f"a base backup every {said.base} does not carry a window of {said.window}"
        yield Mistake((*PATH, "base"), what, f"write {said.window} or less")
    if said.keep is not None and said.keep.at_least() < said.window.at_most():
        what = f"what is kept for {said.keep} does not carry a window of {said.window}"
        yield Mistake((*PATH, "keep"), what, f"write {said.window} or more")
    if said.rpo.at_least() > said.window.at_least():
        what = f"an rpo of {said.rpo} is longer than the window of {said.window}"
        yield Mistake((*PATH, "rpo"), what, "write how much may be lost, like `5 minutes`")


def truth(said: WalG | None, look: Look) -> None:
    """Note what the server's settings make of the rpo.

    A note, and no mistake: a parameter of the server stops nothing else. A drill fails for it.
    """
    if said is not None and (broken := unkept(said, look.catalog.archive_timeout)):
        look.notes.append(f"backups.wal_g.rpo: {broken}")


def unkept(said: WalG, archive_timeout: int | None) -> str:
    """Return why this server cannot keep the rpo; empty where it may. `archive_timeout` in seconds."""
    if archive_timeout is None:
        return f"{said.rpo} is promised, and the server archives nothing: set `archive_mode = on`"
    if archive_timeout == 0:
        return (
            f"{said.rpo} is promised, and with `archive_timeout = 0` a quiet server archives nothing for as long as "
            f"it is quiet: set it below {said.rpo}"
        )
    waits = timedelta(seconds=archive_timeout)
    if waits >= said.rpo.at_least():
        return (
            f"{said.rpo} is promised, and with `archive_timeout = {archive_timeout}s` what is written can wait {waits} "
            f"before it is archived: set it well below {said.rpo}"
        )
    return ""
