"""How a policy names tables and columns: `users`, `billing.invoices`, `users.account_id`. Pure."""

from lifecycle.policy.model import RetentionRule


def split_column(reference: str) -> tuple[str, str]:
    """Return (table, column) of `table.column` or `schema.table.column`. Without a dot, the table is empty."""
    table, _, column = reference.rpartition(".")
    return table, column


def target(rule: RetentionRule) -> tuple[str, str | None]:
    """Return (table, column) that a retention rule ends; the column is None where whole rows are deleted."""
    if rule.do == "delete":
        return rule.table, None
    return split_column(rule.table)
