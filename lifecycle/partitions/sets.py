"""Sets of partitions that are made once: by hash, which must be whole, and by lists of values. Pure.

A hash set is whole when its remainders leave no row out, whatever moduli they are of: 0 of 2, 1 of 4 and 3 of 4 are.
A row that no partition takes is refused, and of a hash set nobody can tell beforehand which row that will be.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lifecycle.outcome import Failure
from lifecycle.partitions.rule import Partitioning, Then
from lifecycle.postgres.catalog import Branch
from lifecycle.words import counted

_HASH = re.compile(r"^FOR VALUES WITH \(modulus (\d+), remainder (\d+)\)$")
_LIST = re.compile(r"^FOR VALUES IN \((.*)\)$", re.DOTALL)
_VALUE = re.compile(r"'((?:[^']|'')*)'|([^',\s]+)")


@dataclass(frozen=True, slots=True)
class Bucket:
    """One partition of a set: the end of its name, and modulus and remainder, or the values of its list."""

    label: str
    values: tuple[str, ...]


def wanted(rule: Partitioning | Then) -> tuple[Bucket, ...]:
    """Return the set that the rule asks for."""
    if rule.hash:
        return tuple(Bucket(str(n), (str(rule.hash), str(n))) for n in range(rule.hash))
    return tuple(Bucket(name, values) for name, values in (rule.list or {}).items())


def missing(rule: Partitioning | Then, branch: Branch) -> tuple[Bucket, ...]:
    """Return what has to be made so that the set is whole. Raise Odd when it cannot be, as the rule has it."""
    if rule.hash is None:
        held = {value for _, bound in branch.children for value in values(bound)}
        left = (
            Bucket(bucket.label, tuple(v for v in bucket.values if v not in held))
            for bucket in wanted(rule)
        )
        return tuple(bucket for bucket in left if bucket.values)
    if not uncovered(branch):
        return ()
    moduli = sorted({modulus for modulus, _ in _remainders(branch)})
    if moduli not in ([], [rule.hash]):
        raise Odd(
            f"its partitions are of modulus {', '.join(map(str, moduli))}, and the policy says {rule.hash}"
        )
    held = {remainder for _, remainder in _remainders(branch)}
    return tuple(b for b in wanted(rule) if int(b.values[1]) not in held)


class Odd(Exception):
    """A set that does not fit the rule."""


def uncovered(branch: Branch) -> tuple[int, tuple[int, ...]] | None:
    """Return the modulus of a hash set and the remainders that no partition takes, or None when it is whole."""
    remainders = tuple(_remainders(branch))
    whole = math.lcm(*(modulus for modulus, _ in remainders)) if remainders else 1
    taken = {n for modulus, rest in remainders for n in range(rest, whole, modulus)}
    left = tuple(n for n in range(whole) if n not in taken)
    return (whole, left) if left else None


def broken(branch: Branch) -> Failure | None:
    """Return what is wrong with a hash set that is not whole."""
    left = uncovered(branch) if branch.strategy == "hash" else None
    if left is None:
        return None
    modulus, rests = left
    which = (
        f"with remainder {', '.join(map(str, rests[:5]))} of {modulus}"
        if branch.children
        else "all"
    )
    return Failure(
        branch.name,
        f"its set of {counted(len(branch.children), 'hash partition')} is not whole: rows {which} are refused",
        "Make the partitions that are missing: `create table ... partition of ... for values with (...)`.",
    )


def values(bound: str) -> Iterator[str]:
    """Yield the values of a list as PostgreSQL prints them, without quotes; NULL is `NULL`."""
    match = _LIST.match(bound)
    for quoted, bare in _VALUE.findall(match[1] if match else ""):
        yield bare or quoted.replace("''", "'")


def _remainders(branch: Branch) -> Iterator[tuple[int, int]]:
    for _, bound in branch.children:
        if match := _HASH.match(bound):
            yield int(match[1]), int(match[2])
