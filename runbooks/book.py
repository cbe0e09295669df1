"""What a runbook is: what it must be told, how it learns its facts, and the steps that follow from them.

Knows nothing of any one book, and reads nothing itself.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Generic, TypeVar

from lifecycle.errors import InputError
from lifecycle.system import System
from runbooks.step import Step

Facts = TypeVar("Facts")
"""A frozen dataclass of strings, numbers and booleans: it is kept as JSON while somebody walks."""


def plan_of(about: Mapping[str, str], hint: str) -> str:
    """Return the hash of the plan that a book was told. Raise InputError, with where one is got, when it is none."""
    plan = about["plan"]
    if len(plan) != len("0123456789abcdef") or not set(plan) <= set("0123456789abcdef"):
        raise InputError(f"--plan is {plan!r}, which is no hash of a plan", hint=hint)
    return plan


@dataclass(frozen=True, slots=True)
class Book(Generic[Facts]):
    """A runbook. `title` says when it is taken from the shelf.

    `about` are the options it must be given: by name, what each means. `general` are placeholders, for a page read
    before anything has happened. `gather` returns the real facts and may raise any LifecycleError.
    """

    name: str
    title: str
    about: Mapping[str, str]
    general: Facts
    gather: Callable[[System, Mapping[str, str]], Facts]
    steps: Callable[[Facts], tuple[Step, ...]]

    def told(self, about: Mapping[str, str]) -> Mapping[str, str]:
        """Return what this book was told. Raise InputError when something lacks, or is for another book."""
        missing = [f"--{name}" for name in self.about if name not in about]
        strange = [f"--{name}" for name in about if name not in self.about]
        if missing or strange:
            wrong = (
                f"needs {', '.join(missing)}" if missing else f"does not know {', '.join(strange)}"
            )
            raise InputError(
                f"the runbook {self.name} {wrong}",
                hint=f"Write: lifecycle runbooks run {self.name} {self.options()}".rstrip(),
            )
        return about

    def options(self, about: Mapping[str, str] | None = None) -> str:
        """Return the book's options as they are typed; in capitals what is not known."""
        known = about or {}
        words = ((f"--{name}", known.get(name, name.upper())) for name in self.about)
        return shlex.join(word for pair in words for word in pair)

    def kept(self, facts: Facts) -> dict[str, Any]:
        """Return the facts as JSON can hold them."""
        assert is_dataclass(facts)
        assert not isinstance(facts, type)
        return asdict(facts)

    def steps_of(self, kept: Mapping[str, Any]) -> tuple[Step, ...]:
        """Return the steps for facts that were kept."""
        return self.steps(type(self.general)(**kept))
