"""Declares what a test's policy would have to declare: the triggers and rules that are there now."""

from lifecycle.policy import triggers
from lifecycle.policy.model import Declared, Policy
from lifecycle.postgres import catalog, connect
from lifecycle.postgres.catalog import Catalog


def triggers_now(conninfo: str, policy: Policy, does: str = "checks") -> Policy:
    """Return the policy with every trigger and rule declared as it is; what is declared already keeps its words."""
    with connect.connect(conninfo, "test", write=False) as conn:
        return triggers_of(catalog.read(conn), policy, does)


def triggers_of(seen: Catalog, policy: Policy, does: str = "checks") -> Policy:
    """Return the same of a database that was looked at already."""
    tables = dict(policy.tables)
    for name, table in tables.items():
        if name not in seen.tables:
            continue
        found = seen.tables[name]
        tables[name] = table.model_copy(
            update={
                "triggers": {
                    key: table.triggers.get(key) or Declared(does=does, digest=one.digest)
                    for one in found.triggers
                    if (key := triggers.key(name, one))
                },
                "functions": {
                    one.name: table.functions.get(one.name)
                    or Declared(does=does, digest=one.digest)
                    for one in found.functions
                },
                "rules": {
                    one.name: table.rules.get(one.name) or Declared(does=does, digest=one.digest)
                    for one in found.rules
                },
            }
        )
    return policy.model_copy(update={"tables": tables})
