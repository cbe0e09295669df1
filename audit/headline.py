"""The one sentence a reader takes away. Pure.

Green only where the schedule expected something, nothing of the period is unknown, every slot is on the ledger and
passed, and no room has something to say that is not as promised.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from audit.attention import GAP, GRAVE
from lifecycle.words import counted

NAMED = 3
"""How many jobs and times the sentence names; the page below has them all."""


def headline(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the sentence, and the level it is shown at: the gravest of what it says."""
    said = list(_said(document))
    level = said[0][0] if said else "good"
    words = (
        " ".join(text for _, text in said)
        if said
        else "Everything that was due in this period ran and passed."
    )
    return {"level": level, "text": words}


def _said(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (level, sentence), the gravest first; nothing where all is well."""
    grave = [*_failed(document), *_told(document, "bad")]
    unsure = [*_told(document, "warn"), *_unsure(document["jobs"], document["attention"])]
    for number, (level, sentence) in enumerate([*grave, *unsure]):
        yield level, sentence if number or grave else f"Nothing failed; {sentence}"
    yield from _not_known(document)


def _failed(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    items = [item for item in document["attention"] if item["what"] in GRAVE]
    gaps = [item for item in items if item["what"] == GAP]
    missing = sum(item["times"] for item in gaps)
    if failed := sum(job["failed"] + job["lost"] + job["missed"] for job in document["jobs"]):
        names = _named(item for item in items if item["what"] != GAP)
        yield "bad", f"{counted(failed, 'run')} failed, {_was(failed)} missed or lost: {names}."
    if missing:
        slots, are = counted(missing, "slot"), "is" if missing == 1 else "are"
        yield (
            "bad",
            f"{slots} that the schedule expected {are} not on the ledger: {_named(gaps)}.",
        )


def _told(document: Mapping[str, Any], level: str) -> Iterator[tuple[str, str]]:
    for chapter in document["chapters"]:
        if chapter["level"] == level:
            yield level, f"{chapter['title']}: {chapter['sentence']}"


def _unsure(
    jobs: Iterable[Mapping[str, Any]], items: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    if unsure := sum(job["could_not_verify"] + job["cancelled"] for job in jobs):
        runs, names = counted(unsure, "run"), _named(i for i in items if i["level"] == "warn")
        yield "warn", f"{runs} could not verify, or {_was(unsure)} cancelled: {names}."
    if waiting := sum(job["open"] for job in jobs):
        yield "open", f"{counted(waiting, 'run')} had not ended when this was written."


def _not_known(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    due, passed = (sum(row[of] for row in document["schedule"]) for of in ("expected", "passed"))
    if document["unknown"]:
        yield "quiet", _unknown(document["unknown"])
    elif not due:
        ran = "what ran was asked for by a person" if document["runs"] else "and nothing ran"
        yield "warn", f"Nothing was due in this period, {ran}."
    if passed < due:
        yield "quiet", f"{passed} of {counted(due, 'slot')} that the schedule expected passed."


def _named(items: Iterable[Mapping[str, Any]]) -> str:
    every = [_name(item) for item in items]
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more


def _name(item: Mapping[str, Any]) -> str:
    if not item["runs"]:
        return f"{item['job']} ({item['times']})"
    others = len(item["runs"]) - 1
    return f"{item['job']} (run {item['runs'][-1]}{f' and {others} more' if others else ''})"


def _unknown(parts: list[dict[str, Any]]) -> str:
    # One part for many jobs, or many that begin alike: each reason once, over all of its time.
    spans: dict[str, tuple[str, str]] = {}
    for part in parts:
        since, to = spans.get(part["why"], (part["from"], part["to"]))
        spans[part["why"]] = (min(since, part["from"]), max(to, part["to"]))
    told = [f"{_day(since)} to {_day(to)} ({why})" for why, (since, to) in spans.items()]
    return f"Nothing is known of {'; '.join(told)}."


def _day(text: str) -> str:
    return text.replace("T", " ").removesuffix(":00Z").removesuffix("Z") + " UTC"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
