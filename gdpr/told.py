"""Says where a request stands in lines for a person, from the document that `why.py` makes. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from lifecycle.words import counted, moment


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield where it stands, its moments, what was done, found and not looked at, what comes next."""
    yield f"request {told['reference']}: {told['state']}"
    yield told["meaning"]
    late = ", which has passed" if told["past_deadline"] else ""
    for name, suffix in (
        ("asked", ""),
        ("due", ""),
        ("deadline", f" by law (GDPR Art. 12(3)){late}"),
        ("noted", ""),
        ("claimed", ""),
        ("erased", ""),
        ("proven", ""),
    ):
        if told[name] is not None:
            yield f"  {name}: {moment(told[name])}{suffix}"
    yield from _by_hand(told)
    if told["rows"]:
        yield f"  rows: {', '.join(f'{table} {rows:,}' for table, rows in sorted(told['rows'].items()))}"
    if told["answered_by"]:
        yield f"  answered with request {told['answered_by']} of the same person"
    yield from _searched(told)
    if told["announced_without_outcome"]:
        yield f"  announced, with no outcome on record: {', '.join(told['announced_without_outcome'])}"
    if told["holds_not_asked"]:
        yield f"  whether a legal hold or Object Lock keeps it could not be asked: {told['holds_not_asked']}"
    yield from _under_its_number(told)
    yield f"next: {told['next']}"


def _by_hand(told: Mapping[str, Any]) -> Iterator[str]:
    for one in told["extended"]:
        yield f"  given more time: until {moment(one['until'])} by {one['by']}: {one['because']}"
    for one in told["settled"]:
        yield f"  ended by hand: {moment(one['at'])} by {one['by']}: {one['because']}"


def _under_its_number(told: Mapping[str, Any]) -> Iterator[str]:
    if told["others_under_this_number"]:
        yield f"  {counted(told['others_under_this_number'], 'other erasure')} had its number"
    for one in told["lost"]:
        yield f"  of another request that had its number: {one['what']}"
        yield f"    hint: {one['hint']}"


def _searched(told: Mapping[str, Any]) -> Iterator[str]:
    if looked := told["looked"]:
        counts = ", ".join(f"{name} {n:,}" for name, n in looked["counts"].items())
        yield f"  looked at: {moment(looked['at'])} by run {looked['run']}: {counts}"
    for place in told["found"]:
        yield f"  found: {place}"
    for one in told["refused"]:
        yield f"  said of it: {one['what']}"
        yield f"    hint: {one['hint']}"
    for one in told["not_looked_at"]:
        yield f"  not looked at: {one['place']}: {one['why']}"
    if not told["not_looked_at_known"]:
        yield "  what that run could not look at is not on record: it did not end, or its month has left the ledger"
