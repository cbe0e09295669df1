"""What the audit log needs: an erasure takes the person out of its rows, which are never deleted."""

from collections.abc import Iterator

from audit.section import SECTION
from lifecycle.policy import whole
from lifecycle.policy.model import Policy
from lifecycle.policy.rights import Right
from lifecycle.postgres.shape import Catalog


def rights(policy: Policy, _catalog: Catalog) -> Iterator[Right]:
    """Yield the columns that an anonymisation sets."""
    audit = SECTION.of(policy)
    if audit is not None and whole.erased(policy):
        columns = (audit.subject, *audit.actors, audit.record, *audit.values, *audit.of_actor)
        yield Right(audit.table, "update", "an anonymisation takes the person out", columns)
