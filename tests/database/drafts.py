"""The draft of a policy, of a database as it is now."""

import re

from lifecycle.policy import evidence, generate
from lifecycle.postgres import catalog, connect


def drafted(dsn: str, people: str) -> str:
    """Return the whole draft where the people are this table, by its `id`."""
    with connect.connect(dsn, "test", write=False) as conn:
        seen = catalog.read(conn)
        rows = evidence.read(conn, seen, seen.tables[people], "id")
        return generate.draft(seen, generate.subject(seen, f"{people}.id"), rows)


def lines(draft: str) -> dict[str, str]:
    """Return table -> its line."""
    return dict(re.findall(r"^  (\w+): (\{.*)$", draft, re.MULTILINE))
