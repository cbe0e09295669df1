"""Walks through the steps of a runbook: with a person, who runs, skips or aborts, or without one.

Each step is written down before it begins and after it ended. Whoever comes back begins at the first step that
is neither done nor skipped. Without a person the walk stops at the first expectation that is not met.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifecycle import clock
from lifecycle.errors import Interrupted, Unproven
from lifecycle.outside import commands
from lifecycle.outside.commands import Finished
from runbooks import page
from runbooks.progress import Entry, Progress, Result
from runbooks.step import Step

PAUSE = 2.0
"""Seconds between two looks at something that is waited for."""

OVER = ("done", "skipped")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the keyboard: `say` shows a line, `ask` shows a question and returns the answer."""

    say: Callable[[str], None]
    ask: Callable[[str], str]


def attended(progress: Progress, steps: Sequence[Step], person: Person) -> Progress:
    """Walk with a person. Raise Interrupted when they abort; `runbooks resume` goes on from there."""
    for number, step in enumerate(steps, start=1):
        result = progress.result_of(step.id)
        if result in OVER:
            person.say(f"{number}. {step.title}: {result} before")
            continue
        if result == "started":
            person.say(
                "This step was interrupted: its effect is not known. Look before you run it again."
            )
        _show(number, step, person)
        progress = _with_person(progress, step, person)
    return progress.ended()


def unattended(progress: Progress, steps: Sequence[Step], say: Callable[[str], None]) -> Progress:
    """Walk without a person. Raise Unproven at the first step whose expectation is not met.

    What only a person can do is left to them, and said; a decision that is not safe to take ends the walk.
    """
    for number, step in enumerate(steps, start=1):
        if progress.result_of(step.id) in OVER:
            continue
        say(f"{number}. {step.title}")
        if step.words:
            progress = _carry_out(progress, step, say)
            if progress.result_of(step.id) == "failed":
                raise Unproven(
                    f"step {step.id!r} did not end as expected",
                    hint=f"{step.expect} Then: lifecycle runbooks resume.",
                )
        elif step.unattended:
            progress = _note(progress, step, "done", "taken without a person: safe for this job")
        else:
            progress = _note(progress, step, "left to a person")
            say(f"   left to a person: {step.expect}")
            if step.kind == "decision":
                raise Unproven(
                    f"step {step.id!r} needs a person",
                    hint=f"{step.why} Go on with: lifecycle runbooks resume.",
                )
    return progress.ended() if all(progress.result_of(s.id) in OVER for s in steps) else progress


def _with_person(progress: Progress, step: Step, person: Person) -> Progress:
    """Ask until the step is over. Raise Interrupted on abort."""
    while progress.result_of(step.id) not in OVER:
        match person.ask("[r]un, [s]kip or [a]bort?").strip().lower()[:1]:
            case "r" if step.words:
                progress = _carry_out(progress, step, person.say)
            case "r":
                progress = _note(progress, step, "done", person.ask("What was done or decided?"))
            case "s":
                if reason := person.ask("Why is it skipped?").strip():
                    progress = _note(progress, step, "skipped", reason)
            case "a":
                raise Interrupted(
                    f"stopped before the end of step {step.id!r}",
                    hint="`lifecycle runbooks resume` goes on from there.",
                )
            case _:
                person.say("Type r, s or a.")
    return progress


def _show(number: int, step: Step, person: Person) -> None:
    person.say(f"\n{number}. {step.title}  ({page.DOES[step.kind]})")
    person.say(f"   {step.why}")
    if step.words:
        person.say(f"   $ {page.command(step)}")
    person.say(f"   expect: {step.expect}")
    person.say(f"   undo: {step.undo}")


def _carry_out(progress: Progress, step: Step, say: Callable[[str], None]) -> Progress:
    """Run the step's command until it is judged, and write both moments down."""
    progress = _note(progress, step, "started")
    say(f"   $ {page.command(step)}")
    deadline = clock.monotonic() + step.patience.total_seconds()
    finished = _run(step)
    while (verdict := step.judge(finished)) is None and clock.monotonic() < deadline:
        time.sleep(PAUSE)
        finished = _run(step)
    for line in (finished.stdout + finished.stderr_tail).splitlines():
        say(f"   {line}")
    result: Result = "done" if verdict else "failed"
    say(f"   {'as expected' if verdict else f'not as expected (exit code {finished.exit_code})'}")
    digest = hashlib.sha256(finished.stdout.encode()).hexdigest()
    return progress.with_entry(
        Entry(
            step.id,
            result,
            clock.now().isoformat(),
            exit_code=finished.exit_code,
            output_sha256=digest,
        )
    )


def _run(step: Step) -> Finished:
    # Ourselves, so with our own environment and directory: there the settings and the secrets are named.
    argv = (sys.executable, "-m", "lifecycle", *step.words)
    return commands.attempt(argv, env=dict(os.environ), limit=step.limit, directory=Path.cwd())


def _note(progress: Progress, step: Step, result: Result, note: str = "") -> Progress:
    return progress.with_entry(Entry(step.id, result, clock.now().isoformat(), note=note))
