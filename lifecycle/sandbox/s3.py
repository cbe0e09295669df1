"""An S3 server on loopback, moto's, in a process of its own: `python -m lifecycle.sandbox.s3`.

It knows versions, Object Lock, lifecycle rules and multipart uploads, and keeps everything in memory.
It does not know time: lifecycle rules never act, expired presigned links still work, and a compliance
lock can be shortened. Tests that lean on those run against versitygw.
"""

import contextlib
import logging
from pathlib import Path

from lifecycle.sandbox import child

# moto takes any credentials; these make it plain in a log where they belong.
ACCESS_KEY = "sandbox"
SECRET_KEY = "sandbox"  # noqa: S105 (opens nothing)
REGION = "us-east-1"


def start(directory: Path) -> contextlib.AbstractContextManager[child.Running]:
    """Run the server until the end of the block; its log lies in `directory`.

    Raise Unreachable if it does not answer within 15 seconds.
    """
    return child.started("lifecycle.sandbox.s3", directory)


def _serve() -> int:
    """Start moto's server in a thread and return its port."""
    # Imported here, because only the child needs it: it takes most of a second.
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    return server.get_host_and_port()[1]


if __name__ == "__main__":
    child.serve(_serve)
