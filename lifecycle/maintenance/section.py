"""The policy's section `maintenance:`, what is kept fresh: materialized views, and the planner's statistics. Pure."""

from collections.abc import Iterator

from pydantic import Field

from lifecycle.config.mistake import Mistake, Where
from lifecycle.policy.draft_text import quote
from lifecycle.policy.look import Look
from lifecycle.policy.model import Policy
from lifecycle.policy.part import Part, TableName
from lifecycle.policy.section import Section
from lifecycle.postgres.catalog import Catalog
from lifecycle.words import did_you_mean


class Maintenance(Part):
    """What is made anew on a schedule, because PostgreSQL itself does not."""

    views: tuple[TableName, ...] = Field(
        default=(),
        description="the materialized views that are refreshed, every hour or as `schedule` says",
        examples=[["visits_by_month"]],
    )
    statistics: bool = Field(
        default=False,
        description="whether each table and leaf that has changed is analysed, at 03:00 or as `schedule` says",
        examples=[True],
    )


def _sense(kept: Maintenance, _policy: Policy) -> Iterator[Mistake]:
    for number, view in enumerate(kept.views):
        if view in kept.views[:number]:
            yield Mistake(("maintenance", "views", number), f"{view} stands there twice", "once")


def _truth(kept: Maintenance, look: Look) -> None:
    there = sorted(look.catalog.materialized)
    for number, view in enumerate(kept.views):
        path: Where = ("maintenance", "views", number)
        if view in look.catalog.views and view not in there:
            look.say(path, f"{view} is a view that keeps no rows", "take it out")
        elif view not in there:
            known = f"materialized views are: {', '.join(there)}" if there else "there is none"
            said = f"no materialized view is called {view!r}"
            look.say(path, said, did_you_mean(view, there, known))
    if kept.views and (others := [view for view in there if view not in kept.views]):
        look.notes.append(
            f"nobody here refreshes {', '.join(others)}: not under `maintenance.views`"
        )


def _draft(_policy: Policy, catalog: Catalog) -> Iterator[str]:
    if catalog.materialized:
        views = ", ".join(map(quote, sorted(catalog.materialized)))
        yield "# Whether anybody refreshes these materialized views, the database does not say."
        yield "# maintenance:"
        yield f"#  views: [{views}]"


SECTION = Section[Maintenance, Maintenance](
    "maintenance",
    Maintenance,
    default=Maintenance(),
    about="materialized views and statistics that are kept fresh",
    sense=_sense,
    truth=_truth,
    draft=_draft,
)
