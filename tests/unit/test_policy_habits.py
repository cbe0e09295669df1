"""What names say of money: a draft asks about books, and not about doses, firms' numbers and what somebody pays with."""

import pytest

from lifecycle.policy import habits


@pytest.mark.parametrize(
    ("column", "money"),
    [
        ("amount", True),
        ("amount_cents", True),
        ("totalNet", True),
        ("order_total", True),
        ("total_amount", True),
        ("amount_ht", True),
        ("total_to_be_settled", True),
        ("paid_at", True),
        ("mwst", True),
        ("dose_amount", False),
        ("total_mass", False),
        ("total_lean_mass_kg", False),
        ("total_bmc_lbs", False),
        ("total_sleep", False),
        ("vat_id", False),
        ("iban", False),
    ],
)
def test_a_sum_of_money_is_told_from_other_sums(column: str, money: bool):
    assert bool(habits.money((column,))) == money


@pytest.mark.parametrize(
    ("table", "columns", "books"),
    [
        ("invoices", (), True),
        ("Refund", (), True),
        ("rechnungen", (), True),
        ("consents", (), True),
        ("payment_methods", ("iban",), False),
        ("payout_accounts", ("iban",), False),
        ("dexa_scans", ("total_mass",), False),
        ("patient_transfers", ("ward",), False),
        ("offers", ("amount_cents",), True),
    ],
)
def test_books_are_told_from_what_somebody_pays_with(
    table: str, columns: tuple[str, ...], books: bool
):
    assert bool(habits.books(table, columns)) == books


@pytest.mark.parametrize(
    ("table", "ledger"),
    [("orders", True), ("wallet_transfers", True), ("zahlungen", True), ("offers", False), ("payment_methods", False)],
)  # fmt: skip
def test_a_table_that_holds_money_is_a_ledger_by_its_name(table: str, ledger: bool):
    assert habits.moved(table) == ledger
