"""Chooses which of the references that rows show a drafted policy declares: those about which it says something.

Pure. A reference between tables that are nobody's is none of a policy's business. One that could only be cleared, and
may not be NULL, or stands inside JSON, is left out: the row goes another way, and what is left in it leads nowhere.
"""

from collections.abc import Mapping

from lifecycle.policy import foreign_keys, sentences, virtual
from lifecycle.policy.model import Policy
from lifecycle.policy.reference import Reference
from lifecycle.postgres.catalog import Catalog


def chosen(
    policy: Policy, catalog: Catalog, shown: Mapping[str, Mapping[str, Reference]]
) -> Policy:
    """Return the policy with those of the references `shown` that lead to people and can be spoken of."""
    tables = dict(policy.tables)
    for name, found in shown.items():
        kept = {c: said for c, said in found.items() if _speaks(policy, catalog, name, c, said)}
        tables[name] = tables[name].model_copy(update={"references": kept})
    return policy.model_copy(update={"tables": tables})


def _speaks(policy: Policy, catalog: Catalog, table: str, name: str, said: Reference) -> bool:
    keys = [
        key
        for key in virtual.led(catalog, {table: {name: said}}).foreign_keys
        if isinstance(key, virtual.Virtual) and policy.tables[key.referenced].owner
    ]
    return bool(keys) and all(
        (said.path is None and foreign_keys.may_be_null(catalog, key))
        or any(
            sentences.of(policy, key, kind) for kind in policy.tables[key.referenced].owner or ()
        )
        for key in keys
    )
