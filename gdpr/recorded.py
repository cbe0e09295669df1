"""What is kept of a proof, so that a certificate can say later what was searched, and what was kept on which ground.

Pure. Names places, tables and columns, never a person.
"""

from collections.abc import Mapping
from typing import Any

from gdpr.reach import Reach
from gdpr.search.database import Searched
from lifecycle import __version__
from lifecycle.coverage import Coverage
from lifecycle.system import System

SLOWEST = 10
"""Of how many relations it is kept how long they took."""


def of_proof(
    system: System,
    reach: Reach,
    coverage: Coverage,
    searched: Searched,
    review: Mapping[str, int],
) -> dict[str, Any]:
    """Return it: places looked at and not, kept tables with their reason, and by what all of it was decided.

    `review`: by table the rows with a name of the person that others may have, too.
    """
    slowest = sorted(searched.read, key=lambda one: -one.seconds)[:SLOWEST]
    seen = (coverage.promised & coverage.looked_at) - coverage.unseen().keys()
    said = ((name, reach.policy.tables[name].keep) for name in reach.kept)
    return {
        "version": __version__,
        "policy": system.policy_digest,
        "catalog": reach.catalog.digest,
        "tables": sorted({*reach.deleted, *reach.kept}),
        "kept": [
            {"table": name, "cleared": list(reach.cleared(name)), "because": keep.because}
            for name, keep in said
            if keep
        ],
        "to_review": dict(review),
        "searched": sorted(map(str, seen)),
        "coverage": coverage.document(),
        "read": {
            **searched.counts(),
            "milliseconds": round(sum(one.seconds for one in searched.read) * 1000),
        },
        "slowest": [
            {
                "relation": one.relation,
                "rows": one.rows,
                "bytes": one.size,
                "milliseconds": round(one.seconds * 1000),
            }
            for one in slowest
        ],
    }
