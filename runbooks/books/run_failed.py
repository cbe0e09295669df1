"""The runbook "run-failed": a run failed; what to do at 3 a.m."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from lifecycle import rooms
from lifecycle.errors import InputError, NotFound, Refused
from lifecycle.ledger import runs
from lifecycle.outside.commands import Finished
from lifecycle.system import System
from runbooks.book import Book
from runbooks.step import Step

READS = "Nothing to undo: it only reads."


@dataclass(frozen=True, slots=True)
class Facts:
    """The run this is about, as it was when the runbook was begun. `run` is a number, or RUN on a general page."""

    system: str
    run: str
    job: str
    state: str
    found: str
    retry_safe: bool


GENERAL = Facts("SYSTEM", "RUN", "JOB", "failed", "what the run said in the end", retry_safe=False)
"""Placeholders, for a page that is read before anything has failed."""


def gather(system: System, about: Mapping[str, str]) -> Facts:
    """Return what the ledger says of the run. Raise NotFound, InputError; Refused when it did not fail."""
    if not about["run"].isdecimal():
        raise InputError(
            f"--run is {about['run']!r}, which is no number", hint="See `lifecycle runs list`."
        )
    run = int(about["run"])
    with system.connect("runbooks", write=False) as conn:
        row = runs.shown(conn, system.name, run)
    state = str(row["verdict"] or row["state"])
    if state in ("pass", "queued", "running"):
        raise Refused(
            f"run {run} did not fail: it is {state}",
            hint="See `lifecycle runs list` for the one that did.",
        )
    job = str(row["job"])
    if state == "could not verify":
        raise Refused(
            f"run {run} could not verify: it stays what it is and cannot be resumed",
            hint=f"`lifecycle runs show {run}` says what was not looked at and why; then `lifecycle run {job}`.",
        )
    return Facts(
        system.name,
        str(run),
        job,
        state,
        str(row["summary"] or "nothing"),
        _retry_safe(system, job),
    )


def _retry_safe(system: System, job: str) -> bool:
    try:
        return rooms.job(system.policy, job).retry_safe
    except NotFound:  # the policy has changed and offers this job no more
        return False


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps for this run."""
    return (*_look(facts), _decide(facts), *_act(facts))


def _look(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "series",
            f"See whether {facts.job} failed once or again and again",
            "A first failure is often the network; the third in a row is not, and resuming will not help.",
            "check",
            expect="A list of the job's latest runs. Note since when it fails.",
            undo=READS,
            words=_words(facts, "runs", "list", "--job", facts.job, "--count", "5"),
        ),
        Step(
            "look",
            f"Read what run {facts.run} found, and what it had changed by then",
            "Its failures carry a hint each. Its evidence is all that it changed: what is not there did not "
            "happen, as evidence commits with the change. An intent without an outcome may have happened.",
            "check",
            expect="State, failures with hints, counts, and the lines of evidence.",
            undo=READS,
            words=_words(facts, "runs", "show", facts.run),
        ),
        Step(
            "doctor",
            "Look for a cause that would fail the next run as well",
            "A right that is missing, a bucket out of reach or a full disk is mended first, or the resumed run "
            "ends like this one.",
            "check",
            expect="No finding (exit code 0). Mend each finding as its hint says, then run this step again.",
            undo=READS,
            words=_words(facts, "doctor"),
        ),
    )


def _decide(facts: Facts) -> Step:
    safe = (
        f"{facts.job} may be run again at any time: each of its steps asks the world first whether it is done."
        if facts.retry_safe
        else f"{facts.job} is not known to be safe to run again. Read its evidence line by line; ask somebody."
    )
    return Step(
        "decide",
        "Decide whether to resume it now",
        f"The run ended as `{facts.state}`: {facts.found}. {safe}",
        "decision",
        expect="Go on when the cause is mended or was passing, and nothing in the evidence speaks against it. "
        "Otherwise abort here: the run stays as it is, and the next slot comes at its time.",
        undo="Nothing has been changed up to here.",
        unattended=facts.retry_safe,
    )


def _act(facts: Facts) -> tuple[Step, ...]:
    return (
        Step(
            "resume",
            f"Put run {facts.run} back into the queue",
            "It keeps its number and its place in time; a daemon or worker takes it within seconds.",
            "command",
            expect="The run waits again (exit code 0).",
            undo=f"`lifecycle --system {facts.system} runs cancel {facts.run}`, as long as it waits.",
            words=_words(facts, "runs", "resume", facts.run),
        ),
        Step(
            "watch",
            "Wait until it has ended, and see that it passed",
            "A run that is queued is not a run that is done: without a daemon it waits for ever.",
            "check",
            expect="State `finished`, verdict `pass`. If it stays queued, no daemon or worker is running.",
            undo=READS,
            words=_words(facts, "--json", "runs", "show", facts.run),
            judge=passed,
            patience=timedelta(minutes=30),
        ),
        Step(
            "tell",
            "Tell those who were alarmed",
            "Whoever got the alert still believes that it burns, and the morning's report will show the failure.",
            "manual",
            expect=f"A message such as: “{facts.job} (run {facts.run} on {facts.system}) ended as {facts.state}; "
            "it was resumed and passed. Cause: ...”. If it happens again within a week, open a ticket.",
            undo="A correction.",
            unattended=False,
        ),
    )


def passed(finished: Finished) -> bool | None:
    """Say whether the shown run passed; None while it waits or runs."""
    if finished.exit_code != 0:
        return False
    try:
        shown: Mapping[str, object] = {
            row["fact"]: row["value"] for row in json.loads(finished.stdout)["rows"]
        }
    except (ValueError, KeyError, TypeError):
        return False
    if shown.get("state") in ("queued", "running"):
        return None
    return shown.get("verdict") == "pass"


def _words(facts: Facts, *words: str) -> tuple[str, ...]:
    return ("--system", facts.system, *words)


BOOK = Book(
    "run-failed",
    "A run failed: what to do at 3 a.m.",
    {"run": "The run it is about, from `lifecycle runs list`."},
    GENERAL,
    gather,
    steps,
)
