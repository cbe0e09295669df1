"""What the erasures of one run share, and how each of them ended. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gdpr.plan import ErasureStep
from gdpr.reach import Reach
from lifecycle.coverage import Coverage
from lifecycle.ledger.claims import Claim
from lifecycle.outcome import Failure
from lifecycle.outside.keys import ReferenceKey
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Desk:
    """What is the same for all requests of one run. `caps`: by request, the most rows that may go or change.

    `shown`: by request, the steps a person has looked at; empty where nobody has. `replay`: they were proven before, in
    the database that this one was put back over.
    """

    system: System
    claim: Claim
    reach: Reach
    key: ReferenceKey
    now: datetime
    caps: Mapping[str, int]
    shown: Mapping[str, list[ErasureStep]]
    replay: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """How one request ended: answered, withdrawn by its person, or with what a person should know.

    `coverage` is that of the proof, with what it found. `nobody`: who it is about is known to nobody.
    """

    answered: bool = False
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    rows: int = 0
    withdrawn: bool = False
    nobody: bool = False
    coverage: Coverage | None = None
