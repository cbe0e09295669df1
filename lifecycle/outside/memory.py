"""Files without a name that lie in memory: what tells of a full disk must not need one.

A file and no pipe, as whoever writes never waits for a reader, and a child that outlives its program holds nothing up.
"""

import os
import tempfile
from typing import IO


def file() -> IO[bytes]:
    """Return an empty file to write and read, gone once it is closed; a temporary one where memory has no files."""
    try:
        return os.fdopen(os.memfd_create("lifecycle"), "w+b")
    except (AttributeError, OSError):  # not Linux, or forbidden there
        return tempfile.TemporaryFile()
