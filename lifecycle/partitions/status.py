"""Shows what each partitioned table has and lacks, for a person. Changes nothing."""

from datetime import datetime

from lifecycle.partitions import plan, survey, tend
from lifecycle.partitions.section import SECTION
from lifecycle.promise import Listing
from lifecycle.system import System


def status(system: System, now: datetime) -> Listing:
    """Return, per table, how many partitions exist, how many are wanted and are missing, and what is in the way."""
    seen = survey.survey(system, now, None)
    decision = plan.decide(system.policy, seen, now)
    missing = [step.parent for step in decision.steps]
    blocked = {failure.target: failure.what for failure in decision.refusals}
    tables = seen.catalog.tables
    rows = [
        (
            name,
            wanted.words,
            len(tables[name].partitions) if name in tables else 0,
            wanted.ahead or "",
            missing.count(name),
            "stale" if tend.stale(seen.sampled.get(name), now) else "",
            blocked.get(name, ""),
        )
        for name, wanted in SECTION.of(system.policy).items()
    ]
    columns = ("table", "every", "partitions", "ahead", "missing", "samples", "in the way")
    return Listing("partitions", columns, rows)
