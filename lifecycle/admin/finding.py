"""What `doctor` found: a verdict with its reason and the remedy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lifecycle import unexpected
from lifecycle.errors import LifecycleError
from lifecycle.outcome import Verdict
from lifecycle.system import System


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `why` it matters, `fix` is what to type or write; both empty where all is well."""

    check: str
    verdict: Verdict
    what: str
    why: str = ""
    fix: str = ""


Look = Callable[[System], Iterator[Finding]]
"""One question about a system. A room offers its own as `FINDINGS`, by what is looked at, in `<room>/findings.py`."""


def fine(check: str, what: str) -> Finding:
    """Return a finding that nothing needs to be done about."""
    return Finding(check, Verdict.PASS, what)


def bad(check: str, what: str, why: str, fix: str) -> Finding:
    """Return a finding that has to be mended."""
    return Finding(check, Verdict.FAIL, what, why, fix)


def refused(check: str, error: LifecycleError, why: str) -> Finding:
    """Return the finding that an error of ours is."""
    return Finding(check, Verdict.FAIL, error.what, why, error.hint)


def unknown(check: str, what: str, why: str, fix: str) -> Finding:
    """Return a finding that may or may not be a fault: somebody should look."""
    return Finding(check, Verdict.UNVERIFIED, what, why, fix)


def absent(check: str, what: str, why: str, fix: str) -> Finding:
    """Return the finding that something has been left out."""
    return Finding(check, Verdict.NOT_CONFIGURED, what, why, fix)


def not_asked(check: str, what: str) -> Finding:
    """Return that nothing was looked at, as nothing here asks for it: never a pass, and nothing to mend."""
    return Finding(check, Verdict.NOT_CONFIGURED, what)


def survive(check: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what `look` finds. One that breaks is a finding itself, and the others go on."""
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 - that is the promise
        why = "The check itself could not be carried out, so nothing is known."
        problem = unexpected.explain(error)
        yield unknown(check, problem.what, why, problem.hint)
