"""How Stripe filters, pages and searches: the newest first, at most 100 at a time."""

import re
from collections.abc import Callable, Iterable

from lifecycle.sandbox.stripe_refusals import Object, Params, StripeError, missing

PAGING = ("limit", "starting_after", "ending_before")
CLAUSE = re.compile(
    r"""(?:metadata\[["'](?P<key>[^"']+)["']\]|(?P<field>email|name|phone))"""
    r"""\s*(?P<how>[:~])\s*(?P<quote>["'])(?P<value>(?:(?!(?P=quote)).)*)(?P=quote)"""
)


def where(rows: Iterable[Object], params: Params, *names: str) -> list[Object]:
    """Return the rows whose fields equal the parameters of that name, if these were given."""
    asked = {name: params[name] for name in names if name in params}
    return [row for row in rows if all(row[name] == value for name, value in asked.items())]


def page(rows: Iterable[Object], params: Params, url: str) -> Object:
    """Return one page, the newest first, as Stripe cuts it."""
    limit = int(params.get("limit", 10))
    if not 1 <= limit <= 100:
        raise StripeError(400, "Invalid limit: must be from 1 to 100", param="limit")
    newest_first = list(rows)[::-1]
    keys = [row["id"] for row in newest_first]
    for name in ("starting_after", "ending_before"):
        if name in params and params[name] not in keys:
            raise missing("object", str(params[name]), status=400, param=name)
    if "starting_after" in params:
        newest_first = newest_first[keys.index(params["starting_after"]) + 1 :]
    has_more = len(newest_first) > limit
    page = newest_first[:limit]
    if "ending_before" in params:
        before = newest_first[: keys.index(params["ending_before"])]
        has_more, page = len(before) > limit, before[-limit:]
    return {"object": "list", "url": url, "has_more": has_more, "data": page}


def query(text: str) -> Callable[[Object], bool]:
    """Return the test that a search query describes.

    Clauses `field:"exact"` and `field~"part"`, joined by all AND or all OR, on email, name, phone
    and metadata["key"]. Raise StripeError for anything else.
    """
    clauses = list(CLAUSE.finditer(text))
    joints = {word.strip().upper() for word in CLAUSE.split(text)[:: CLAUSE.groups + 1]} - {""}
    if not clauses or len(joints) > 1 or joints - {"AND", "OR"}:
        raise StripeError(400, f"We were unable to parse your search query: {text}", param="query")
    join = any if joints == {"OR"} else all

    def matches(row: Object) -> bool:
        return join(_matches(row, clause) for clause in clauses)

    return matches


def _matches(row: Object, clause: re.Match[str]) -> bool:
    key, wanted = clause["key"], clause["value"].lower()
    found = row["metadata"].get(key) if key else row[clause["field"]]
    if found is None:
        return False
    return wanted == found.lower() if clause["how"] == ":" else wanted in found.lower()
