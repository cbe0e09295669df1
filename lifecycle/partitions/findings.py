"""What can be wrong with partitions: rows where no partition was made for them. Reads only."""

from collections.abc import Iterator, Mapping

from lifecycle.admin.finding import Finding, Look, bad, fine, not_asked
from lifecycle.coverage import Looks
from lifecycle.partitions import survey
from lifecycle.partitions.section import SECTION
from lifecycle.postgres import catalog as catalogs
from lifecycle.system import System
from lifecycle.words import counted


def _defaults(system: System) -> Iterator[Finding]:
    label = f"{system.name}: default partitions"
    with system.snapshot("doctor") as conn:
        catalog = catalogs.read(conn)
        named = [catalog.tables[t] for t in SECTION.of(system.policy) if t in catalog.tables]
        holding, unread = survey.strays(conn, named, Looks())
    found = [(t.name, p.name) for t in named for p in t.partitions if p.default]
    for name in (partition for table, partition in found if table in holding):
        yield bad(
            label,
            f"{name} holds rows",
            "A partition for them can no longer be made, and no rule finds them by their date.",
            "lifecycle partitions status",
        )
    for table, reason in unread.items():
        why = "Nobody knows whether rows lie in it, and no partition is made beside it."
        yield bad(label, f"{table}: {reason.why}", why, reason.hint)
    if not found:
        yield not_asked(label, "no table under `partitions` has one")
    elif not holding and not unread:
        yield fine(label, f"{counted(len(found), 'default partition')} without a row")


FINDINGS: Mapping[str, Look] = {"default partitions": _defaults}
