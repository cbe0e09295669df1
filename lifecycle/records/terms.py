"""What the database holds the service to, whatever the service says: how long a month of the ledger stays."""

from collections.abc import Iterator

from psycopg import sql

from lifecycle.policy.model import Policy
from lifecycle.records.section import SECTION

_KEEP = sql.SQL("""
    insert into lifecycle.kept_for (keep) values ({})
        on conflict (only_one) do update set keep = excluded.keep
""")


def terms(policy: Policy) -> Iterator[str]:
    """Yield the statement that tells it, for the ledger's owner to run."""
    yield _KEEP.format(sql.Literal(str(SECTION.of(policy).keep))).as_string().strip()
