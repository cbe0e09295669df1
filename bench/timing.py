"""Times two things in turn, A B A B ..., so that a drift of the machine's speed falls on both."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from lifecycle import clock


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of each counted run of A and of B, and the ratio A/B pair by pair."""

    ours: tuple[float, ...]
    floor: tuple[float, ...]

    def __str__(self) -> str:
        ratios = [a / b for a, b in zip(self.ours, self.floor, strict=True)]
        return (
            f"{statistics.median(self.ours) * 1000:.1f} ms against {statistics.median(self.floor) * 1000:.1f} ms: "
            f"{statistics.median(ratios):.2f}x (pairs from {min(ratios):.2f} to {max(ratios):.2f}, n={len(ratios)})"
        )


def pair(ours: Callable[[], object], floor: Callable[[], object], *, runs: int = 11) -> Pair:
    """Run both once to warm up, then `runs` times in turn, changing who goes first."""
    ours()
    floor()
    taken: dict[int, list[float]] = {0: [], 1: []}
    for number in range(runs):
        order = ((0, ours), (1, floor)) if number % 2 else ((1, floor), (0, ours))
        for which, work in order:
            begun = clock.monotonic()
            work()
            taken[which].append(clock.monotonic() - begun)
    return Pair(tuple(taken[0]), tuple(taken[1]))
