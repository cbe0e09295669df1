"""What a rule took off its table stands alone until it is dropped, and its rows are still whose they were. Pure.

It is no table of the policy, and is spoken of as its table is: an erasure reaches it, a hold on the table holds it.
"""

from lifecycle.policy.model import Declared, Policy, Table
from lifecycle.postgres.shape import Catalog
from lifecycle.postgres.shape import Table as Standing


def declared(policy: Policy, catalog: Catalog) -> Policy:
    """Return the policy with what was taken off its tables declared as they are. What it declares itself stays so."""
    found = {
        name: _like(policy.tables[parent], catalog.tables[name])
        for name, parent in catalog.taken_off.items()
        if parent in policy.tables and name not in policy.tables
    }
    return policy.model_copy(update={"tables": policy.tables | found}) if found else policy


def _like(table: Table, alone: Standing) -> Table:
    """Return its table's line. Of the code, what stayed with it: PostgreSQL takes the table's own triggers from it."""
    own = {key.removeprefix(f"{alone.name}."): said for key, said in table.triggers.items()}
    triggers = {one.name for one in alone.triggers}
    functions = {one.name for one in alone.functions}
    return table.model_copy(
        update={
            "triggers": _those(own, triggers),
            "rules": {},
            "functions": _those(table.functions, functions),
        }
    )


def _those(said: dict[str, Declared], there: set[str]) -> dict[str, Declared]:
    return {name: one for name, one in said.items() if name in there}
