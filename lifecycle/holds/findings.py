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
    for one in lost:
        meanwhile = "Nothing is ended meanwhile, and nobody erased."
        yield bad(label, f"{one.target}: {one.what}", meanwhile, one.hint)
    if not holds:
        yield not_asked(label, "none stands")
    elif not lost:
        yield fine(label, f"{counted(len(holds), 'hold')}, each on something that is there")


FINDINGS: Mapping[str, Look] = {"legal holds": _lost}
