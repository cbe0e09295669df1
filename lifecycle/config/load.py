"""Reads a configuration file and reports every mistake at once, each with its line and what to write instead.

Two sieves: YAML (`yaml_file.py`) and shape (pydantic, told by `shape_mistakes.py`). Values are not repeated in a
message: somebody may have written a password where the name of a file belongs.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lifecycle.config import shape_mistakes
from lifecycle.config.mistake import Lines, Mistake
from lifecycle.config.yaml_file import read_yaml
from lifecycle.errors import InputError

M = TypeVar("M", bound=BaseModel)


def load(path: Path, model: type[M]) -> tuple[M, Lines]:
    """Return the file as an instance of `model`, and the line of each key. Raise InputError, one mistake per line."""
    data, lines = read_yaml(path)
    return shaped(data, lines, model), lines


class Mistaken(InputError):
    """A file is wrong in these places."""

    def __init__(self, lines: Lines, mistakes: Sequence[Mistake]) -> None:
        told = lines.tell(mistakes)
        super().__init__(
            "\n".join(told),
            hint=f"Correct {'this line' if len(told) == 1 else f'these {len(told)} mistakes'} in {lines.file}; "
            "nothing was started.",
        )
        self.mistakes = tuple(mistakes)


def refuse(lines: Lines, mistakes: Sequence[Mistake]) -> None:
    """Raise Mistaken with one mistake per line, in the order of the file, if there are any."""
    if mistakes:
        raise Mistaken(lines, mistakes)


def shaped(data: Any, lines: Lines, model: type[M]) -> M:
    """Return what was read as an instance of `model`. Raise InputError with every mistake of its shape."""
    # Through JSON, because pydantic is strict about it in the way we want: a list is a tuple, 1 is not true.
    try:
        found = model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        refuse(lines, [*lines.found, *shape_mistakes.explain(error, data, model)])
        raise  # not reached: a ValidationError explains itself by one mistake at least
    refuse(lines, lines.found)
    return found
