"""Takes the time of each phase of a drill or a restore."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lifecycle import clock, progress


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each phase took, in milliseconds."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    what: str = "backups.drill"

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Time the block as `<name>_ms`, also when it fails."""
        began = clock.monotonic()
        progress.phase(f"{self.what}: {name}")
        try:
            yield
        finally:
            self.counts[f"{name}_ms"] = round((clock.monotonic() - began) * 1000)
