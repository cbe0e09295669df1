"""What can be wrong with partitions: rows where no partition was made for them. Reads only."""

import contextlib
from collections.abc import Iterator, Mapping

from lifecycle.admin.finding import Finding, Look, bad, fine
from lifecycle.partitions import survey
from lifecycle.partitions.section import SECTION
from lifecycle.postgres import catalog as catalogs
from lifecycle.system import System


def _defaults(system: System) -> Iterator[Finding]:
    label = f"{system.name}: default partitions"
    with contextlib.closing(system.connect("doctor", write=False)) as conn:
        catalog = catalogs.read(conn)
        holding = survey.strays(conn, system.policy, catalog)
    named = [catalog.tables[t] for t in SECTION.of(system.policy) if t in catalog.tables]
    found = [(t.name, p.name) for t in named for p in t.partitions if p.default]
    for name in (partition for table, partition in found if table in holding):
        yield bad(
            label,
            f"{name} holds rows",
            "A partition for them can no longer be made, and no rule finds them by their date.",
            "lifecycle partitions status",
        )
    if not holding:
        yield fine(label, f"none of {len(found)} holds a row")


FINDINGS: Mapping[str, Look] = {"default partitions": _defaults}
