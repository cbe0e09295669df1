"""What can be wrong with legal holds: one that names what is not there any more. Reads only."""

from collections.abc import Iterator, Mapping

from lifecycle.admin.finding import Finding, Look, bad, fine, not_asked
from lifecycle.holds import gate
from lifecycle.postgres import catalog
from lifecycle.system import System
from lifecycle.words import counted


def _lost(system: System) -> Iterator[Finding]:
    label = f"{system.name}: legal holds"
    with system.snapshot("doctor") as conn:
        holds = gate.readable(conn)
        lost = gate.lost(holds, system.policy, catalog.read(conn))
    for hold in lost:
        yield bad(
            label,
            f"hold {hold.number} is on {hold}, and that is not there any more",
            "Nobody can tell what it holds, so it holds every row: nothing is ended and nobody erased.",
            f"Was it renamed? Place the hold anew, then `lifecycle holds release {hold.number}`.",
        )
    if not holds:
        yield not_asked(label, "none stands")
    elif not lost:
        yield fine(label, f"{counted(len(holds), 'hold')}, each on something that is there")


FINDINGS: Mapping[str, Look] = {"legal holds": _lost}
