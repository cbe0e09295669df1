"""Reads a policy file: its YAML and shape (`config/load.py`), then its sense (`check.py`)."""

import hashlib
import json
from pathlib import Path

from lifecycle.config.load import refuse, shaped
from lifecycle.config.mistake import Lines
from lifecycle.config.yaml_file import read_yaml
from lifecycle.policy import check, whole
from lifecycle.policy.model import Policy


def policy(path: Path) -> tuple[Policy, str]:
    """Return the policy in the file and its digest, which comments and the order of keys do not change.

    Raise InputError with one mistake per line.
    """
    found, _, digest = policy_with_lines(path)
    return found, digest


def policy_with_lines(path: Path) -> tuple[Policy, Lines, str]:
    """Return the policy, the line of each key in it, and its digest. Raise as `policy`."""
    data, lines = read_yaml(path)
    found = shaped(data, lines, whole.model())
    refuse(lines, check.check(found))
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return found, lines, hashlib.sha256(canonical.encode()).hexdigest()
