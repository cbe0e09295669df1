"""Reads a policy or settings file and reports every mistake at once, each with its line and what to write instead.

Three sieves: YAML (`yaml_file.py`), shape (pydantic, told by `shape_mistakes.py`), and for a policy sense (`check.py`).
Values are not repeated in a message: somebody may have written a password where the name of a file belongs.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lifecycle.errors import InputError
from lifecycle.policy import check, shape_mistakes
from lifecycle.policy.mistake import Lines, Mistake
from lifecycle.policy.model import Policy
from lifecycle.policy.yaml_file import read_yaml
from lifecycle.settings import Settings

M = TypeVar("M", bound=BaseModel)


def policy(path: Path) -> tuple[Policy, str]:
    """Return the policy in the file and its digest, which comments and the order of keys do not change.

    Raise InputError with one mistake per line.
    """
    found, _, digest = policy_with_lines(path)
    return found, digest


def policy_with_lines(path: Path) -> tuple[Policy, Lines, str]:
    """Return the policy, the line of each key in it, and its digest. Raise as `policy`."""
    data, lines = read_yaml(path)
    found = _shaped(data, lines, Policy)
    refuse(lines, check.check(found))
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return found, lines, hashlib.sha256(canonical.encode()).hexdigest()


def settings(path: Path) -> Settings:
    """Return the settings in the file; relative paths in it count from its directory. Raise as `policy`."""
    data, lines = read_yaml(path)
    found = _shaped(data, lines, Settings)
    return found.model_copy(update={"base": path.absolute().parent})


def load(path: Path, model: type[M]) -> tuple[M, Lines]:
    """Return the file as an instance of `model`, judged by its shape alone. Raise as `policy`."""
    data, lines = read_yaml(path)
    return _shaped(data, lines, model), lines


def refuse(lines: Lines, mistakes: Sequence[Mistake]) -> None:
    """Raise InputError with one mistake per line, in the order of the file, if there are any."""
    if mistakes:
        told = lines.tell(mistakes)
        raise InputError(
            "\n".join(told),
            hint=f"Correct {'this line' if len(told) == 1 else f'these {len(told)} mistakes'} in {lines.file}; "
            "nothing was started.",
        )


def _shaped(data: Any, lines: Lines, model: type[M]) -> M:
    # Through JSON, because pydantic is strict about it in the way we want: a list is a tuple, 1 is not true.
    try:
        found = model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        refuse(lines, [*lines.found, *shape_mistakes.explain(error, data, model)])
        raise  # not reached: a ValidationError explains itself by one mistake at least
    refuse(lines, lines.found)
    return found
