"""Whoever destroys asks for legal holds, or stands here with the reason why not."""

from pathlib import Path

import pytest

from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]

EXEMPT = {
    "lifecycle/partitions/spare.py": "adds a check to a default partition, and takes it off again",
    "lifecycle/partitions/create.py": "makes what was not there, and moves rows of which none goes",
    "lifecycle/partitions/together.py": "makes what was not there, and destroys nothing",
    "lifecycle/partitions/care.py": "draws samples and gives rights, and destroys nothing",
    "lifecycle/partitions/take_off.py": "takes a partition off its table, and destroys nothing",
    "lifecycle/partitions/drop.py": "asks by `kept`, which who lets it drop has to give",
    "lifecycle/timescale/compress.py": "writes rows anew as batches, of which none goes",
    "lifecycle/maintenance/refresh.py": "makes views anew of rows that stay",
    "lifecycle/records/retire.py": "the ledger's own months, which no hold is on: they are exported before, for six years",
    "lifecycle/timescale/apart.py": "takes a chunk apart into the same rows: none ends",
    "lifecycle/returning/put.py": "puts rows back, and overwrites none",
    "lifecycle/returning/target.py": "makes the table that rows are put beside into",
    "gdpr/answer.py": "answers a request when its person is gone",
    "gdpr/recipients.py": "writes lines of evidence alone, of whom it has told",
    "gdpr/ledger.py": "says under which number a line will stand outside, and destroys nothing",
    "gdpr/noting.py": "our own records of requests that are open, and no row of the application's",
    "gdpr/intake/cancel.py": "takes a request back, so that nothing of its person goes",
    "gdpr/intake/extend.py": "our own record of a request, and no row of the application's",
    "gdpr/intake/receive.py": "adds a request, of which holds are asked when it is carried out",
    "gdpr/intake/settle.py": "our own record of a request, and no row of the application's",
    "gdpr/replay/carry_out.py": "says how far the ledger outside was followed; `request.py` erases",
    "gdpr/request.py": "asks by `held.nothing_on_hold`, for as long as it destroys",
    "gdpr/export/export.py": "says on the ledger what was given away, and destroys nothing",
    "gdpr/outside.py": "objects and customers of an erasure that `request.py` has asked for",
}

CHANGES = sorted(
    str(file.relative_to(ROOT))
    for folder in PACKAGES
    for file in (ROOT / folder).rglob("*.py")
    if "with effect(" in file.read_text() or " effect(conn" in file.read_text()
    if file.relative_to(ROOT).parts[:2] != ("lifecycle", "ledger")
)


@pytest.mark.parametrize("file", CHANGES)
def test_who_changes_rows_asks_for_holds_or_says_why_not(file: str) -> None:
    asks = "gate.standing(" in (ROOT / file).read_text()
    assert asks != (file in EXEMPT), file


def test_nobody_is_exempt_who_is_not_there() -> None:
    assert EXEMPT.keys() <= set(CHANGES)
