"""Which tables with a person's data change without the audit log hearing of it. Pure: looks at the catalog only."""

from audit.section import SECTION
from lifecycle.policy.model import Policy
from lifecycle.postgres.catalog import Catalog

FIRES = ("O", "A")
"""States in which a trigger fires in an ordinary session: origin, always (pg_trigger.tgenabled)."""


def coverage(policy: Policy, catalog: Catalog) -> tuple[str, ...]:
    """Return the tables that hold somebody's data and have no enabled row trigger, sorted.

    Which trigger writes the log is the application's business; one without any cannot be captured. The log
    itself is left out. Empty when the policy has no `audit:` section.
    """
    log = SECTION.of(policy)
    if log is None:
        return ()
    return tuple(
        sorted(
            name
            for name, table in policy.tables.items()
            if table.owner is not None
            and name != log.table
            and name in catalog.tables
            and not any(t.row and t.enabled in FIRES for t in catalog.tables[name].triggers)
        )
    )
