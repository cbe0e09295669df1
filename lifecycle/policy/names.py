"""How a policy names columns: `users.account_id`, `billing.invoices.payer`. Pure."""


def split_column(reference: str) -> tuple[str, str]:
    """Return (table, column) of `table.column` or `schema.table.column`. Without a dot, the table is empty."""
    table, _, column = reference.rpartition(".")
    return table, column
