"""A charter that says "the only module" is held: by what the modules import and call, not by what they say."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]
SANDBOX = "lifecycle/sandbox/"
"""The stand-ins; no part of the product ("the product never imports it")."""

HELD = {  # charter: (what only it does, as a name that is imported or called)
    "gdpr/payer.py": re.compile(r".*\.customers\.(delete|update|create)"),
    "lifecycle/outside/objects.py": re.compile(r"boto3(\..*)?"),
    "lifecycle/outside/commands.py": re.compile(r"plumbum(\..*)?"),
    "lifecycle/outside/age.py": re.compile(r"pyrage(\..+)?"),
    "lifecycle/clock.py": re.compile(
        r"(datetime|date|time)\.(now|utcnow|today|time|monotonic|perf_counter)"
    ),
}


@cache
def trees() -> dict[str, ast.Module]:
    """Return every module by its path, read once and by the one worker that asks."""
    return {
        str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8"))
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
    }


@cache
def does(path: str) -> frozenset[str]:
    """Return every module that is imported there and everything that is called there."""
    tree = trees()[path]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
    return frozenset(found)


def test_every_charter_that_says_the_only_module_is_held_here():
    says = {
        path
        for path, tree in trees().items()
        if re.search(r"\b[Oo]nly module\b", ast.get_docstring(tree) or "")
    }
    assert says == set(HELD)


@pytest.mark.parametrize("charter", HELD)
def test_only_that_module_does_it(charter: str):
    doing = {
        path
        for path in trees()
        if not path.startswith(SANDBOX) and any(map(HELD[charter].fullmatch, does(path)))
    }
    assert doing == {charter}
