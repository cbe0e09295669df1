"""What would be done, before it is done: frozen steps, each with its reason, under one hash.

A plan is made by a pure function from (policy, catalog, what was counted, now). A person applies it by
its hash; the same function runs again at that moment, and another hash means the world has changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Generic, TypeVar

from lifecycle.errors import Conflict


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. Rooms subclass it with the typed fields that carrying it out needs.

    `verb` is what is done ("create partition"), `target` what to (a table, a bucket; never a person),
    `reason` the written rule behind it, `cost` what it takes (rows, locks).
    """

    verb: str
    target: str
    reason: str
    cost: str


S_co = TypeVar("S_co", bound=Step, covariant=True)


@dataclass(frozen=True, slots=True)
class Plan(Generic[S_co]):
    """Steps in the order in which they are carried out, for one system."""

    room: str
    system: str
    database: str
    policy_digest: str
    steps: tuple[S_co, ...]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def hash(self) -> str:
        """Return 16 hex digits over everything in the plan: same world and policy, same hash."""
        canonical = json.dumps(asdict(self), sort_keys=True, default=str, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def must_be(self, wanted: str) -> None:
        """Raise Conflict unless `wanted` is this plan's hash."""
        if wanted != self.hash:
            raise Conflict(
                f"plan {wanted} is not what would be done now",
                hint=f"The world or the policy has changed since. Look at `lifecycle {self.room} plan` again.",
            )
