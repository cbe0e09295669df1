"""The policy's section `records:`, how long the ledger is kept and where its months go. It names no table. Pure."""

from collections.abc import Iterator

from pydantic import Field

from lifecycle.config.mistake import Mistake
from lifecycle.config.span import Span
from lifecycle.policy.model import Policy
from lifecycle.policy.part import Part, Text
from lifecycle.policy.section import Section

SIX_YEARS = Span(6, "year")
"""How long documentation of what was done is kept: 45 CFR 164.316(b)(2)(i)."""

FLOOR = Span(1, "year")
"""The shortest time; `lifecycle.drop_month` refuses a younger month, whatever a policy says."""


class Records(Part):
    """How long the ledger is kept: runs, attempts, evidence and alerts, month by month."""

    keep: Span = Field(
        default=SIX_YEARS,
        description="how long a month stays on the ledger after its end; 1 year at least",
        examples=["6 years"],
    )
    bucket: Text | None = Field(
        default=None,
        description="where a month goes before it is dropped, by its name in the settings; without one none is dropped",
    )
    prefix: Text = Field(default="records/", description="what the keys of exports begin with")


def _sense(records: Records, _policy: Policy) -> Iterator[Mistake]:
    if records.keep.can_be_shorter_than(FLOOR):
        what = f"{records.keep} is below the floor of {FLOOR}"
        yield Mistake(("records", "keep"), what, f"write {FLOOR} or more")


SECTION = Section[Records, Records](
    "records",
    Records,
    default=Records(),
    about="how long the ledger itself is kept",
    sense=_sense,
)
