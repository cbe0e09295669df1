"""Fetches one file of the log for PostgreSQL: `restore_command = 'lifecycle backups wal-fetch %f %p'`.

What it does and why stands in `wal_fetch.sh`, which a drill's server runs itself. Never decides that an error is the
end of the archive.
"""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

ABSENT, FAILED = 1, 255
SCRIPT = Path(__file__).with_suffix(".sh")


def fetch(wal_g: tuple[str, ...], name: str, destination: Path, env: Mapping[str, str]) -> int:
    """Fetch the file called `name`; return 0, ABSENT or FAILED. `wal_g` is the program with its options."""
    argv = ("/bin/sh", str(SCRIPT), name, str(destination), *wal_g)
    ended = subprocess.run(argv, env=dict(env), check=False).returncode  # noqa: S603 (the words as they are)
    return ended if ended in (0, ABSENT) else FAILED


def restore_command(script: Path, wal_g: tuple[str, ...]) -> str:
    """Return what a server runs, with the script at a place that its account can read."""
    words = shlex.join(wal_g).replace("%", "%%")
    return f"/bin/sh {shlex.quote(str(script))} %f %p {words}"
