"""The draft of a policy, of a database as it is now."""

import re

from lifecycle.policy import evidence, generate
from lifecycle.postgres import catalog, connect


def drafted(dsn: str, people: str, key: str = "id") -> str:
    """Return the whole draft where the people are this table, by this key."""
    with connect.connect(dsn, "test", write=False) as conn:
        seen = catalog.read(conn)
        rows = evidence.read(conn, seen, seen.tables[people], key)
        return generate.draft(seen, generate.subject(seen, f"{people}.{key}"), rows)


def lines(draft: str) -> dict[str, str]:
    """Return table -> its line."""
    return dict(re.findall(r"^  (\w+): (\{.*)$", draft, re.MULTILINE))
